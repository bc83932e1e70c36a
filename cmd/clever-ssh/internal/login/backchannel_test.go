package login

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// lines collects lines that come from another goroutine.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
}

// speak writes to a back channel like the process at its other end.
func speak(t *testing.T, path string, texts ...string) {
	t.Helper()
	f, err := Speak(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, text := range texts {
		for len(text) > 0 { // a pipe that does not wait takes as much as there is room for
			n, _ := f.WriteString(text)
			text = text[n:]
		}
	}
}

func TestListen(t *testing.T) {
	cmd := exec.Command("ssh", "web.clever")
	var log, proxy lines
	c := Listen(cmd, log.add, proxy.add)
	if len(cmd.Args) != 4 || cmd.Args[1] != "-E" || cmd.Args[3] != "web.clever" {
		t.Fatalf("%q", cmd.Args)
	}
	name, path, _ := strings.Cut(cmd.Env[len(cmd.Env)-1], "=")
	if name != openssh.AsideVariable {
		t.Fatalf("%q", cmd.Env)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || filepath.Dir(path) != filepath.Dir(cmd.Args[2]) || os.PathSeparator == '/' && info.Mode().Perm() != 0o700 {
		t.Errorf("the folder %s is not private: %v, %v", filepath.Dir(path), info, err)
	}
	speak(t, cmd.Args[2], "debug1: a step\nden", "ied\r\n\n", "no end")
	speak(t, path, "clever-ssh: 0.1s  a step\n", "clever-ssh: no\n")
	c.End()
	for _, one := range []struct {
		what      string
		got, want []string
	}{
		{"lines of the log, one by one", log.list, []string{"debug1: a step", "denied", "no end"}},
		{"lines of proxy, one by one", proxy.list, []string{"clever-ssh: 0.1s  a step", "clever-ssh: no"}},
		{"lines of the log", c.Log.Lines(), []string{"denied", "no end"}},
		{"lines of proxy", c.Proxy.Lines(), proxy.list},
	} {
		if !slices.Equal(one.got, one.want) {
			t.Errorf("%s: %q", one.what, one.got)
		}
	}
	if text := c.Log.text(); text != "debug1: a step\ndenied\r\n\nno end" {
		t.Errorf("the log is %q", text)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("the folder is left behind")
	}
	if f, err := Speak(path); err == nil {
		f.Close()
		t.Error("a back channel that has ended can be opened")
	}
}

// A speaker may never end a line, or never stop: the text that is kept is bounded, and so is a line. Nothing
// after the last byte counts.
func TestBackChannelIsBounded(t *testing.T) {
	var all lines
	c, err := newBackChannel(filepath.Join(t.TempDir(), "log"), all.add)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, c.path, strings.Repeat("x", 2*maxKept+1), "\nthe end\n", "gone"+string(rune(lastByte))+"after")
	<-c.done
	c.end()
	if len(all.list) != 5 {
		t.Fatalf("%d lines", len(all.list))
	}
	for i, want := range []string{strings.Repeat("x", maxKept), strings.Repeat("x", maxKept), "x", "the end", "gone"} {
		if all.list[i] != want {
			t.Errorf("line %d has %d bytes", i, len(all.list[i]))
		}
	}
	if text := c.text(); text != "the end\ngone" {
		t.Errorf("%.100q", text)
	}
}

// If no folder can be made, an ssh runs without back channels.
func TestNoBackChannels(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "absent")
	for _, name := range []string{"TMPDIR", "TMP", "TEMP", "XDG_RUNTIME_DIR"} {
		t.Setenv(name, absent)
	}
	cmd := exec.Command("ssh", "web.clever")
	c := Listen(cmd, nil, nil)
	c.End()
	if len(cmd.Args) != 2 || c.Log.Lines() != nil || c.Proxy.text() != "" || c.Proxy.Refusal() != nil {
		t.Errorf("%q, %+v", cmd.Args, c)
	}
}

func TestRefusal(t *testing.T) {
	for text, want := range map[string]struct {
		says  string
		hints []string
	}{
		"":                              {},
		"clever-ssh: 0.1s  connected\n": {},
		"anything\nhint: alone\n":       {},
		"clever-ssh: no\n":              {"no", nil},
		"clever-ssh: 0.1s  x\nclever-ssh: no\nhint: a\nhint: b\n": {"no", []string{"a", "b"}},
		"clever-ssh: no\nclever-ssh: never\n":                     {"no\nnever", nil},
	} {
		err := filled("", text).Proxy.Refusal()
		if says := ""; err != nil {
			says = err.Error()
			if says != want.says || !slices.Equal(ui.Hints(err), want.hints) {
				t.Errorf("%q: %q, %q", text, says, ui.Hints(err))
			}
		} else if want.says != "" {
			t.Errorf("%q is no refusal", text)
		}
	}
}
