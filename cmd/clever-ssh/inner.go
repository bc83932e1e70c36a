package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"

	"clever-ssh/bridge"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/quote"

	"golang.org/x/term"
)

// innerSSH is the system's own ssh on its way to the gateway, for what the bridge carries. It logs in as any other does, and
// does not depend on the entries: their options are all on its command line.
type innerSSH struct {
	program openSSH
	args    []string // up to the alias
	alias   string
	gateway *config.Gateway
	env     []string      // more than its own
	master  string        // the path of the control socket; empty if each connects by itself
	gone    chan struct{} // closed when the master has gone that join found; nil before
	debug   bool          // a person wants to read ssh's steps

	heard sync.Map // the asides of each session, by its command
}

// findInner finds the way to an alias's target for an ssh that was called so; the zero CommandLine is none.
func findInner(s *settings, alias string, a config.Alias, line caller.CommandLine) (*innerSSH, error) {
	options, decisive := line.HandedOn()
	i := &innerSSH{program: cmp.Or(findSSH(), openSSH(line.Program)), alias: strings.TrimSuffix(alias, "."+a.Gateway.Suffix), gateway: a.Gateway, args: options, debug: line.HasFlag("v")}
	if i.program == "" {
		return nil, hint(errors.New("there is no ssh"), adviceOnNoSSH)
	}
	i.alias = strings.TrimSuffix(i.alias, ".run") + "." + a.Gateway.Suffix
	if a.Target == "" {
		i.alias = a.Gateway.Suffix
	}
	l := s.layout
	var err error
	if l.Program, err = sshconfig.ThisProgram(); err != nil {
		return nil, err
	}
	if entries, err := os.ReadFile(l.ConfigFile()); err == nil {
		l.RSA = bytes.Contains(entries, []byte("rsa-sha2-512")) // setup has asked
	} else {
		l.RSA = i.program.knowsRSA()
	}
	option := func(text string) { i.args = append(i.args, "-o", text) }
	// What the user's own configuration may do to a session of this kind, as far as ssh knows it. Only the first IgnoreUnknown counts, so
	// this one has to do for what the user's lists as well.
	option("IgnoreUnknown=*")
	for _, o := range []string{"SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "ClearAllForwardings=yes",
		"PermitLocalCommand=no", "VisualHostKey=no", "EscapeChar=none", "RemoteCommand=" + cmp.Or(string(a.Target), "none")} {
		option(o)
	}
	if i.master = i.socket(a, decisive, l.Folder()); i.master != "" {
		option("ControlPath=" + i.master)
	}
	for _, o := range sshconfig.Options(a.Gateway, l) {
		option(o)
	}
	return i, nil
}

// command is ssh with these arguments before the alias.
func (i *innerSSH) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.program), append(append(args, i.args...), "--", i.alias)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// session is an ssh that opens a session for the bridge. Its log tells how the session ends, but not on a terminal: with that much of a
// log, ssh takes leave of the terminal's user, too.
func (i *innerSSH) session(tty bool) *exec.Cmd {
	flag, level := "-T", "DEBUG2"
	if tty {
		flag, level = "-tt", "ERROR"
	}
	cmd := i.command(context.Background(), flag, "-o", "ControlMaster=no", "-o", "LogLevel="+level)
	i.heard.Store(cmd, listenAside(cmd, i.showLog, showSteps))
	return cmd
}

// options are the bridge's for an alias.
func (i *innerSSH) options(a config.Alias) bridge.Options {
	return bridge.Options{
		Inner:   i.session,
		Ended:   i.ended,
		Target:  string(a.Target),
		Explain: func(err error) string { return explain(err, i.alias, a.Gateway) },
	}
}

// showLog shows a line of ssh's log to a person who has asked for it.
func (i *innerSSH) showLog(line string) {
	if i.debug && steps != nil && !strings.HasPrefix(line, "debug2: ") {
		fmt.Fprintf(steps, "ssh: %s\n", quote.Line(line))
	}
}

// sayWaiting returns what tells a person why nothing happens, or nil where nobody reads it. The terminal may be raw by then, and
// want its carriage return.
func sayWaiting(w io.Writer) func() {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() {
		fmt.Fprint(f, "clever-ssh: waiting for the gateway to open a session on the instance\r\n")
	}
}

// explain words what the bridge has against going on.
func explain(err error, alias string, g *config.Gateway) string {
	var b strings.Builder
	say(&b, adviseOnSession(err, alias, g))
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "clever-ssh: "), "\n")
}
