//go:build linux

package outpost

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// modes encodes terminal modes.
func modes(pairs ...uint32) string {
	var b []byte
	for n := 0; n < len(pairs); n += 2 {
		b = binary.BigEndian.AppendUint32(append(b, byte(pairs[n])), pairs[n+1])
	}
	return string(append(b, 0))
}

func TestTerminal(t *testing.T) {
	for _, login := range []bool{false, true} {
		t.Setenv("HOME", t.TempDir())
		write(t, os.Getenv("HOME")+"/.profile", "echo noise; echo noise >/dev/stderr; A=1; export A\n")
		c := start(t, Options{})
		f := c.exec(wire.Exec{
			Login:   login,
			Command: `A=$A; tty; echo "$SSH_TTY $TERM"; stty size; stty -a | tr ' ' '\n' | grep -E '^-?(echo;?|opost|iutf8)$' | tr '\n' ' '; stty -a | grep -o 'intr = [^;]*'; read x; stty size; echo "[$x]"; read -r stat </proc/$$/stat; set -- ${stat##*) }; echo $6; echo $$; exit 4`,
			Terminal: &wire.Terminal{
				Name: "some", Size: wire.Size{Columns: 91, Rows: 17, Width: 910, Height: 340},
				Modes: modes(3, 127, 1, 7, 53, 0, 70, 0, 42, 1, 128, 38400, 129, 38400),
			},
		})
		f.begun()
		first := f.until("intr = ^G\n")
		lines := strings.Split(first, "\n")
		if len(lines) < 4 || lines[1] != lines[0]+" some" || !strings.HasPrefix(lines[0], "/dev/pts/") || lines[2] != "17 91" {
			t.Errorf("%q", first)
		}
		for _, mode := range []string{"-echo ", "-opost", "iutf8"} {
			if !strings.Contains(first, mode) || strings.Contains(first, "-"+mode) {
				t.Errorf("there is no %q in %q", mode, first)
			}
		}
		f.send(wire.TypeResize, wire.Size{Columns: 33, Rows: 7}.Payload())
		f.Write([]byte("text\n"))
		o := f.rest()
		rest := strings.Split(o.stdout, "\n")
		if len(rest) != 5 || rest[0] != "7 33" || rest[1] != "[text]" || rest[2] != rest[3] {
			t.Errorf("%q", o.stdout)
		}
		if o.exit == nil || o.exit.Status != 4 || o.stderr != "" || o.notes != "" {
			t.Errorf("%+v %+v", o, o.exit)
		}
	}
}

func TestInteractiveShell(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	write(t, os.Getenv("HOME")+"/.profile", "echo welcome; PS1='ready> '\n")
	c := start(t, Options{})
	f := c.exec(wire.Exec{Login: true, Terminal: &wire.Terminal{Name: "dumb", Size: wire.Size{Columns: 80, Rows: 24}}})
	f.begun()
	if first := f.until("ready> "); !strings.Contains(first, "welcome\r\n") {
		t.Errorf("%q", first)
	}
	f.Write([]byte("echo $0 $-\n"))
	if answer := f.until("ready> "); !strings.Contains(answer, "-bash ") || !strings.Contains(answer, "m") {
		t.Errorf("%q", answer)
	}
	f.Write([]byte("sh -c 'echo up; exec sleep 1000'\n"))
	f.until("\r\nup\r\n")
	f.Write([]byte("\x03")) // Ctrl-C, which ends the command in front and not the other
	f.until("ready> ")
	f.Write([]byte("exit 6\n"))
	if o := f.rest(); o.exit == nil || o.exit.Status != 6 {
		t.Errorf("%+v", o.exit)
	}
}

// The signal goes to the command, and a background process does not keep the terminal open.
func TestTerminalEnds(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Cleanup(func() { killNoted(home + "/pid") })
	c := start(t, Options{})
	f := c.exec(wire.Exec{
		Command:  "set -m; trap '' HUP; sleep 1000 & echo $! >$HOME/pid; trap - HUP; echo ready; exec sleep 1000",
		Terminal: &wire.Terminal{},
	})
	f.begun()
	f.until("ready\r\n")
	f.send(wire.TypeSignal, []byte("TERM"))
	if o := f.rest(); o.exit == nil || o.exit.Signal != "TERM" {
		t.Errorf("%+v", o.exit)
	}
}

func TestModes(t *testing.T) {
	for _, test := range []struct {
		modes string
		is    func(t unix.Termios) bool
	}{
		{modes(1, 255), func(t unix.Termios) bool { return t.Cc[unix.VINTR] == 0 }},
		{modes(5, 9, 36, 0), func(t unix.Termios) bool { return t.Cc[unix.VEOF] == 9 && t.Iflag&unix.ICRNL == 0 }},
		{modes(51, 1, 52, 1), func(t unix.Termios) bool { return t.Lflag&(unix.ICANON|unix.XCASE) == unix.ICANON|unix.XCASE }},
		{modes(90, 1), func(t unix.Termios) bool { return t.Cflag&unix.CSIZE == unix.CS7 }},
		{modes(90, 0, 91, 1, 92, 1), func(t unix.Termios) bool { return t.Cflag&(unix.CSIZE|unix.PARENB) == unix.CS8|unix.PARENB }},
		{modes(129, 9600), func(t unix.Termios) bool { return t.Cflag&unix.CBAUD == unix.B9600 }},
		{modes(129, 1234), func(t unix.Termios) bool { return t.Cflag&unix.CBAUD == unix.B38400 }},
		{"\x24\x00\x00\x00", func(t unix.Termios) bool { return t.Iflag&unix.ICRNL != 0 }},
		{"\xa0\x24\x00\x00\x00\x00\x00", func(t unix.Termios) bool { return t.Iflag&unix.ICRNL != 0 }},
		{"\x00" + modes(36, 0), func(t unix.Termios) bool { return t.Iflag&unix.ICRNL != 0 }},
		{modes(99, 1, 36, 0), func(t unix.Termios) bool { return t.Iflag&unix.ICRNL == 0 }},
	} {
		state := unix.Termios{Iflag: unix.ICRNL, Cflag: unix.B38400 | unix.CS8}
		applyModes(&state, []byte(test.modes))
		if !test.is(state) {
			t.Errorf("%q: %+v", test.modes, state)
		}
	}
}
