package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// What a person types into the window of a saved session arrives. If there is no session, the
// window says why. The test runs on a screen that nobody sees.
func TestPuttyWindow(t *testing.T) {
	test.Need(t, "putty", "Xvfb", "xdotool")
	t.Parallel()
	h, g, key := puttyHome(t)
	h.setup(t, g, "--identity", key, "web="+appWeb)
	env := append(startScreen(t), h.env...)

	t.Run("a session", func(t *testing.T) {
		w := openWindow(t, env, "web.clever", "-sessionlog")
		w.expect(t, `bas@`+instanceWeb+` ~ \$ `)
		// The answer is not part of the typed line, which the window shows too.
		w.enter(t, "echo window-$((6*7)) on $(tty)")
		w.expect(t, `window-42 on /dev/pts/\d`)
		w.enter(t, "exit")
		if status := w.end(t); !status.Success() {
			t.Errorf("PuTTY ended with %v", status)
		}
		sessions := g.Events().Sessions
		if len(sessions) != 1 || sessions[0] != (gateway.Session{Target: appWeb, TTY: true, Instance: instanceWeb, Ended: true}) {
			t.Errorf("the sessions are %+v", sessions)
		}
	})

	attempts := len(g.Events().Attempts)
	runs(t, h.command("clever-ssh", "setup", "--pin", pinOf(&gateway.Gateway{HostKeys: mustKeys(otherHostKeys)}, 0)))
	t.Run("a gateway that is not pinned", func(t *testing.T) {
		w := openWindow(t, env, "web.clever", "-sessionlog")
		w.expect(t, `clever-ssh: host key `+regexp.QuoteMeta(pinOf(g, 0))+` of \S+ is not pinned(?s:.*)hint: `)
		dialog := w.find(t, "PuTTY Fatal Error")
		w.press(t, dialog, "Return")
		w.until(t, "the dialog goes", func() bool {
			_, err := w.xdotool("getwindowname", dialog)
			return err != nil
		})
		w.find(t, "PuTTY") // it stays open, so that its text can be read
	})
	settings := filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml")
	t.Run("a session that is not up to date", func(t *testing.T) {
		edit(t, settings, "^pins = .*", fmt.Sprintf("pins = [%q]", pinOf(g, 0)))
		// Now the proxy lets PuTTY see the host key. PuTTY writes nothing into the window, but the
		// log of the connection has the dialog's text. Without the proxy, 0.78 would sometimes
		// crash here, when NEWKEYS arrives on a connection that it has given up.
		w := openWindow(t, env, "web.clever", "-sshlog")
		w.expect(t, regexp.QuoteMeta(pinOf(g, 0))+`(?s:.*)Host key (not|did not appear) in manually configured list`)
		w.find(t, "PuTTY Fatal Error")
	})
	t.Run("a name that is gone", func(t *testing.T) {
		edit(t, settings, "^web = .*\n", "")
		w := openWindow(t, env, "web.clever", "-sessionlog")
		w.expect(t, `clever-ssh: unknown alias "web.clever"; the known aliases are clever\s(?s:.*)hint: `)
		w.find(t, "PuTTY Fatal Error")
	})
	g.Close() // so that everything sent to it is counted
	if n := len(g.Events().Attempts); n != attempts {
		t.Errorf("%d authentication attempts at a gateway that is not pinned", n-attempts)
	}
}

// startScreen starts an X server, and returns the environment for its programs, which has nothing
// of this machine's desktop.
func startScreen(t *testing.T) []string {
	t.Helper()
	// Without a cookie, every account of this machine could type into the windows, and so into a
	// shell. An entry of an Xauthority file is a family (any) and four strings: an address and a
	// display (any), a protocol, a cookie.
	auth := filepath.Join(t.TempDir(), "Xauthority")
	entry := []byte{0xff, 0xff}
	for _, field := range []string{"", "", "MIT-MAGIC-COOKIE-1", rand.Text()[:16]} {
		entry = append(binary.BigEndian.AppendUint16(entry, uint16(len(field))), field...)
	}
	if err := os.WriteFile(auth, entry, 0o600); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// The server chooses a free display. It must not reset when its last program has ended, nor
	// repeat a key (-r): on a busy machine, xdotool may take long to release one.
	server := exec.Command("Xvfb", "-displayfd", "3", "-auth", auth, "-nolisten", "tcp", "-noreset", "-r")
	server.ExtraFiles = []*os.File{w}
	var said bytes.Buffer
	server.Stderr = &said
	err = server.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(os.Interrupt) // if killed, it would leave its lock
		server.Wait()
	})
	var number int
	r.SetReadDeadline(time.Now().Add(test.Patience))
	if _, err := fmt.Fscanln(r, &number); err != nil {
		server.Process.Kill()
		server.Wait()
		t.Fatalf("Xvfb names no display: %v\n%s", err, said.String())
	}
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "DISPLAY=:" + strconv.Itoa(number), "XAUTHORITY=" + auth, "GDK_BACKEND=x11",
		// Otherwise GTK may start a message bus for accessibility, and leave it running.
		"NO_AT_BRIDGE=1", "DBUS_SESSION_BUS_ADDRESS=disabled:"}
}

