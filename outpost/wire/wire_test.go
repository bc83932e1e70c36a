package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestFrames(t *testing.T) {
	var stream []byte
	frames := []struct {
		t       Type
		payload string
	}{
		{TypeData, "text"}, {TypeEOF, ""}, {TypeData, strings.Repeat("x", MaxData)}, {TypeCredit, "\x00\x00\x00\x01"}, {TypeData, ""},
		{TypeExec, strings.Repeat("y", maxPayload)}, {TypeSignal, "TERM"},
	}
	for _, frame := range frames {
		stream = frame.t.Frame(stream, []byte(frame.payload))
	}
	for _, r := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream))} {
		reader := NewReader(r)
		for _, frame := range frames {
			kind, payload, err := reader.Read()
			if err != nil || kind != frame.t || string(payload) != frame.payload {
				t.Fatalf("%q, %d bytes (%v), not %q, %d bytes", kind, len(payload), err, frame.t, len(frame.payload))
			}
		}
		if _, _, err := reader.Read(); err != io.EOF {
			t.Errorf("%v at the end", err)
		}
	}
}

func TestMalformedFrames(t *testing.T) {
	for _, test := range []struct {
		data string
		err  error
	}{
		{"", io.EOF},
		{"d\x00\x00", io.ErrUnexpectedEOF},
		{"d\x00\x00\x02x", io.ErrUnexpectedEOF},
		{"d\x00\x00\x02", io.ErrUnexpectedEOF},
		{"d\x01\x00\x01", ErrMalformed},
		{"X\x04\x00\x01", ErrMalformed},
		{"e\x00\x00\x01x", ErrMalformed},
		{"c\x00\x00\x05", ErrMalformed},
		{"\x00\x00\x00\x00", ErrMalformed},
		{"\xff\x00\x00\x00", ErrMalformed},
	} {
		if _, _, err := NewReader(strings.NewReader(test.data)).Read(); !errors.Is(err, test.err) {
			t.Errorf("%q: %v, not %v", test.data, err, test.err)
		}
	}
}

