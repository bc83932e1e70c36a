package bridge

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"unicode"

	"golang.org/x/crypto/ssh"
)

// chunked reads data in pieces of the given sizes, again and again; a size of 0 means one byte.
type chunked struct {
	data  []byte
	sizes []byte
	reads int
	taken int // how many bytes were read
}

func (c *chunked) Read(buf []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	size := 1
	if len(c.sizes) > 0 {
		size = max(1, int(c.sizes[c.reads%len(c.sizes)]))
	}
	n := copy(buf[:min(size, len(buf))], c.data)
	c.data, c.reads, c.taken = c.data[n:], c.reads+1, c.taken+n
	return n, nil
}

var (
	testHello = marker{"00112233445566ab", "8899aabbccddeeff"}
	testBegin = marker{"1234567812345678", "12345678123456ff"}
)

// maxPending is the length of the longest text that may begin a marker: 32 characters, a colon, and the digits
// of a number.
const maxPending = 32 + 1 + 19

// holds reports whether text holds a complete marker.
func holds(text string, m marker) bool {
	_, end, _ := m.find([]byte(text))
	return end > 0
}

// However a stream is split, each marker is found once. Everything before the last marker goes to the noise at
// once, and everything after it to the client. Nothing else does.
func FuzzMarkers(f *testing.F) {
	f.Fuzz(func(t *testing.T, before, between, after string, number uint64, sizes []byte) {
		number >>= 1
		if holds(before, testHello) || holds(between, testBegin) {
			t.Skip("a guess of 128 bits")
		}
		probe := ""
		if number%2 == 0 {
			probe = wayProbe
		}
		in := &chunked{data: fmt.Appendf(nil, "%s%s:1;%s%s%s:%d;%s%s", before, testHello, probe, between, testBegin, number, probe, after), sizes: sizes}
		var noise []byte
		next := 0
		s := &scanner{in: in, want: []marker{testHello, testBegin}, probe: probe, found: make(chan struct{})}
		s.next = func(uint64) { next++ }
		s.noise = func(data []byte) { noise = append(noise, data...) }
		s.run()
		if s.ended || s.changed || next != 1 || len(s.numbers) != 2 || s.numbers[0] != 1 || s.numbers[1] != number {
			t.Fatalf("ended %t, numbers %d, %d markers that are not the last", s.ended, s.numbers, next)
		}
		if string(noise) != before+between {
			t.Errorf("the noise is %q, want %q", noise, before+between)
		}
		if rest, err := io.ReadAll(s.rest()); string(rest) != after || err != nil {
			t.Errorf("the rest is %q, want %q, %v", rest, after, err)
		}

		// A stream without its marker is all noise, and no more than a marker's length is held back.
		in = &chunked{data: []byte(before), sizes: sizes}
		s = &scanner{in: in, want: []marker{testHello}, found: make(chan struct{})}
		passed := 0
		s.noise = func(data []byte) {
			if passed += len(data); in.taken-passed > maxPending {
				t.Errorf("%d bytes are held back", in.taken-passed)
			}
		}
		if s.run(); !s.ended || passed != len(before) {
			t.Errorf("%d bytes of noise, want %d", passed, len(before))
		}
	})
}

// printed returns the output of a marker's shell command.
func printed(m marker, number uint64) []byte {
	return fmt.Appendf(nil, "%s:%d;", m, number)
}

// However it is split, everything that a destination sends reaches the client, and nothing else does.
func FuzzCopyUntil(f *testing.F) {
	f.Fuzz(func(t *testing.T, data, after string, sizes []byte, marked bool) {
		if holds(data, testHello) {
			t.Skip("a guess of 128 bits")
		}
		in := &chunked{data: []byte(data), sizes: sizes}
		if marked {
			in.data = append(append(in.data, printed(testHello, 0)...), after...)
		}
		// The clock stands still while anything runs: after a while, what is held back is let go.
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			found, err := copyUntil(&out, in, testHello)
			if found != marked || err != nil || out.String() != data {
				t.Errorf("%q, %t, %v, want %q, %t", &out, found, err, data, marked)
			}
		})
	})
}

