//go:build linux

package sftp

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/field"
	"clever-ssh/internal/test"
)

// opened stands for a handle in a request. Each server gives its own for a file.
type opened uint32

const (
	readable opened = openRead
	writable opened = openWrite
)

const unknown = "\x00\x00\x00\x63" // a handle that no server has given

// asOpenSSH holds requests, and OpenSSH's answers to them.
var asOpenSSH = []struct {
	kind  byte
	parts []any
	want  string
}{
	{typeRead, []any{readable, uint64(0), uint32(2)}, `data "te"`},
	{typeRead, []any{readable, uint64(0), uint32(0)}, `data ""`},
	{typeRead, []any{readable, uint64(4), uint32(0)}, `data ""`},
	{typeRead, []any{readable, uint64(9), uint32(0)}, `data ""`},
	{typeRead, []any{readable, uint64(4), uint32(1)}, "status 1"},
	{typeRead, []any{readable, uint64(1 << 63), uint32(0)}, "status 5"},
	{typeRead, []any{writable, uint64(0), uint32(1)}, "status 2"},
	{typeWrite, []any{readable, uint64(0), "x"}, "status 2"},
	{typeClose, []any{unknown}, "status 2"},
	{typeRead, []any{unknown, uint64(0), uint32(1)}, "status 4"},
	{typeRead, []any{unknown, uint64(0), uint32(0)}, "status 4"},
	{typeWrite, []any{unknown, uint64(0), "x"}, "status 4"},
	{typeFstat, []any{unknown}, "status 4"},
	{typeFsetstat, []any{unknown, uint32(hasPermissions), uint32(0o600)}, "status 4"},
	{typeReaddir, []any{unknown}, "status 4"},
	{typeReaddir, []any{readable}, "status 4"},
	{typeExtended, []any{"fsync@openssh.com", unknown}, "status 2"},
	{typeExtended, []any{"fstatvfs@openssh.com", unknown}, "status 4"},
	{typeOpendir, []any{"file"}, "status 2"},
	{typeStat, []any{"loop"}, "status 2"},
	{typeRealpath, []any{""}, "path HOME"},
	{typeRealpath, []any{"."}, "path HOME"},
	{typeRealpath, []any{"/"}, "path /"},
	{typeRealpath, []any{"//"}, "path /"},
	{typeRealpath, []any{"/.."}, "path /"},
	{typeRealpath, []any{strings.Repeat("../", 40)}, "path /"},
	{typeRealpath, []any{"missing"}, "path HOME/missing"},
	{typeRealpath, []any{"folder/missing"}, "path HOME/folder/missing"},
	{typeRealpath, []any{"missing/"}, "status 2"},
	{typeRealpath, []any{"missing/."}, "status 2"},
	{typeRealpath, []any{"missing/.."}, "status 2"},
	{typeRealpath, []any{"missing/too"}, "status 2"},
	{typeRealpath, []any{"file"}, "path HOME/file"},
	{typeRealpath, []any{"file/"}, "path HOME/file"},
	{typeRealpath, []any{"file/."}, "path HOME/file"},
	{typeRealpath, []any{"file/.."}, "path HOME"},
	{typeRealpath, []any{"file/x"}, "status 2"},
	{typeRealpath, []any{"folder//"}, "path HOME/folder"},
	{typeRealpath, []any{"folder/./../file"}, "path HOME/file"},
	{typeRealpath, []any{strings.Repeat("n", 256)}, "status 5"},
	{typeRealpath, []any{"link"}, "path HOME/file"},
	{typeRealpath, []any{"link/"}, "path HOME/file"},
	{typeRealpath, []any{"root"}, "path /"},
	{typeRealpath, []any{"root/missing"}, "path /missing"},
	{typeRealpath, []any{"inside"}, "path HOME/folder"},
	{typeRealpath, []any{"inside/missing"}, "path HOME/folder/missing"},
	{typeRealpath, []any{"inside/.."}, "path HOME"},
	{typeRealpath, []any{"folder/up"}, "path HOME/file"},
	{typeRealpath, []any{"folder/up/../missing"}, "path HOME/missing"},
	{typeRealpath, []any{"to-missing"}, "path HOME/folder/missing"},
	{typeRealpath, []any{"to-missing/"}, "status 2"},
	{typeRealpath, []any{"to-missing/too"}, "status 2"},
	{typeRealpath, []any{"to-missing-folder"}, "status 2"},
	{typeRealpath, []any{"to-missing-slash"}, "status 2"},
	{typeRealpath, []any{"loop"}, "status 2"},
	{typeRealpath, []any{"loop/file"}, "status 2"},
	{typeRealpath, []any{"30"}, "path HOME/file"},
	{typeRealpath, []any{"50"}, "status 2"},
	{typeExtended, []any{"expand-path@openssh.com", "~/file/"}, "path HOME/file"},
	{typeExtended, []any{"expand-path@openssh.com", "~/missing/"}, "status 2"},
	{typeExtended, []any{"expand-path@openssh.com", "~/to-missing-folder"}, "status 2"},
}

