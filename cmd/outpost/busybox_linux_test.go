package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/outpost/wire"
)

// An instance may have BusyBox and nothing else.
func TestBusyBox(t *testing.T) {
	test.Slow(t)
	test.NeedRoot(t) // for another root folder
	busybox := test.Need(t, "busybox")
	_, path := plant(t)
	root := t.TempDir()
	for _, folder := range []string{"bin", "proc", "dev", "etc", "home"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{busybox: "bin/busybox", path: "outpost"}
	libraries, _ := exec.Command("ldd", busybox).Output() // none if it is a static binary
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			files[word] = word
		}
	}
	for from, to := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, to)), 0o755); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, to), data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "cat", "tty", "stty", "sleep", "ls"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(root+"/etc/profile", []byte("echo noise; A=1; export A\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(root+"/home/.profile", []byte("set -- x; echo noise >&2; B=2; export B\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "start")
	text := "#!/bin/sh\nexec unshare -m sh -c 'mount --rbind /proc " + root + "/proc && mount --rbind /dev " + root + "/dev && " +
		"exec env -i PATH=/bin HOME=/home $(command -v chroot) " + root + " /outpost /home'\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	o := run(t, "/home", script)
	for _, test := range []struct {
		exec wire.Exec
		want string
	}{
		{wire.Exec{Command: `cat; echo "$0 $A$B $(ls /bin/sh)"`}, "text\nsh  /bin/sh\n"},
		{wire.Exec{Command: `cat; echo "$0 $A$B $PWD"`, Login: true}, "text\nsh 12 /home\n"},
		{wire.Exec{Command: "-x 2>/dev/null; cat"}, "text\n"},
		{wire.Exec{Login: true, Command: "-x 2>/dev/null; cat"}, "text\n"},
		{wire.Exec{Terminal: &wire.Terminal{Modes: "\x35\x00\x00\x00\x00\x00"}, Login: true, Command: `read x; echo "$x $A$B"`}, "text 12\r\n"},
	} {
		s, r := o.open(t, wire.TypeExec, test.exec.Payload())
		wire.Write(s, wire.TypeData, []byte("text\n"))
		wire.Write(s, wire.TypeEOF, nil)
		expect(t, r, wire.TypeBegun)
		var got strings.Builder
		for {
			kind, payload, err := r.Read()
			if err != nil {
				break
			}
			if kind == wire.TypeExit {
				if exit, err := wire.ParseExit(payload); err != nil || *exit != (wire.Exit{}) {
					t.Errorf("%+v %v", exit, err)
				}
				continue
			}
			if kind == wire.TypeCredit {
				continue
			}
			got.Write(payload)
		}
		if got.String() != test.want {
			t.Errorf("%q says %q, not %q", test.exec.Command, got.String(), test.want)
		}
	}
	// A client asks for a shell, without a command.
	s, r := o.open(t, wire.TypeExec, (&wire.Exec{}).Payload())
	wire.Write(s, wire.TypeData, []byte("echo $((1+2))\nexit 5\n"))
	expect(t, r, wire.TypeBegun)
	if got := expect(t, r, wire.TypeData); got != "3\n" {
		t.Errorf("%q", got)
	}
	if exit, err := wire.ParseExit([]byte(expect(t, r, wire.TypeExit))); err != nil || exit.Status != 5 {
		t.Errorf("%+v %v", exit, err)
	}
	o.session.Close()
	o.wait(t)
}
