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
	"clever-ssh/internal/child"
)

// The gateway and the command can write to the stderr of an ssh that we start, and nothing there shows who
// wrote what. So anything that we have to believe comes through back channels, files in a folder that only this
// account can enter: one for ssh's log (ssh -E), and one for the messages of the clever-ssh that this ssh
// starts as its ProxyCommand.

// BackChannels are the two back channels of an ssh. The zero value has none: then all that is known is how the
// ssh ended.
type BackChannels struct {
	folder string
	Log    *backChannel // ssh's log
	Proxy  *backChannel // what its ProxyCommand says
}

// Listen gives back channels to an ssh that has not started yet. It calls the functions, which may be nil, for
// each line as it comes. If it cannot make a folder, the ssh runs without back channels.
func Listen(cmd *exec.Cmd, onLog, onProxy func(line string)) *BackChannels {
	c := &BackChannels{}
	for _, parent := range []string{os.TempDir(), os.Getenv("XDG_RUNTIME_DIR")} {
		if folder, err := os.MkdirTemp(parent, "clever-ssh-"); err == nil {
			c.folder = folder
			break
		}
	}
	if c.folder == "" {
		return c
	}
	var errLog, errProxy error
	c.Log, errLog = newBackChannel(filepath.Join(c.folder, "log"), onLog)
	c.Proxy, errProxy = newBackChannel(filepath.Join(c.folder, "told"), onProxy)
	if errLog != nil || errProxy != nil {
		c.End()
		return &BackChannels{}
	}
	cmd.Args = slices.Insert(cmd.Args, 1, "-E", c.Log.path)
	cmd.Env = append(cmd.Env, openssh.AsideVariable+"="+c.Proxy.path)
	child.EndWithParent(cmd) // or an ssh that has not opened its log would wait forever for somebody to read it
	return c
}

// End stops listening, and removes the folder. When it returns, every line written before has been read.
func (c *BackChannels) End() {
	for _, one := range []*backChannel{c.Log, c.Proxy} {
		if one != nil {
			one.end()
		}
	}
	if c.folder != "" {
		os.RemoveAll(c.folder)
	}
}

// backChannel is one file, and the end of the text that came through it.
type backChannel struct {
	path   string
	file   *os.File
	onLine func(string) // nil if nobody wants single lines
	kept   TailBuffer
	ending chan struct{} // closed when there is nothing more to wait for
	done   chan struct{} // closed when everything was read
}

func newBackChannel(path string, onLine func(string)) (*backChannel, error) {
	file, err := openBackChannel(path)
	if err != nil {
		return nil, err
	}
	c := &backChannel{path: path, file: file, onLine: onLine, ending: make(chan struct{}), done: make(chan struct{})}
	go c.listen()
	return c, nil
}

// lastByte marks the end of what listen reads. Neither ssh's log nor clever-ssh's messages hold it: both escape
// what they quote.
const lastByte = 0

// listen reads up to the last byte. A pipe does not end before that, since it is open for writing here as well.
// At the end of a file, listen waits for more.
func (c *backChannel) listen() {
	defer close(c.done)
	defer c.file.Close()
	buf := make([]byte, 4<<10)
	var line []byte
	for wait := leastWait; ; {
		n, err := c.file.Read(buf)
		text, _, ended := bytes.Cut(buf[:n], []byte{lastByte})
		c.kept.Write(text)
		for _, b := range text {
			if line = append(line, b); b == '\n' || len(line) == maxKept {
				c.handOn(line)
				line = line[:0]
			}
		}
		switch {
		case ended || err != nil && err != io.EOF:
			c.handOn(line)
			return
		case n > 0:
			wait = leastWait
		default:
			wait = min(2*wait, mostWait)
			select {
			case <-c.ending:
			case <-time.After(wait):
			}
		}
	}
}

// leastWait and mostWait bound the pause between two looks at a file that has not grown.
const leastWait, mostWait = 25 * time.Millisecond, time.Second

// handOn passes on a line unless it is empty.
func (c *backChannel) handOn(line []byte) {
	if text := strings.TrimRight(string(line), "\r\n"); c.onLine != nil && text != "" {
		c.onLine(text)
	}
}

func (c *backChannel) end() {
	writeBackChannel(c.path, c.file, []byte{lastByte})
	close(c.ending)
	<-c.done
}

// Lines returns the last lines that came, without the empty ones and those that ssh logs under -v only.
func (c *backChannel) Lines() []string {
	if c == nil {
		return nil
	}
	return slices.DeleteFunc(c.kept.Lines(), func(line string) bool { return openssh.DebugLine().MatchString(line + "\n") })
}

// text returns the end of everything that came.
func (c *backChannel) text() string {
	if c == nil {
		return ""
	}
	return c.kept.String()
}

// Refusal returns the error, with its hints, with which the ProxyCommand refused to go on; nil if it did not.
func (c *backChannel) Refusal() error {
	var words, hints []string
	for _, line := range c.Lines() {
		if text, ok := strings.CutPrefix(line, "hint: "); ok {
			hints = append(hints, text)
		} else if text, ok := strings.CutPrefix(line, ui.Prefix); ok && !ui.IsStep(text) {
			words = append(words, text)
		}
	}
	if words == nil {
		return nil
	}
	return ui.Hint(fmt.Errorf("%s", strings.Join(words, "\n")), hints...)
}