// asker sends a request and returns the type and the rest of its answer.
type asker func(kind byte, parts ...any) (byte, *field.Reader)

func TestAsOpenSSH(t *testing.T) {
	t.Run("here", func(t *testing.T) {
		home := homeWithLinks(t)
		answersAsOpenSSH(t, home, newSession(t, home).ask)
	})
	t.Run("OpenSSH", func(t *testing.T) {
		server := test.Need(t, "sftp-server")
		home := homeWithLinks(t)
		answersAsOpenSSH(t, home, startServer(t, server, home))
	})
}

func answersAsOpenSSH(t *testing.T, home string, ask asker) {
	handles := map[opened]string{}
	for _, h := range []opened{readable, writable} {
		kind, p := ask(typeOpen, "file", uint32(h), uint32(0))
		if kind != typeHandle {
			t.Fatalf("open: answer %d", kind)
		}
		handles[h] = p.Text()
	}
	for _, row := range asOpenSSH {
		var parts []any
		for _, part := range row.parts {
			if h, ok := part.(opened); ok {
				part = handles[h]
			}
			parts = append(parts, part)
		}
		want := strings.Replace(row.want, "HOME", home, 1)
		if got := inWords(ask(row.kind, parts...)); got != want {
			t.Errorf("request %d %.60q: %s, not %s", row.kind, row.parts, got, want)
		}
	}
}

// homeWithLinks returns a folder, without a link in its path, that holds what the requests are about.
func homeWithLinks(t *testing.T) string {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write(t, home+"/file", "text")
	if err := os.Mkdir(home+"/folder", 0o700); err != nil {
		t.Fatal(err)
	}
	links := map[string]string{
		"link": "file", "root": "/", "inside": home + "/folder/", "folder/up": "../file", "loop": "loop",
		"to-missing": "folder/missing", "to-missing-folder": "missing/file", "to-missing-slash": "missing/", "1": "file",
	}
	for n := 2; n <= 50; n++ { // as many links lead from n to file
		links[fmt.Sprint(n)] = fmt.Sprint(n - 1)
	}
	for name, target := range links {
		if err := os.Symlink(target, home+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// startServer starts OpenSSH's server in a folder.
func startServer(t *testing.T, program, folder string) asker {
	t.Helper()
	server := exec.Command(program)
	server.Dir = folder
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		server.Wait()
	})
	exchange := func(request []byte) []byte {
		t.Helper()
		if _, err := in.Write(request); err != nil {
			t.Fatal(err)
		}
		var size [4]byte
		if _, err := io.ReadFull(out, size[:]); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(out, answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	exchange(packet(typeInit, uint32(3)))
	return func(kind byte, parts ...any) (byte, *field.Reader) {
		answer := exchange(packet(kind, append([]any{uint32(7)}, parts...)...))
		p := field.NewReader(answer[1:])
		p.Uint32() // the id
		return answer[0], p
	}
}

// inWords describes an answer.
func inWords(kind byte, p *field.Reader) string {
	switch kind {
	case typeStatus:
		return fmt.Sprint("status ", p.Uint32())
	case typeData:
		return fmt.Sprintf("data %q", p.Text())
	case typeName:
		if n := p.Uint32(); n != 1 {
			return fmt.Sprint(n, " paths")
		}
		return "path " + p.Text()
	}
	return fmt.Sprint("answer ", kind)
}
