package bridge

import (
	"bufio"
	_ "embed"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"clever-ssh/internal/quote"
)

// The relays that are tried on the instance, one after the other, and the script that does so.
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

// relayCommand connects to host and port on the instance.
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

// checkDestination accepts IP addresses and what a name server may know. Whatever it accepts is no option.
func checkDestination(host string, port uint32) error {
	if port == 0 || port > 65535 {
		return errors.New("the port is not one of 1 to 65535")
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.ContainsAny(host, "%") {
		return nil
	}
	if host == "" || len(host) > 253 || host[0] == '-' {
		return errors.New("the destination is no host name")
	}
	for _, c := range []byte(host) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return errors.New("the destination is no host name")
		}
	}
	return nil
}

// awaitConnected reads what a relay says on stderr, until it is connected. The error says why it is not.
func awaitConnected(stderr io.Reader) error {
	const enough = 100 // lines, of what is not ours
	lines := bufio.NewReaderSize(stderr, 4<<10)
	why := "the relay on the instance ended"
	for range enough {
		line, err := lines.ReadSlice('\n')
		switch text := strings.TrimSpace(string(line)); {
		case text == "connected" && err == nil:
			return nil
		case text != "":
			// bash puts the name of what failed before the reason.
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

// copyUntil copies up to a marker, which it reports whether it has found. What may be the beginning of the marker is held back,
// but not for long if it is short: it may as well be the last byte of a message whose sender waits for the answer.
func copyUntil(to io.Writer, from io.Reader, end string) (found bool, err error) {
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
			at, length, _ := findMarker(data, end)
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
