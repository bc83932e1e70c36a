package bridge

import (
	"bufio"
	_ "embed"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"clever-ssh/internal/quote"
)

// The relays, and the script that tries one after another on the instance.
var (
	//go:embed relays/relay.pl
	relayPerl string
	//go:embed relays/relay.py
	relayPython string
	//go:embed relays/relay.js
	relayNode string
	//go:embed relays/relay.sh
	relayScript string
)

// relayCommand connects to host and port from the instance. After the last byte from there it prints end.
func relayCommand(host string, port int, end marker) string {
	var b strings.Builder
	for _, variable := range []struct{ name, value string }{
		{"host", host}, {"port", strconv.Itoa(port)}, {"end", end.String() + ":0;"},
		{"perl", relayPerl}, {"python", relayPython}, {"node", relayNode},
	} {
		b.WriteString(variable.name + "=" + quote.POSIX(variable.value) + "\n")
	}
	return b.String() + relayScript
}

// awaitConnected reads a relay's messages on stderr until it is connected. The error says why it is not.
func awaitConnected(stderr io.Reader) error {
	const enough = 100 // lines that are not from the relay
	lines := bufio.NewReaderSize(stderr, 4<<10)
	why := "the relay on the instance ended"
	for range enough {
		line, err := lines.ReadSlice('\n')
		switch text := strings.TrimSpace(string(line)); {
		case text == "connected" && err == nil:
			return nil
		case text != "":
			// bash prints the name of what failed before the reason.
			if _, after, ok := strings.Cut(text, "/dev/tcp/"); ok {
				_, text, _ = strings.Cut(after, ": ")
			}
			why = quote.Lines(text)
		}
		if err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	return errors.New(why)
}

// copyUntil copies up to a marker, and reports whether it found the marker. It holds back what may be the
// marker's beginning. If that is short, it does not hold it long: it may just as well be the last byte of a
// message whose sender waits for the answer.
func copyUntil(to io.Writer, from io.Reader, end marker) (found bool, err error) {
	const short, patience = 8, 100 * time.Millisecond
	buf := make([]byte, 32<<10)
	type part struct {
		n   int
		err error
	}
	parts, next, done := make(chan part), make(chan struct{}), make(chan struct{})
	defer close(done)
	go func() {
		for {
			n, err := from.Read(buf)
			select {
			case parts <- part{n, err}:
			case <-done:
				return
			}
			select {
			case <-next:
			case <-done:
				return
			}
		}
	}()
	var held []byte
	for {
		var waited <-chan time.Time
		if len(held) > 0 && len(held) < short {
			waited = time.After(patience)
		}
		select {
		case p := <-parts:
			data := buf[:p.n]
			if len(held) > 0 {
				data = append(held, data...)
			}
			at, length, _ := end.find(data)
			if p.err != nil && length == 0 {
				at = len(data)
			}
			if at > 0 {
				if _, err := to.Write(data[:at]); err != nil {
					return false, err
				}
			}
			if length > 0 || p.err != nil {
				return length > 0, nil
			}
			held = append([]byte(nil), data[at:]...)
			next <- struct{}{}
		case <-waited:
			if _, err := to.Write(held); err != nil {
				return false, err
			}
			held = nil
		}
	}
}
