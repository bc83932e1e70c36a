//go:build linux

package sftp

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A packet that ends too early ends the session, and changes nothing before that.
func TestMalformedHasNoEffect(t *testing.T) {
	const first, second = "\x00\x00\x00\x01", "\x00\x00\x00\x02"
	all := uint32(hasSize | hasOwner | hasPermissions | hasTimes | hasExtended)
	attributes := []any{
		all, uint64(1), ^uint32(0), ^uint32(0), uint32(0o640), uint32(5), uint32(6), uint32(1), "name", "value",
	}
	with := func(parts ...any) []any { return append(parts, attributes...) }
	home := t.TempDir()
	write(t, home+"/f", "text")
	write(t, home+"/g", "")
	if err := os.Mkdir(home+"/d", 0o700); err != nil {
		t.Fatal(err)
	}
	before := tree(t, home)
	covered := map[any]bool{}
	for _, request := range []struct {
		kind  byte
		parts []any
	}{
		{typeInit, nil},
		{typeOpen, with("new", uint32(openWrite|openCreate))},
		{typeClose, []any{first}},
		{typeRead, []any{first, uint64(0), uint32(1)}},
		{typeWrite, []any{first, uint64(0), "longer text"}},
		{typeLstat, []any{"f"}},
		{typeFstat, []any{first}},
		{typeSetstat, with("f")},
		{typeFsetstat, with(first)},
		{typeOpendir, []any{"."}},
		{typeReaddir, []any{first}},
		{typeRemove, []any{"f"}},
		{typeMkdir, with("new")},
		{typeRmdir, []any{"d"}},
		{typeRealpath, []any{"f"}},
		{typeStat, []any{"f"}},
		{typeRename, []any{"f", "new"}},
		{typeReadlink, []any{"f"}},
		{typeSymlink, []any{"f", "new"}},
		{typeExtended, []any{"posix-rename@openssh.com", "f", "new"}},
		{typeExtended, []any{"statvfs@openssh.com", "."}},
		{typeExtended, []any{"fstatvfs@openssh.com", first}},
		{typeExtended, []any{"hardlink@openssh.com", "f", "new"}},
		{typeExtended, []any{"fsync@openssh.com", first}},
		{typeExtended, with("lsetstat@openssh.com", "f")},
		{typeExtended, []any{"limits@openssh.com"}},
		{typeExtended, []any{"expand-path@openssh.com", "~"}},
		{typeExtended, []any{"copy-data", first, uint64(0), uint64(0), second, uint64(0)}},
		{typeExtended, []any{"home-directory", ""}},
		{typeExtended, []any{"users-groups-by-id@openssh.com", "\x00\x00\x00\x00", "\x00\x00\x00\x00"}},
	} {
		covered[request.kind] = true
		if request.kind == typeExtended {
			covered[request.parts[0]] = true
		}
		whole := packet(request.kind, append([]any{uint32(7)}, request.parts...)...)
		const lengthSize = 4
		for n := lengthSize + 1; n < len(whole); n++ {
			short := append([]byte(nil), whole[:n]...)
			binary.BigEndian.PutUint32(short, uint32(n-lengthSize))
			s := newSession(t, home)
			s.open("f", openRead|openWrite)
			s.open("g", openRead|openWrite)
			answers := len(s.answers)
			if err := s.server.writeAll(short); err != errMalformed {
				t.Errorf("%q of %q: %v", short, whole, err)
			}
			if after := tree(t, home); after != before || len(s.server.handles) != 2 || len(s.answers) != answers {
				t.Fatalf("%q of %q has an effect:\n%s", short, whole, after)
			}
			s.server.Close()
		}
	}
	for kind := range methods {
		if methods[kind].do != nil && !covered[byte(kind)] {
			t.Errorf("no request has type %d", kind)
		}
	}
	for _, e := range extensions {
		if !covered[e.name] {
			t.Errorf("no request is for %s", e.name)
		}
	}
}

// tree describes everything in a folder.
func tree(t *testing.T, folder string) (text string) {
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text += fmt.Sprintln(path, info.Mode(), info.Size(), info.ModTime())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestReadAndWriteNeedNoMemory(t *testing.T) {
	home := t.TempDir()
	write(t, home+"/f", "text")
	server := New(home, func([]byte) error { return nil })
	t.Cleanup(server.Close)
	const handle = "\x00\x00\x00\x01"
	for _, step := range []struct {
		name    string
		request []byte
	}{
		{"open", packet(typeOpen, uint32(1), "f", uint32(openRead|openWrite), uint32(0))},
		{"read", packet(typeRead, uint32(1), handle, uint64(0), uint32(32<<10))},
		{"write", packet(typeWrite, uint32(1), handle, uint64(0), string(make([]byte, 32<<10)))},
		{"fstat", packet(typeFstat, uint32(1), handle)},
	} {
		serve := func() {
			if _, err := server.Write(step.request); err != nil {
				t.Fatal(err)
			}
		}
		if serve(); step.name == "open" {
			continue
		}
		if n := testing.AllocsPerRun(100, serve); n > 0 {
			t.Errorf("%s: %v allocations", step.name, n)
		}
	}
}