// Write writes a frame by one write, so that frames of several goroutines do not mix.
func TestWrite(t *testing.T) {
	var w writes
	if err := Write(&w, TypeData, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := Write(&w, TypeExec, make([]byte, maxPayload+1)); err == nil {
		t.Error("a payload that is too long was written")
	}
	if len(w) != 1 || w[0] != "d\x00\x00\x04text" {
		t.Errorf("%q", w)
	}
}

type writes []string

func (w *writes) Write(b []byte) (int, error) {
	*w = append(*w, string(b))
	return len(b), nil
}

// message is one of the messages, as it is parsed and encoded.
type message struct {
	name   string
	value  any
	parse  func(payload []byte) (any, error)
	encode func(value any) []byte
}

type payloader interface{ Payload() []byte }

func parse[T payloader](f func([]byte) (T, error)) func([]byte) (any, error) {
	return func(payload []byte) (any, error) { return f(payload) }
}

func encode(value any) []byte { return value.(payloader).Payload() }

func messages() []message {
	size := Size{Columns: 80, Rows: 24, Width: 1, Height: 2}
	return []message{
		{"Exec", &Exec{}, parse(ParseExec), encode},
		{"Exec", &Exec{Command: "ls", Environment: []string{"A=b", "C=d\n"}, Login: true, Agent: "0123"}, parse(ParseExec), encode},
		{"Exec", &Exec{Terminal: &Terminal{Name: "xterm", Size: size, Modes: "\x00"}}, parse(ParseExec), encode},
		{"Size", size, parse(ParseSize), encode},
		{"Connect", &Connect{Network: TCP, Address: "localhost:80"}, parse(ParseConnect), encode},
		{"Listen", &Listen{Network: Agent, Port: 1, Path: "/p", Name: "n"}, parse(ParseListen), encode},
		{"Begun", &Begun{Listener: 1, Port: 2, Address: "::1"}, parse(ParseBegun), encode},
		{"Exit", &Exit{Status: 255, Signal: "SEGV", Core: true}, parse(ParseExit), encode},
		{"Uint32", uint32(1 << 31), func(payload []byte) (any, error) { return ParseUint32(payload) },
			func(value any) []byte { return Uint32(value.(uint32)) }},
	}
}

func TestMessages(t *testing.T) {
	for _, m := range messages() {
		payload := m.encode(m.value)
		got, err := m.parse(payload)
		if err != nil || !reflect.DeepEqual(got, m.value) {
			t.Errorf("%s: %+v (%v), not %+v", m.name, got, err, m.value)
		}
		for n := range payload {
			if _, err := m.parse(payload[:n]); err != ErrMalformed {
				t.Errorf("%s: %v after %d bytes of %d", m.name, err, n, len(payload))
			}
		}
		if _, err := m.parse(append(payload, 0)); err != ErrMalformed {
			t.Errorf("%s: %v with a byte too many", m.name, err)
		}
	}
	environment := &Exec{Environment: make([]string, maxEnvironment+1)}
	if _, err := ParseExec(environment.Payload()); err != ErrMalformed {
		t.Errorf("%v with too many variables", err)
	}
	if _, err := ParseBegun((&Begun{Port: 1 << 16}).Payload()); err != ErrMalformed {
		t.Errorf("%v with a port that none can have", err)
	}
	flag := (&Exit{}).Payload()
	flag[len(flag)-1] = 2
	if _, err := ParseExit(flag); err != ErrMalformed {
		t.Errorf("%v with a flag that is neither", err)
	}
	if _, err := ParseExit((&Exit{Core: true}).Payload()); err != ErrMalformed {
		t.Errorf("%v with a core and no signal", err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("d\x00\x00\x04texte\x00\x00\x00"), 3)
	f.Add([]byte("X\x04\x00\x00"), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		whole, wholeErr := readAll(bytes.NewReader(data))
		parts, partsErr := readAll(&chunks{data, max(1, size)})
		if !bytes.Equal(whole, parts) || wholeErr != partsErr {
			t.Errorf("in chunks %q (%v), at once %q (%v)", parts, partsErr, whole, wholeErr)
		}
		if !bytes.HasPrefix(data, whole) || wholeErr == io.EOF && len(whole) != len(data) {
			t.Errorf("%q was read as %q", data, whole)
		}
	})
}

// readAll reads frames to the end, and encodes them again.
func readAll(r io.Reader) (again []byte, err error) {
	for reader := NewReader(r); ; {
		t, payload, err := reader.Read()
		if err != nil {
			return again, err
		}
		again = t.Frame(again, payload)
	}
}

type chunks struct {
	rest []byte
	size int
}

func (c *chunks) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), c.size)], c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// What is accepted as a message is that message, and no other way to write it.
func FuzzMessages(f *testing.F) {
	for _, m := range messages() {
		f.Add(m.encode(m.value))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, m := range messages() {
			if value, err := m.parse(payload); err == nil && !bytes.Equal(m.encode(value), payload) {
				t.Errorf("%s: %q is encoded as %q", m.name, payload, m.encode(value))
			}
		}
	})
}

// pipeEnd is one end of a pipe. It keeps what is written there.
type pipeEnd struct {
	net.Conn
	mu   sync.Mutex
	list [][]byte
}

func (w *pipeEnd) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.list = append(w.list, bytes.Clone(b))
	w.mu.Unlock()
	return w.Conn.Write(b)
}

// Data arrives as it was sent, and no header of data is written alone.
func TestJoining(t *testing.T) {
	a, b := net.Pipe()
	near, far := &pipeEnd{Conn: a}, &pipeEnd{Conn: b}
	client, err := Near(near)
	if err != nil {
		t.Fatal(err)
	}
	server, err := Far(far)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	defer server.Close()
	go func() {
		for {
			s, err := server.AcceptStream()
			if err != nil {
				return
			}
			go func() {
				io.Copy(s, s)
				s.Close()
			}()
		}
	}()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			s, err := client.OpenStream()
			if err != nil {
				t.Error(err)
				return
			}
			text := bytes.Repeat([]byte{byte(i)}, 100_000+12*i)
			go func() {
				for rest := text; len(rest) > 0; {
					n := min(len(rest), 12+i*4000) // some are as long as a header
					s.Write(rest[:n])
					rest = rest[n:]
				}
				s.Close()
			}()
			if got, err := io.ReadAll(s); !bytes.Equal(got, text) {
				t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
			}
		})
	}
	all.Wait()
	for _, w := range []*pipeEnd{near, far} {
		w.mu.Lock()
		for _, b := range w.list {
			if len(b) == muxHeader && b[1] == muxData && binary.BigEndian.Uint32(b[8:]) > 0 {
				t.Fatal("a header was written alone")
			}
		}
		w.mu.Unlock()
	}
}