// window is a running PuTTY and its window.
type window struct {
	cmd   *exec.Cmd
	said  bytes.Buffer
	log   string
	ended chan struct{}
}

// openWindow starts PuTTY with a saved session and a log: -sessionlog has the text in the window,
// including what proxy says; -sshlog has PuTTY's own messages.
func openWindow(t *testing.T, env []string, session, log string) *window {
	t.Helper()
	w := &window{log: filepath.Join(t.TempDir(), "log"), ended: make(chan struct{})}
	w.cmd = exec.Command("putty", "-load", session, log, w.log)
	w.cmd.Env = env
	w.cmd.Stdout, w.cmd.Stderr = &w.said, &w.said
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		w.cmd.Wait()
		close(w.ended)
	}()
	t.Cleanup(func() {
		w.cmd.Process.Kill()
		<-w.ended
	})
	return w
}

// until waits until a condition holds.
func (w *window) until(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	state := func() string {
		titles, _ := w.xdotool("search", "--onlyvisible", "--name", "PuTTY", "getwindowname", "%@")
		log, _ := os.ReadFile(w.log)
		return fmt.Sprintf("the windows are %q, the log is\n%s", titles, log)
	}
	test.Eventually(t, what, func() bool {
		if isSo() {
			return true
		}
		select {
		case <-w.ended:
			t.Fatalf("%s: it did not happen; PuTTY ended with %v and said %q; %s", what, w.cmd.ProcessState, w.said.String(), state())
		default:
		}
		return false
	}, state)
}

// expect waits for a pattern in the log.
func (w *window) expect(t *testing.T, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	w.until(t, pattern, func() bool {
		log, _ := os.ReadFile(w.log)
		return re.Match(log)
	})
}

// find waits for a window of this PuTTY whose title has a text, and returns its id.
func (w *window) find(t *testing.T, title string) (id string) {
	t.Helper()
	w.until(t, "a window with the title "+title, func() bool {
		var err error
		id, err = w.xdotool("search", "--onlyvisible", "--all", "--pid", strconv.Itoa(w.cmd.Process.Pid), "--name", title)
		return err == nil && id != ""
	})
	return id
}

// focus gives a window the focus, because no window manager runs here.
func (w *window) focus(t *testing.T, id string) {
	t.Helper()
	w.until(t, "the focus is on the window", func() bool {
		w.xdotool("windowfocus", id) // fails until the window can have it
		focus, _ := w.xdotool("getwindowfocus", "-f")
		return focus == id
	})
}

// enter types a line.
func (w *window) enter(t *testing.T, line string) {
	t.Helper()
	w.focus(t, w.find(t, "PuTTY"))
	if out, err := w.xdotool("type", "--delay", "0", line+"\n"); err != nil {
		t.Fatalf("typing %q: %v\n%s", line, err, out)
	}
}

// press presses a key in a window of this PuTTY.
func (w *window) press(t *testing.T, id, key string) {
	t.Helper()
	w.focus(t, id)
	if out, err := w.xdotool("key", key); err != nil {
		t.Fatalf("pressing %s: %v\n%s", key, err, out)
	}
}

func (w *window) xdotool(args ...string) (string, error) {
	cmd := exec.Command("xdotool", args...)
	cmd.Env = w.cmd.Env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// end waits for PuTTY and its window to close by themselves.
func (w *window) end(t *testing.T) *os.ProcessState {
	t.Helper()
	test.Within(t, "the end of PuTTY", w.ended)
	return w.cmd.ProcessState
}
