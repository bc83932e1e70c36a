package survey

import (
	"context"
	"fmt"
	"strings"
	"time"

	"clever-ssh/internal/quote"

	"golang.org/x/crypto/ssh"
)

// terminalProbes returns the probes of a session with a terminal. The first one opens it, and the others use it.
func terminalProbes() group {
	const interactive = "an interactive session"
	return group{title: "A session with a terminal", unless: (*survey).noShell, members: []probe{
		{name: "type-ahead", expects: "is kept", depends: "a command with a terminal: its script is typed when the session begins, and again if nothing comes", see: seeTypeAhead},
		{name: "noise with a terminal", expects: "known lines, a prompt", depends: "nothing breaks: a person reads it", see: seeTerminalNoise},
		{name: "window size", expects: "the client's", depends: interactive, see: func(ctx context.Context, s *survey) seen { return s.seeSize(ctx, 0, 0) }},
		{name: "resize", expects: "reaches the instance", depends: interactive, see: func(ctx context.Context, s *survey) seen { return s.seeSize(ctx, 101, 37) }},
		{name: "Ctrl-C", expects: "interrupts", depends: interactive, see: seeInterrupt},
		{name: "end with a terminal", expects: "status 7", depends: "the status of a command with a terminal", see: seeTerminalEnd},
	}}
}

// The terminal's initial size.
const columns, rows = 200, 31 // so wide that no line of ours is wrapped

// requestTerminal asks for a terminal.
func (n *session) requestTerminal(ctx context.Context) (ok bool, err error) {
	return n.request(ctx, "pty-req", ssh.Marshal(struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}{"xterm", columns, rows, 0, 0, "\x00"}))
}

// typedFirst begins the line that is typed first. Its echo is not noise.
const typedFirst = " exec /bin/sh -c"

// terminalShell starts a shell on the terminal that runs one line at a time, without an echo. The leading space
// keeps the line out of the history of many shells.
func terminalShell(m mark) string {
	return typedFirst + ` 'stty -echo 2>/dev/null;` + m.echo("") + `;PS1= exec /bin/sh'` + "\n"
}

// seeTypeAhead types before the prompt comes, and again if that was lost.
func seeTypeAhead(ctx context.Context, s *survey) seen {
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return unable(err)
	}
	ok, err := n.requestTerminal(ctx)
	if err == nil && ok {
		err = n.exec(ctx, s.slot)
	}
	if err != nil || !ok {
		n.close()
		return judge(false, "no terminal is given")
	}
	m := newMark()
	there := func(out, _ []byte) bool { return strings.Contains(string(out), m.String()) }
	n.send(terminalShell(m), false)
	short, cancel := context.WithTimeout(ctx, 3*quiet)
	defer cancel()
	n.await(short, there)
	out, _ := n.texts()
	early := there([]byte(out), nil)
	if !early {
		n.send(terminalShell(m), false)
		n.await(ctx, there)
		if out, _ = n.texts(); !there([]byte(out), nil) {
			n.close()
			return judge(false, "no shell on the terminal").with(out)
		}
	}
	noise, _, _ := strings.Cut(out, m.String())
	s.terminal = &typed{session: n, noise: noise}
	return judge(early, "%s", yesNo(early, "is kept", "is lost"))
}

// seeTerminalNoise sorts what came before the shell.
func seeTerminalNoise(_ context.Context, s *survey) seen {
	if s.terminal == nil {
		return skip("there was no terminal")
	}
	var kept []string
	for line := range strings.Lines(quote.WithoutCodes(s.terminal.noise)) {
		line, _, _ = strings.Cut(line, typedFirst)
		kept = append(kept, strings.TrimRight(line, "\r\n"))
	}
	words, all := sorted(strings.Join(kept, "\n"))
	return judge(all, "%s", words).with(s.terminal.noise)
}

// seeSize asks for the terminal's size, after changing it unless the new size is zero.
func (s *survey) seeSize(ctx context.Context, newColumns, newRows uint32) seen {
	if s.terminal == nil {
		return skip("there was no terminal")
	}
	wantColumns, wantRows := uint32(columns), uint32(rows)
	if newColumns > 0 {
		wantColumns, wantRows = newColumns, newRows
		s.terminal.channel.SendRequest("window-change", false, ssh.Marshal(struct{ Columns, Rows, Width, Height uint32 }{newColumns, newRows, 0, 0}))
	}
	want := fmt.Sprintf("%d %d", wantRows, wantColumns)
	for range 5 { // a change may take a moment to arrive
		m := newMark()
		if !s.terminal.run(ctx, m.echo(":$(stty size 2>/dev/null):"), m) {
			return judge(false, "no answer")
		}
		out, _ := s.terminal.texts()
		_, out, _ = strings.Cut(out, m.String()+":")
		if out, _, _ = strings.Cut(out, ":"); out == want {
			return judge(true, "%s", yesNo(newColumns > 0, "reaches the instance", "the client's"))
		}
		if out == "" {
			return skip("the instance has no stty")
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return judge(false, "another")
}

// seeInterrupt interrupts a command.
func seeInterrupt(ctx context.Context, s *survey) seen {
	if s.terminal == nil {
		return skip("there was no terminal")
	}
	begun, done := newMark(), newMark()
	if !s.terminal.run(ctx, `trap "`+strings.ReplaceAll(done.echo(""), `"`, `\"`)+`;i=9" INT;i=0;`+begun.echo("")+";while [ $i -lt 5 ];do sleep 1;i=$((i+1));done", begun) {
		return judge(false, "no answer")
	}
	short, cancel := context.WithTimeout(ctx, 2*quiet)
	defer cancel()
	s.terminal.send("\x03", false)
	there := func(out, _ []byte) bool { return strings.Contains(string(out), done.String()) }
	s.terminal.await(short, there)
	out, _ := s.terminal.texts()
	switch {
	case there([]byte(out), nil):
		return judge(true, "interrupts")
	case s.terminal.hasEnded():
		s.terminal = nil
		return judge(false, "ends the session")
	}
	return judge(false, "does nothing")
}

// seeTerminalEnd ends the shell on the terminal.
func seeTerminalEnd(ctx context.Context, s *survey) seen {
	if s.terminal == nil {
		return skip("there was no terminal")
	}
	defer s.terminal.close()
	s.terminal.send("exit 7\n", false)
	if err := s.terminal.awaitEnd(ctx); err != nil {
		return judge(false, "the session goes on")
	}
	return judge(s.terminal.ending() == "status 7", "%s", s.terminal.ending())
}