// plainLine reports whether text is a single line that is safe for a terminal.
func plainLine(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) })
}

// A question is read without its control characters, as a bounded list, and its choices are found with any
// words around them.
func FuzzQuestion(f *testing.F) {
	id := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	f.Fuzz(func(t *testing.T, noise, name string, count uint16) {
		for _, silent := range []bool{false, true} {
			q := question(noise, "", silent)
			if other := question("", noise, silent); !reflect.DeepEqual(q, other) {
				t.Errorf("on stdout %+v, on stderr %+v", q, other)
			}
			if q == nil {
				continue
			}
			if !silent && !strings.Contains(noise, prompt) || len(q.Instances) > maxInstances {
				t.Errorf("%d instances", len(q.Instances))
			}
			for _, i := range q.Instances {
				if !id.MatchString(i.ID) || !plainLine(i.Text) || !plainLine(i.Name) || !plainLine(i.State) || i.Number < NoNumber {
					t.Errorf("%+q", i)
				}
			}
		}
		name = strings.Trim(name, " -.:)]|–—") // these may belong to the number in front
		if name == "" || len(name) > 500 || strings.ContainsAny(name, "\r\n\x1b\x08") || strings.Contains(name, prompt) {
			return
		}
		var list strings.Builder
		n := int(count) % 20
		if count > 1000 { // only a few: it takes long
			n = int(count)%200 + 900
		}
		for i := range n {
			fmt.Fprintf(&list, "  %d) %s - Instance %d - UP (22281F38-31ff-43a7-8595-%012x)\r\n", i+1, name, i, i)
		}
		for _, ask := range []string{prompt + " ", "\x1b[1mWelche?\x1b[0m ", "> "} {
			q := question("Several:\r\n"+list.String()+ask, "", true)
			if n == 0 {
				continue
			}
			if q == nil || len(q.Instances) != min(n, maxInstances) {
				t.Fatalf("%+v, want %d instances", q, n)
			}
			for at, i := range q.Instances {
				if i.Number != at || !i.IsUp() || !strings.HasSuffix(i.ID, fmt.Sprintf("-%012x", at)) {
					t.Errorf("%+q", i)
				}
			}
		}
	})
}

// A refusal is found in any other output, and shown on one line. A denied login is no network fault.
func FuzzRefusal(f *testing.F) {
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, noise := range []string{before, before + "\n" + after} {
			err := refusal(noise)
			known := strings.Contains(noise, refusals[0]) || strings.Contains(noise, refusals[1])
			if (err != nil) != known {
				t.Errorf("%q: %v", noise, err)
			}
			if err != nil && !plainLine(err.Reason) {
				t.Errorf("%q", err.Reason)
			}
		}
		for _, words := range refusals {
			if err := refusal(before + words + after); err == nil || !strings.Contains(err.Reason, words) || !plainLine(err.Reason) {
				t.Errorf("%q: %v", before+words+after, err)
			}
		}
		const fault = "\nConnection closed by 203.0.113.30 port 28925"
		if networkFault(before+fault) == strings.Contains(before, "Permission denied") {
			t.Errorf("%q: %t", before+fault, networkFault(before+fault))
		}
		if networkFault(before + fault + "\nPermission denied" + fault) {
			t.Error("a login that was denied is tried again")
		}
	})
}

