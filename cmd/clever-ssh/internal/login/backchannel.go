package login

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// On the stderr of an ssh that we start, the gateway and the command speak as well, and nothing there shows who it was. So what is to
// be believed comes aside, through files of its own in a folder that only this account can enter: ssh's log (ssh -E), and the words of
// the clever-ssh that this ssh starts as its ProxyCommand.

// Asides are the two that an ssh has. The zero value has none: then all that is known is how the ssh ended.
type Asides struct {
	folder string
	Log    *aside // ssh's
	Told   *aside // proxy's
}

// Listen has an ssh that is not started yet speak aside. The functions, which may be nil, are called for each line as it comes.
// Where no folder can be made, the ssh goes its way without.
func Listen(cmd *exec.Cmd, log, told func(line string)) *Asides {
	a := &Asides{}
	for _, parent := range []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR")} {
		if folder, err := os.MkdirTemp(parent, "clever-ssh-"); err == nil {
			a.folder = folder
			break
		}
	}
	if a.folder == "" {
		return a
	}
	var errLog, errTold error
	a.Log, errLog = newAside(filepath.Join(a.folder, "log"), log)
	a.Told, errTold = newAside(filepath.Join(a.folder, "told"), told)
	if errLog != nil || errTold != nil {
		a.End()
		return &Asides{}
	}
	cmd.Args = slices.Insert(cmd.Args, 1, "-E", a.Log.path)
	cmd.Env = append(cmd.Env, openssh.AsideVariable+"="+a.Told.path)
	return a
}

// End stops listening, and removes what was there for it. All that was said before has been heard then.
func (a *Asides) End() {
	for _, one := range []*aside{a.Log, a.Told} {
		if one != nil {
			one.end()
		}
	}
	if a.folder != "" {
		os.RemoveAll(a.folder)
	}
}

// aside is one file, and what has come through it.
type aside struct {
	path   string
	file   *os.File
	line   func(string)
	said   Tail
	ending chan struct{}
	done   chan struct{} // closed when all was heard
}

func newAside(path string, line func(string)) (*aside, error) {
	file, err := openAside(path)
	if err != nil {
		return nil, err
	}
	a := &aside{path: path, file: file, line: line, ending: make(chan struct{}), done: make(chan struct{})}
	go a.listen()
	return a, nil
}

// lastByte ends what is listened to. Neither ssh's log nor clever-ssh itself holds it: both escape what they quote.
const lastByte = 0

// listen reads up to the last byte. A pipe has no end before: it is open for writing as well. A file has one that is waited at.
func (a *aside) listen() {
	defer close(a.done)
	defer a.file.Close()
	buf := make([]byte, 4<<10)
	var line []byte
	for wait := leastWait; ; {
		n, err := a.file.Read(buf)
		text, _, ended := bytes.Cut(buf[:n], []byte{lastByte})
		a.said.Write(text)
		for _, c := range text {
			if line = append(line, c); c == '\n' || len(line) == maxTail {
				a.hear(line)
				line = line[:0]
			}
		}
		switch {
		case ended || err != nil && err != io.EOF:
			a.hear(line)
			return
		case n > 0:
			wait = leastWait
		default:
			wait = min(2*wait, mostWait)
			select {
			case <-a.ending:
			case <-time.After(wait):
			}
		}
	}
}

const leastWait, mostWait = 25 * time.Millisecond, time.Second

func (a *aside) hear(line []byte) {
	if text := strings.TrimRight(string(line), "\r\n"); a.line != nil && text != "" {
		a.line(text)
	}
}

func (a *aside) end() {
	writeAside(a.path, a.file, []byte{lastByte})
	close(a.ending)
	<-a.done
}

// Lines are those that came, without the empty ones and ssh's steps.
func (a *aside) Lines() []string {
	if a == nil {
		return nil
	}
	return slices.DeleteFunc(a.said.Lines(), func(line string) bool { return openssh.DebugLine().MatchString(line + "\n") })
}

// text is all that came.
func (a *aside) text() string {
	if a == nil {
		return ""
	}
	return a.said.String()
}

// Refusal is what a clever-ssh below has against going on; nil if nothing.
func (a *aside) Refusal() error {
	var words, hints []string
	for _, line := range a.Lines() {
		if text, ok := strings.CutPrefix(line, "hint: "); ok {
			hints = append(hints, text)
		} else if text, ok := strings.CutPrefix(line, "clever-ssh: "); ok && !ui.IsStep(text) {
			words = append(words, text)
		}
	}
	if words == nil {
		return nil
	}
	return ui.Hint(fmt.Errorf("%s", strings.Join(words, "\n")), hints...)
}
