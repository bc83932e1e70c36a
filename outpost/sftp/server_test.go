//go:build linux

package sftp

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"os"
	"os/user"
	"testing"

	"clever-ssh/internal/field"

	"golang.org/x/sys/unix"
)

// session is a server, and what it has answered.
type session struct {
	t       testing.TB
	server  *Server
	answers [][]byte
}

func newSession(t testing.TB, home string) *session {
	s := &session{t: t}
	s.server = New(home, func(packets []byte) error {
		for len(packets) > 0 {
			n := int(binary.BigEndian.Uint32(packets))
			if n > len(packets)-4 || n > maxPacket+1024 {
				t.Fatalf("a packet says that it has %d bytes, of %d", n, len(packets)-4)
			}
			s.answers = append(s.answers, bytes.Clone(packets[4:4+n]))
			packets = packets[4+n:]
		}
		return nil
	})
	t.Cleanup(s.server.Close)
	return s
}

// packet encodes a request: texts, numbers and bytes as they are.
func packet(kind byte, parts ...any) []byte {
	b := []byte{0, 0, 0, 0, kind}
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			b = field.AppendText(b, part)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, part)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, part)
		case []byte:
			b = append(b, part...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// writeAll has a server answer all that it gets.
func (s *Server) writeAll(data []byte) error {
	_, err := s.Write(data)
	return cmp.Or(err, s.Flush())
}

// ask sends a request and returns the type and the rest of its answer.
func (s *session) ask(kind byte, parts ...any) (byte, *field.Reader) {
	s.t.Helper()
	const id = uint32(7)
	if err := s.server.writeAll(packet(kind, append([]any{id}, parts...)...)); err != nil {
		s.t.Fatal(err)
	}
	last := s.answers[len(s.answers)-1]
	p := field.NewReader(last[1:])
	if p.Uint32() != id {
		s.t.Error("the answer is to another request")
	}
	return last[0], p
}

func (s *session) status(want uint32, kind byte, parts ...any) {
	s.t.Helper()
	t, p := s.ask(kind, parts...)
	if got := p.Uint32(); t != typeStatus || got != want {
		s.t.Errorf("request %d: answer %d with status %d, not %d", kind, t, got, want)
	}
}

func (s *session) name(kind byte, parts ...any) string {
	s.t.Helper()
	t, p := s.ask(kind, parts...)
	if n := p.Uint32(); t != typeName || n != 1 {
		s.t.Fatalf("answer %d, %d", t, n)
	}
	return p.Text()
}

func (s *session) open(path string, flags uint32) string {
	s.t.Helper()
	t, p := s.ask(typeOpen, path, flags, uint32(0))
	if t != typeHandle {
		s.t.Fatalf("%s cannot be opened: answer %d, status %d", path, t, p.Uint32())
	}
	return p.Text()
}

func TestVersion(t *testing.T) {
	s := newSession(t, t.TempDir())
	if err := s.server.writeAll(packet(typeInit, uint32(3))); err != nil {
		t.Fatal(err)
	}
	p := field.NewReader(s.answers[0][1:])
	if kind, version := s.answers[0][0], p.Uint32(); kind != typeVersion || version != 3 {
		t.Errorf("answer %d, version %d", kind, version)
	}
	told := map[string]string{}
	for !p.Whole() && !p.Failed() {
		name := p.Text()
		told[name] = p.Text()
	}
	if p.Failed() || len(told) != len(extensions) || told["statvfs@openssh.com"] != "2" || told["fsync@openssh.com"] != "1" {
		t.Errorf("%v", told)
	}
}

func TestExtensions(t *testing.T) {
	home := t.TempDir()
	s := newSession(t, home)
	os.WriteFile(home+"/file", []byte("text"), 0o600)
	os.Symlink("file", home+"/link")

	file := s.open("file", openRead|openWrite)
	s.status(statusOK, typeExtended, "fsync@openssh.com", file)
	s.status(statusNoSuchFile, typeExtended, "fsync@openssh.com", "none")

	kind, p := s.ask(typeExtended, "limits@openssh.com")
	if kind != typeExtendedReply || p.Uint64() != maxPacket || p.Uint64() != maxData || p.Uint64() != maxData || p.Uint64() != maxHandles || !p.Whole() {
		t.Errorf("limits: answer %d", kind)
	}

	s.status(statusOK, typeExtended, "lsetstat@openssh.com", "link", uint32(hasTimes), uint32(5), uint32(6))
	var stat unix.Stat_t
	if err := unix.Lstat(home+"/link", &stat); err != nil || stat.Mtim.Sec != 6 {
		t.Errorf("%v %v", stat.Mtim, err)
	}
	if err := unix.Stat(home+"/link", &stat); err != nil || stat.Mtim.Sec == 6 {
		t.Errorf("the link was followed: %v %v", stat.Mtim, err)
	}
	s.status(statusBadMessage, typeExtended, "lsetstat@openssh.com", "link", uint32(hasSize|hasTimes), uint64(0), uint32(7), uint32(7))
	if err := unix.Lstat(home+"/link", &stat); err != nil || stat.Mtim.Sec != 6 {
		t.Errorf("a link has no size to set, but its times were: %v %v", stat.Mtim, err)
	}

	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"~": home, "~/": home, "~/x": home + "/x", "file": home + "/file", "link": home + "/file", "/": "/",
		"~" + self.Username: self.HomeDir,
	} {
		if got := s.name(typeExtended, "expand-path@openssh.com", path); got != want {
			t.Errorf("%s is %s, not %s", path, got, want)
		}
	}
	s.status(statusNoSuchFile, typeExtended, "expand-path@openssh.com", "~no-such-account/x")
	if got := s.name(typeExtended, "home-directory", ""); got != home {
		t.Error(got)
	}
	if got := s.name(typeExtended, "home-directory", self.Username); got != self.HomeDir {
		t.Error(got)
	}

	kind, p = s.ask(typeExtended, "users-groups-by-id@openssh.com", "\x00\x00\x00\x00\xff\xff\xff\x00", "\x00\x00\x00\x00")
	users, groups := field.NewReader(p.Bytes()), field.NewReader(p.Bytes())
	if kind != typeExtendedReply || users.Text() != "root" || users.Text() != "" || users.Failed() || groups.Text() != "root" {
		t.Errorf("answer %d", kind)
	}

	copied := s.open("copied", openWrite|openCreate)
	s.status(statusOK, typeExtended, "copy-data", file, uint64(1), uint64(0), copied, uint64(2))
	if got, err := os.ReadFile(home + "/copied"); err != nil || string(got) != "\x00\x00ext" {
		t.Errorf("%q %v", got, err)
	}
	s.status(statusFailure, typeExtended, "copy-data", "none", uint64(0), uint64(0), copied, uint64(0))
	// A file that is copied to its own end grows for ever.
	os.Link(home+"/file", home+"/hard")
	for _, same := range []string{file, s.open("link", openWrite), s.open("hard", openWrite)} {
		s.status(statusFailure, typeExtended, "copy-data", file, uint64(0), uint64(1), same, uint64(4))
	}
	read(t, home+"/file", "text")
	s.status(statusUnsupported, typeExtended, "no-such-extension")
}