// The accepted parts of a terminal request are what the client sent, byte for byte, except for the modes.
func FuzzTerminalRequest(f *testing.F) {
	type request struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}
	f.Fuzz(func(t *testing.T, payload []byte, term string, columns uint32, modes string) {
		if got, err := parseTerminalRequest(payload); err == nil {
			var sent request
			if err := ssh.Unmarshal(payload, &sent); err != nil || !bytes.Equal(ssh.Marshal(sent), payload) {
				t.Fatalf("%q was accepted: %v", payload, err)
			}
			if got.name != sent.Term || got.size != (windowSize{sent.Columns, sent.Rows, sent.Width, sent.Height}) || strings.Contains(got.name, "\x00") {
				t.Errorf("%+v of %+v", got, sent)
			}
		}
		if got, err := parseWindowChange(payload); (err == nil) != (len(payload) == 16) || err == nil && !bytes.Equal(ssh.Marshal(got), payload) {
			t.Errorf("%+v of %q, %v", got, payload, err)
		}
		got, err := parseTerminalRequest(ssh.Marshal(request{term, columns, 25, 1, 2, modes}))
		if strings.Contains(term, "\x00") {
			if err == nil {
				t.Errorf("the name %q was accepted", term)
			}
		} else if err != nil || got != (terminalRequest{term, windowSize{columns, 25, 1, 2}, modes}) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// Whatever requests a session makes, it starts at most one command, and what the command starts with stays as
// it was and within its bounds.
func FuzzSessionRequests(f *testing.F) {
	name := regexp.MustCompile(`^[A-Z_][A-Z0-9_]*=`)
	forbidden := regexp.MustCompile(`^(LD_|BASH|PATH=|IFS=|ENV=)`)
	f.Fuzz(func(t *testing.T, type1, payload1, type2, payload2 string, times uint8) {
		s := &session{bridge: newBridge(Options{Target: "app_x"})}
		starts := 0
		for range times {
			for _, r := range []*ssh.Request{{Type: type1, Payload: []byte(payload1)}, {Type: type2, Payload: []byte(payload2)}} {
				if r.Type == "pty-req" && !haveTerminals {
					continue // its error would go to the channel
				}
				before := copyOf(s)
				ok := s.handle(t.Context(), r)
				if s.started && !before.started {
					starts++
				}
				if before.started && ok && r.Type != "window-change" && r.Type != "signal" {
					t.Errorf("%s was accepted after the start", r.Type)
				}
				if before.started && (s.command != before.command || len(s.environment) != len(before.environment) || s.terminal != before.terminal) {
					t.Errorf("%s changed what the command started with", r.Type)
				}
			}
		}
		if starts > 1 || s.started && s.terminal == nil && s.command == "" || s.command == "app_x" {
			t.Errorf("%d starts, the last of %q", starts, s.command)
		}
		if len(s.signals) > maxSignals || slices.ContainsFunc(s.signals, func(name string) bool { return !isSignal(name) }) {
			t.Errorf("the signals %q are kept", s.signals)
		}
		if len(s.environment) > maxVariables {
			t.Errorf("%d variables", len(s.environment))
		}
		for _, v := range s.environment {
			if !name.MatchString(v) || forbidden.MatchString(v) || strings.Contains(v, "\x00") || len(v) > len(payload1)+len(payload2) {
				t.Errorf("%q", v)
			}
		}
	})
}

// copyOf copies what a session's requests have set.
func copyOf(s *session) *session {
	return &session{environment: s.environment, terminal: s.terminal, started: s.started, command: s.command}
}

// An accepted destination is an address or a name: for a shell, it is a plain word and no option.
func FuzzDestination(f *testing.F) {
	type request struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}
	name := regexp.MustCompile(`^[A-Za-z0-9._][A-Za-z0-9._-]{0,252}$`)
	check := func(t *testing.T, payload []byte) {
		d, err := parseDestination(toTCP, payload)
		if err != nil {
			return
		}
		host, port := d.host, d.port
		address, notAddress := netip.ParseAddr(host)
		if port < 1 || port > 65535 || !name.MatchString(host) && (notAddress != nil || address.Zone() != "") {
			t.Errorf("%q, %d", host, port)
		}
		if command := relayCommand(host, port, testHello); !strings.HasPrefix(command, "host="+host+"\n") && !strings.HasPrefix(command, "host='"+host+"'\n") {
			t.Errorf("%.300q", command)
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, host string, port uint32) {
		check(t, payload)
		check(t, ssh.Marshal(request{host, port, "x", 2}))
	})
}

// A relay's messages are read up to a bound, and shown on one line.
func FuzzConnected(f *testing.F) {
	f.Fuzz(func(t *testing.T, before, after string, sizes []byte) {
		in := &chunked{data: []byte(before + after), sizes: sizes}
		err := awaitConnected(iotest.DataErrReader(in))
		if err != nil && !plainLine(err.Error()) {
			t.Errorf("%q", err)
		}
		if in.taken > 101*(4<<10) {
			t.Errorf("%d bytes were read", in.taken)
		}
		if strings.Contains(before, "connected") {
			return
		}
		in = &chunked{data: []byte(before + "\nconnected\n" + after), sizes: sizes}
		err = awaitConnected(in)
		if lines := strings.Count(before, "\n"); lines < 50 && len(before) < 4<<10 && err != nil || lines > 100 && err == nil {
			t.Errorf("after %d lines: %v", lines, err)
		}
	})
}

// The client reads the right end of the command from its message.
func FuzzExitReport(f *testing.F) {
	f.Fuzz(func(t *testing.T, status uint8, signal string) {
		request, payload := exitReport(exit{status: int(status), signal: signal})
		var exited struct{ Status uint32 }
		var killed struct {
			Signal            string
			CoreDumped        bool
			Message, Language string
		}
		switch request {
		case "exit-status":
			if err := ssh.Unmarshal(payload, &exited); err != nil || exited.Status != uint32(status) || signal != "" {
				t.Errorf("%+v, %v", exited, err)
			}
		case "exit-signal":
			if err := ssh.Unmarshal(payload, &killed); err != nil || killed.Signal != signal || killed.CoreDumped || signal == "" {
				t.Errorf("%+v, %v", killed, err)
			}
		default:
			t.Error(request)
		}
	})
}

// Whatever the command and the environment hold, the gateway gets one line of printable ASCII. It holds no
// whole marker and no text that printf takes for an option, and the first line for a terminal is short enough.
func FuzzScript(f *testing.F) {
	printable := regexp.MustCompile(`^[ -~]*\n$`)
	f.Fuzz(func(t *testing.T, command, value string) {
		s := newScript(command, []string{"LC_X=" + value})
		for _, s := range []*script{s, s.again(), s.withoutLogin()} {
			for _, line := range []string{s.line(), s.terminalLine(), s.terminalBody()} {
				if !printable.MatchString(line) || strings.Contains(line, `printf "-`) {
					t.Errorf("%q", line)
				}
				for _, m := range []marker{s.hello, s.stdout, s.stderr} {
					if strings.Contains(line, m.String()) {
						t.Errorf("%q holds a whole marker", line)
					}
				}
			}
			if quotes := strings.Count(s.line(), "'"); quotes != 2 {
				t.Errorf("%d single quotes", quotes)
			}
			if len(s.terminalLine()) > 500 {
				t.Errorf("%d bytes for a terminal", len(s.terminalLine()))
			}
		}
	})
}

// The script is cut out, whatever surrounds it or breaks it into lines, and any part of it can be cut without
// harm.
func FuzzEchoes(f *testing.F) {
	f.Fuzz(func(t *testing.T, before, between, after, command string, width uint16) {
		s := newScript(command, nil)
		e := s.echoes()
		line := strings.TrimSuffix(s.line(), "\n")
		e.cut(before + line[:int(width)%len(line)] + after)
		var text strings.Builder
		for len(line) > int(width) && width > 2*echoLength {
			text.WriteString(line[:width])
			if strings.Trim(between, " \r\n") == "" {
				text.WriteString(between)
			}
			line = line[width:]
		}
		shown := e.cut(before + "\n" + text.String() + line + after)
		for _, m := range []marker{s.hello, s.stdout, s.stderr} {
			if strings.Contains(shown, m.first) || strings.Contains(shown, m.second) {
				t.Errorf("%q", shown)
			}
		}
	})
}
