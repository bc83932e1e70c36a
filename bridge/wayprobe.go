package bridge

import (
	"bytes"
	"io"
)

// A way to the instance that is not a plain pipe may strip the eighth bit, translate line ends, swallow control
// characters of a terminal, or echo its input. A file copied over it would be wrong, and nobody would know. So
// each way is tested before the command begins, with bytes that travel with the marker and with the go-ahead
// and cost no round trip.

const (
	// wayProbe comes from the instance after each marker. A full stop ends it, however the rest was changed.
	wayProbe = "\377\000\200\r\n\n\r\t\021\023\003\004\033."
	// wayProbeFormat is wayProbe as a format of printf(1), for double quotes.
	wayProbeFormat = `\377\000\200\015\012\012\015\011\021\023\003\004\033.`
	// errorProbe is the one on stderr. It has no line feed, because bash would write out what it has at each line
	// feed, and lines of ssh's own log may come between two writes.
	errorProbe       = "\377\000\200\r\t\021\023\003\004\033."
	errorProbeFormat = `\377\000\200\015\011\021\023\003\004\033.`
	// maxWayProbe is how long a changed wayProbe may be.
	maxWayProbe = 4 * len(wayProbe)
)

// probeEnd returns where the text in place of wayProbe ends, or 0 as long as more of it may come.
func probeEnd(text []byte) int {
	if end := bytes.IndexByte(text, wayProbe[len(wayProbe)-1]); end >= 0 {
		return end + 1
	}
	if len(text) > maxWayProbe {
		return len(text)
	}
	return 0
}

// opening is a command's stdout. Its first bytes may show that the way to the instance is not a plain pipe. It
// holds back only these bytes, and only as long as they may show that.
type opening struct {
	in            io.Reader
	echo, refusal []byte
	spoiled       func(error) // called, if set, when they do; Read returns the same error
	held          []byte
	err           error
	seen          bool
}

func (o *opening) Read(buf []byte) (int, error) {
	for !o.seen {
		n, err := o.in.Read(buf)
		o.held = append(o.held, buf[:n]...)
		switch {
		case bytes.HasPrefix(o.held, o.echo):
			return o.spoil(&WayError{Echoing})
		case bytes.HasPrefix(o.held, o.refusal):
			return o.spoil(&WayError{ChangingInput})
		}
		o.err = err
		o.seen = err != nil || !bytes.HasPrefix(o.echo, o.held) && !bytes.HasPrefix(o.refusal, o.held)
	}
	if len(o.held) > 0 {
		n := copy(buf, o.held)
		o.held = o.held[n:]
		return n, nil
	}
	if o.err != nil {
		return 0, o.err
	}
	return o.in.Read(buf)
}

func (o *opening) spoil(err error) (int, error) {
	if o.spoiled != nil {
		o.spoiled(err)
	}
	return 0, err
}