func TestStatus(t *testing.T) {
	home := t.TempDir()
	s := newSession(t, home)
	os.WriteFile(home+"/file", []byte("text"), 0o600)
	file := s.open("file", openRead)
	s.status(statusEOF, typeRead, file, uint64(4), uint32(10))
	s.status(statusBadMessage, typeRead, file, uint64(1<<63), uint32(10))
	s.status(statusNoSuchFile, typeWrite, file, uint64(0), "x")
	s.status(statusOK, typeClose, file)
	s.status(statusNoSuchFile, typeClose, file)
	s.status(statusFailure, typeRead, file, uint64(0), uint32(1))
	s.status(statusNoSuchFile, typeStat, "missing")
	s.status(statusNoSuchFile, typeStat, "")
	s.status(statusBadMessage, typeStat, "a\x00b")
	s.status(statusBadMessage, typeRealpath, "a\x00b")
	s.status(statusNoSuchFile, typeRealpath, "missing/too")
	s.status(statusNoSuchFile, typeOpendir, "file")
	s.status(statusFailure, typeOpen, "file", uint32(openWrite|openCreate|openNew), uint32(0))
	s.status(statusFailure, typeMkdir, "file", uint32(0))
	s.status(statusUnsupported, 99)
	if got := s.name(typeRealpath, "."); got != home {
		t.Error(got)
	}
}

// What is appended goes to the end, whatever the client thinks where that is.
func TestAppend(t *testing.T) {
	home := t.TempDir()
	s := newSession(t, home)
	os.WriteFile(home+"/file", []byte("text"), 0o600)
	file := s.open("file", openWrite|openAppend)
	s.status(statusOK, typeWrite, file, uint64(0), "more")
	if got, _ := os.ReadFile(home + "/file"); string(got) != "textmore" {
		t.Errorf("%q", got)
	}
}

