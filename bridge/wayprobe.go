package bridge

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
)

// A way to the instance that is no plain pipe may strip the eighth bit, translate line ends, swallow what controls a terminal, or send
// back what it gets. A file that is copied over it comes out wrong, and nothing says so. Each way is therefore tried before the
// command begins, with bytes that travel with the marker and with the go-ahead, so that it costs no round trip.

const (
	// wayProbe comes from the instance after each marker. A full stop ends it, however the rest was changed.
	wayProbe = "\377\000\200\r\n\n\r\t\021\023\003\004\033."
	// wayProbeFormat is wayProbe as a format of printf(1), for double quotes.
	wayProbeFormat = `\377\000\200\015\012\012\015\011\021\023\003\004\033.`
	// maxWayProbe is how long a changed one may be.
	maxWayProbe = 4 * len(wayProbe)
)

// probeEnd returns where what came in place of wayProbe ends, and 0 as long as more of it may come.
func probeEnd(text []byte) int {
	if end := bytes.IndexByte(text, wayProbe[len(wayProbe)-1]); end >= 0 {
		return end + 1
	}
	if len(text) > maxWayProbe {
		return len(text)
	}
	return 0
}

// newGoAhead makes a line that lets a command run, without its line feed. It is random, so that what a command writes is not taken for
// its echo. No shell's read takes away a byte of it.
func newGoAhead() string {
	var random [8]byte
	rand.Read(random[:])
	return "\377" + hex.EncodeToString(random[:]) + "\303\251\021\023\t\r"
}

// echo is how what sends back the go-ahead begins, whatever that does with control characters.
func (s *script) echo() []byte { return []byte(s.goAhead[:17]) }

// probe is the format of what comes with the markers. A terminal that a person has asked for changes it.
func (s *script) probe() string {
	if s.onTerminal {
		return ""
	}
	return wayProbeFormat
}

// refuse is the shell's command for when something else has come than the go-ahead.
func (s *script) refuse() string {
	return `printf "\377%s%s" ` + s.refused.first + " " + s.refused.second + "; "
}

// refusal is what that prints.
func (s *script) refusal() []byte { return []byte("\377" + s.refused.String()) }

// opening is a command's stdout. Its first bytes may show that the way to the instance is no plain one. No more than these are held
// back, and only as long as they might.
type opening struct {
	in            io.Reader
	echo, refusal []byte
	spoiled       func(error) // is called when they do, if it is set; Read returns the same error
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
