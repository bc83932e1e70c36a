package survey

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/internal/quote"
)

// mark is a random text. A script holds it as two separate halves, so that no echo of the script contains it.
type mark struct{ first, second string }

func newMark() mark {
	var random [8]byte
	rand.Read(random[:])
	text := hex.EncodeToString(random[:])
	return mark{text[:8], text[8:]}
}

func (m mark) String() string { return m.first + m.second }

// echo returns the shell command that prints the mark, and more before the end of the line.
func (m mark) echo(more string) string { return `echo "` + m.first + `""` + m.second + more + `"` }

// shell is a session in which /bin/sh is running.
type shell struct {
	*session
	line               string // the line that it was sent
	noiseOut, noiseErr string // what came before it
	merged             bool   // its stderr comes on stdout
	crlf               bool   // its lines end with CR LF
	took               time.Duration
	outFrom, errFrom   int // where its own output begins
}

// quiet is how long the gateway must be silent after a question in unknown words.
const quiet = 2 * time.Second

// begin opens a session to a target, and turns its shell into a /bin/sh that runs a script. The script must
// hold no single quotes. follows is sent after that line. The error is a *noShell, or tells why there was no
// session.
func (c *connection) begin(ctx context.Context, target, script, follows string) (*shell, error) {
	n, err := c.openSession(ctx)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := n.exec(ctx, target); err != nil {
		n.close()
		return nil, err
	}
	out, errs := newMark(), newMark()
	line := "exec /bin/sh -c '" + out.echo("") + ";" + errs.echo("") + ">&2;" + script + "'\n"
	n.send(line+follows, false)
	sh := &shell{session: n, line: line}
	if err := sh.find(ctx, out, errs); err != nil {
		n.close()
		return nil, err
	}
	sh.took = time.Since(begun)
	return sh, nil
}

// find waits for the marks of both streams.
func (sh *shell) find(ctx context.Context, out, errs mark) error {
	var said error
	found := false
	look := func(o, e []byte) bool {
		restOut, onOut := after(o, out.String())
		restErr, onErr := after(e, errs.String())
		if !onErr {
			if _, sh.merged = after(o, errs.String()); !sh.merged {
				restErr = nil
			}
		}
		if found = onOut && (onErr || sh.merged); found {
			sh.outFrom = len(o) - len(restOut)
			sh.errFrom = len(e) - len(restErr)
			head := o[:sh.outFrom]
			sh.crlf = bytes.HasSuffix(head, []byte("\r\n"))
			noise, _, _ := bytes.Cut(head, []byte(out.String()))
			sh.noiseOut = string(noise)
			noise, _, _ = bytes.Cut(e[:sh.errFrom], []byte(errs.String()))
			sh.noiseErr = string(noise)
			if sh.merged { // stderr's mark is not part of the script's output
				rest, _ := after(o, errs.String())
				sh.outFrom = max(sh.outFrom, len(o)-len(rest))
			}
			return true
		}
		said = bridge.Recognise(string(o), string(e), false)
		return said != nil
	}
	var err error
	for !found && said == nil && err == nil && !sh.hasEnded() {
		err = sh.awaitQuiet(ctx, look, func(o, e []byte) { said = bridge.Recognise(string(o), string(e), true) })
	}
	if found {
		return nil
	}
	if errors.As(said, new(*bridge.RefusedError)) {
		sh.awaitEnd(ctx)
	}
	o, e := sh.texts()
	if said == nil && err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if sh.hasEnded() && said == nil {
		said = bridge.Recognise(o, e, true)
	}
	return &noShell{out: o, err: e, said: said, ended: sh.hasEnded(), how: sh.ending()}
}

// echoLength is how many consecutive characters of the input cannot come back by chance.
const echoLength = 13

// holdsEcho reports whether a text shows part of a line that was sent. In a narrow window, a line editor breaks
// the line or shows only its end.
func holdsEcho(text, line string) bool {
	solid := func(s string) string { return strings.Join(strings.Fields(quote.WithoutCodes(s)), "") }
	text, line = solid(text), solid(line)
	for at := range max(0, len(line)-echoLength) {
		if strings.Contains(text, line[at:at+echoLength]) {
			return true
		}
	}
	return false
}

// awaitQuiet is like await, and calls onQuiet when something has come and then nothing for a while.
func (n *session) awaitQuiet(ctx context.Context, enough func(out, err []byte) bool, onQuiet func(out, err []byte)) error {
	short, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n.mu.Lock()
	before := n.out.all + n.err.all
	n.mu.Unlock()
	err := n.await(short, enough)
	if err == nil || ctx.Err() != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if before > 0 && n.out.all+n.err.all == before {
		onQuiet(n.out.text, n.err.text)
	}
	return nil
}

// output returns what the script has printed so far.
func (sh *shell) output() (out, err string) {
	o, e := sh.texts()
	return o[min(sh.outFrom, len(o)):], e[min(sh.errFrom, len(e)):]
}

// awaitOutput waits until the script has printed enough, or the session has ended.
func (sh *shell) awaitOutput(ctx context.Context, enough func(out, err string) bool) (out, err string, failed error) {
	failed = sh.await(ctx, func(o, e []byte) bool {
		return enough(string(o[min(sh.outFrom, len(o)):]), string(e[min(sh.errFrom, len(e)):]))
	})
	out, err = sh.output()
	return out, err, failed
}

// runScript runs a script where a target leads to, and returns its output when it has ended.
func (c *connection) runScript(ctx context.Context, target, script string) (out string, err error) {
	sh, err := c.begin(ctx, target, script, "")
	if err != nil {
		return "", err
	}
	defer sh.leave()
	if err := sh.awaitEnd(ctx); err != nil {
		return "", err
	}
	out, _ = sh.output()
	return strings.ReplaceAll(out, "\r\n", "\n"), nil
}

// typed is a session with a terminal.
type typed struct {
	*session
	noise string // what came before its shell was running
}

// run types a line, and waits for a mark that it prints.
func (t *typed) run(ctx context.Context, line string, m mark) bool {
	t.send(line+"\n", false)
	return t.await(ctx, func(out, _ []byte) bool { return strings.Contains(string(out), m.String()) }) == nil && !t.hasEnded()
}
