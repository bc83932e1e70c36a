package proxycmd

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"clever-ssh/config"
)

// recordings is where handshakes of real clients with real servers are kept. TestRecordHandshakes makes them again.
const recordings = "testdata/handshakes"

// recording is a handshake as it went over the network: everything in the clear, up to both sides' NEWKEYS.
//
// Its file has a header of "name: value" lines, an empty line, and a line for each message, in the order in which
// they were seen half-way. Each line says whose message it is, followed by "identification" and the quoted line, or
// by the message's number and the packet in base64.
type recording struct {
	name     string // of the file: client, server and method
	method   string
	hostKey  string // "ssh-ed25519 SHA256:…": the server's key, from its own files
	messages []recorded
}

// recorded is one message of a recording.
type recorded struct {
	server bool // whose message it is
	number byte // 0 for the identification
	raw    []byte
}

func (r recorded) String() string {
	if r.number == 0 {
		return fmt.Sprintf("%s identification %q", r.who(), r.raw)
	}
	return fmt.Sprintf("%s %d %s", r.who(), r.number, base64.StdEncoding.EncodeToString(r.raw))
}

func (r recorded) who() string {
	if r.server {
		return "server"
	}
	return "client"
}

// pin is the fingerprint of the recorded server's host key.
func (r recording) pin() config.Pin {
	_, fingerprint, _ := strings.Cut(r.hostKey, " ")
	p, err := config.ParsePin(fingerprint)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", r.name, err))
	}
	return p
}

// stream returns everything that one side sent.
func (r recording) stream(server bool) []byte {
	var b []byte
	for _, m := range r.messages {
		if m.server == server {
			b = append(b, m.raw...)
		}
	}
	return b
}

// payload returns a recorded packet without its frame.
func (r recorded) payload() []byte { return r.raw[5 : len(r.raw)-int(r.raw[4])] }

// payloads returns one side's recorded messages with a number.
func (r recording) payloads(server bool, number byte) [][]byte {
	var list [][]byte
	for _, m := range r.messages {
		if m.server == server && m.number == number {
			list = append(list, m.payload())
		}
	}
	return list
}

// reply returns the server's key-exchange reply: message 31, or 33 in group exchange.
func (r recording) reply() []byte {
	if r.method == gexMethod {
		return r.payloads(true, msgGexReply)[0]
	}
	return r.payloads(true, msgKexReply)[0]
}

func (r recording) write(w *bytes.Buffer) {
	fmt.Fprintf(w, "method: %s\nhost key: %s\n\n", r.method, r.hostKey)
	for _, m := range r.messages {
		fmt.Fprintln(w, m)
	}
}

func readRecording(name string, text []byte) (recording, error) {
	r := recording{name: name}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "method: "); ok {
			r.method = value
			continue
		}
		if value, ok := strings.CutPrefix(line, "host key: "); ok {
			r.hostKey = value
			continue
		}
		if line == "" {
			continue
		}
		fields := strings.SplitN(line, " ", 3)
		if len(fields) != 3 || fields[0] != "client" && fields[0] != "server" {
			return r, fmt.Errorf("%s: what is %q?", name, line)
		}
		m := recorded{server: fields[0] == "server"}
		if fields[1] == "identification" {
			s, err := strconv.Unquote(fields[2])
			if err != nil {
				return r, fmt.Errorf("%s: %q: %w", name, fields[2], err)
			}
			m.raw = []byte(s)
		} else {
			number, err := strconv.ParseUint(fields[1], 10, 8)
			if err == nil {
				m.raw, err = base64.StdEncoding.DecodeString(fields[2])
			}
			if err != nil || len(m.raw) < 16 || m.raw[5] != byte(number) {
				return r, fmt.Errorf("%s: what is %q? %v", name, line, err)
			}
			m.number = byte(number)
		}
		r.messages = append(r.messages, m)
	}
	return r, nil
}

// everyRecording returns the kept recordings, in the order of their names.
var everyRecording = sync.OnceValues(func() ([]recording, error) {
	files, err := fs.Glob(os.DirFS(recordings), "*.txt")
	if err != nil {
		return nil, err
	}
	var list []recording
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(recordings, f))
		if err != nil {
			return nil, err
		}
		r, err := readRecording(strings.TrimSuffix(f, ".txt"), text)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
})

// mustRecordings returns the kept recordings. There must be some.
func mustRecordings(t testing.TB) []recording {
	t.Helper()
	list, err := everyRecording()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) < 100 {
		t.Fatalf("only %d recordings in %s", len(list), recordings)
	}
	return list
}

// eachRecorded calls f for every message of every recording.
func eachRecorded(t testing.TB, f func(m recorded)) {
	t.Helper()
	for _, r := range mustRecordings(t) {
		for _, m := range r.messages {
			f(m)
		}
	}
}

// A recording has the messages of its method, in order and whole, and nothing after them.
func TestRecordings(t *testing.T) {
	seen := map[string]int{}
	size := 0
	for _, r := range mustRecordings(t) {
		seen[r.method]++
		size += len(r.stream(true)) + len(r.stream(false))
		for _, server := range []bool{false, true} {
			var numbers []byte
			for _, m := range r.messages {
				if m.server == server {
					numbers = append(numbers, m.number)
				}
			}
			want := []byte{0, msgKexInit, msgKexRequest, msgNewKeys}
			switch {
			case server && r.method == gexMethod:
				want = []byte{0, msgKexInit, msgGexGroup, msgGexReply, msgNewKeys}
			case server:
				want = []byte{0, msgKexInit, msgKexReply, msgNewKeys}
			case r.method == gexMethod:
				want = []byte{0, msgKexInit, msgGexRequest, msgGexInit, msgNewKeys}
			}
			// Dropbear's client guesses, and sends one more message if the guess was wrong.
			if !server && strings.HasPrefix(r.name, "dbclient") && len(numbers) > len(want) {
				numbers = slices.Delete(numbers, 2, 3)
			}
			if !slices.Equal(numbers, want) {
				t.Errorf("%s: server %v sends %v, want %v", r.name, server, numbers, want)
			}
		}
		if !strings.HasSuffix(strings.TrimSuffix(r.name, "-rsa"), "-"+r.method) || r.pin() == (config.Pin{}) {
			t.Errorf("%s: method %q, host key %q", r.name, r.method, r.hostKey)
		}
	}
	for _, method := range append([]string{gexMethod}, singleMethods...) {
		if seen[method] == 0 {
			t.Logf("nobody has negotiated %s", method)
		}
	}
	t.Logf("%d recordings, %d bytes: %v", len(mustRecordings(t)), size, seen)
}