func TestHandlesAreBounded(t *testing.T) {
	home := t.TempDir()
	s := newSession(t, home)
	os.WriteFile(home+"/file", nil, 0o600)
	for range maxHandles {
		s.open("file", openRead)
	}
	s.status(statusFailure, typeOpen, "file", uint32(openRead), uint32(0))
	s.status(statusFailure, typeOpendir, ".")
}

// What is still on its way when a session ends opens nothing that would never be closed.
func TestNothingAfterClose(t *testing.T) {
	home := t.TempDir()
	write(t, home+"/f", "")
	s := newSession(t, home)
	s.open("f", openRead)
	s.server.Close()
	for _, request := range [][]byte{
		packet(typeOpen, uint32(1), "f", uint32(openRead), uint32(0)), packet(typeOpendir, uint32(1), "."),
	} {
		if _, err := s.server.Write(request); err == nil {
			t.Errorf("%q is served", request)
		}
	}
	if n := len(s.server.handles); n != 0 {
		t.Errorf("%d handles are open", n)
	}
}

func FuzzServer(f *testing.F) {
	for _, seed := range [][]byte{
		packet(typeInit, uint32(3)), packet(typeRead, uint32(1), "\x00\x00\x00\x01", uint64(0), uint32(1<<31)),
		packet(typeExtended, uint32(1), "users-groups-by-id@openssh.com", "\x00\x00\x00\x00", ""),
		packet(typeSetstat, uint32(1), "f", uint32(hasExtended), uint32(1<<31)), packet(typeReaddir, uint32(1), "\x00\x00\x00\x02"),
		{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0}, {0, 0, 0, 1, typeOpen},
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		home := t.TempDir()
		s := newSession(t, home)
		os.WriteFile(home+"/f", []byte("text"), 0o600)
		s.open("f", openRead)
		s.ask(typeOpendir, ".")
		for _, packet := range harmless(data) {
			for len(packet) > 0 {
				n := min(max(size, 1), len(packet))
				if _, err := s.server.Write(packet[:n]); err != nil {
					return
				}
				packet = packet[n:]
			}
		}
	})
}

// harmless is the beginning of what was made up that changes no files.
func harmless(data []byte) (packets [][]byte) {
	for len(data) > 4 {
		n := binary.BigEndian.Uint32(data)
		if uint64(n) > uint64(len(data)-4) || n == 0 {
			return append(packets, data[:4])
		}
		packet := data[:4+n]
		data = data[4+n:]
		switch packet[4] {
		case typeInit, typeClose, typeRead, typeLstat, typeFstat, typeReaddir, typeRealpath, typeStat, typeReadlink, typeExtended:
		default:
			return packets
		}
		if packet[4] == typeExtended {
			p := field.NewReader(packet[5:])
			p.Uint32()
			switch p.Text() {
			case "limits@openssh.com", "expand-path@openssh.com", "home-directory", "users-groups-by-id@openssh.com", "statvfs@openssh.com":
			default:
				return packets
			}
		}
		packets = append(packets, packet)
	}
	return append(packets, data)
}

// Small answers are sent together, so that a line need not carry each by itself. A large one does not wait.
func TestAnswersTogether(t *testing.T) {
	home := t.TempDir()
	if err := os.WriteFile(home+"/f", make([]byte, 32<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	var sent [][]byte
	server := New(home, func(packets []byte) error {
		sent = append(sent, bytes.Clone(packets))
		return nil
	})
	t.Cleanup(server.Close)
	var requests []byte
	for id := range uint32(10) {
		requests = append(requests, packet(typeStat, id, "f")...)
	}
	if _, err := server.Write(requests); err != nil || len(sent) != 0 {
		t.Errorf("%d sent, %v", len(sent), err)
	}
	if err := server.Flush(); err != nil || len(sent) != 1 {
		t.Errorf("%d sent, %v", len(sent), err)
	}
	sent = nil
	if _, err := server.Write(append(packet(typeOpen, uint32(1), "f", uint32(1), uint32(0)), packet(typeRead, uint32(2), "\x00\x00\x00\x01", uint64(0), uint32(32<<10))...)); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 2 || len(sent[1]) < 32<<10 {
		t.Errorf("%d sent", len(sent))
	}
}
