package login

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
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/quote"

	"golang.org/x/term"
)

// innerSSH is the system's own ssh on its way to the gateway, for what the bridge carries. It logs in as any other does, and
// does not depend on the entries: their options are all on its command line.
type innerSSH struct {
	Program openssh.SSH
	args    []string // up to the alias
	alias   string
	gateway *config.Gateway
	env     []string      // more than its own
	Master  string        // the path of the control socket; empty if each connects by itself
	gone    chan struct{} // closed when the master has gone that join found; nil before
	debug   bool          // a person wants to read ssh's steps

	Heard sync.Map // the asides of each session, by its command
}

// New finds the way to an alias's target for an ssh that was called so; the zero CommandLine is none.
func New(s *settings.Settings, alias string, a config.Alias, line caller.CommandLine) (*innerSSH, error) {
	options, decisive := line.HandedOn()
	i := &innerSSH{Program: cmp.Or(openssh.Find(), openssh.SSH(line.Program)), alias: strings.TrimSuffix(alias, "."+a.Gateway.Suffix), gateway: a.Gateway, args: options, debug: line.HasFlag("v")}
	if i.Program == "" {
		return nil, ui.Hint(errors.New("there is no ssh"), ui.InstallSSH)
	}
	i.alias = strings.TrimSuffix(i.alias, ".run") + "." + a.Gateway.Suffix
	if a.Target == "" {
		i.alias = a.Gateway.Suffix
	}
	l := s.Layout
	var err error
	if l.Program, err = sshconfig.ThisProgram(); err != nil {
		return nil, err
	}
	if entries, err := os.ReadFile(l.ConfigFile()); err == nil {
		l.RSA = bytes.Contains(entries, []byte("rsa-sha2-512")) // setup has asked
	} else {
		l.RSA = i.Program.KnowsRSA()
	}
	option := func(text string) { i.args = append(i.args, "-o", text) }
	// What the user's own configuration may do to a session of this kind, as far as ssh knows it. Only the first IgnoreUnknown counts, so
	// this one has to do for what the user's lists as well.
	option("IgnoreUnknown=*")
	for _, o := range []string{"SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "ClearAllForwardings=yes",
		"PermitLocalCommand=no", "VisualHostKey=no", "EscapeChar=none", "RemoteCommand=" + cmp.Or(string(a.Target), "none")} {
		option(o)
	}
	if i.Master = i.socket(a, decisive, l.Folder()); i.Master != "" {
		option("ControlPath=" + i.Master)
	}
	for _, o := range sshconfig.Options(a.Gateway, l) {
		option(o)
	}
	return i, nil
}

// Command is ssh with these arguments before the alias.
func (i *innerSSH) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.Program), append(append(args, i.args...), "--", i.alias)...)
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
	cmd := i.Command(context.Background(), flag, "-o", "ControlMaster=no", "-o", "LogLevel="+level)
	i.Heard.Store(cmd, Listen(cmd, i.showLog, ui.ShowSteps))
	return cmd
}

// Options are the bridge's for an alias.
func (i *innerSSH) Options(a config.Alias) bridge.Options {
	return bridge.Options{
		Inner:   i.session,
		Ended:   i.Ended,
		Target:  string(a.Target),
		Message: func(err error) string { return sessionMessage(err, i.alias, a.Gateway) },
		Reason:  func(err error) string { return sessionReason(err, i.alias, a.Gateway) },
	}
}

// showLog shows a line of ssh's log to a person who has asked for it.
func (i *innerSSH) showLog(line string) {
	if i.debug && ui.Steps != nil && !strings.HasPrefix(line, "debug2: ") {
		fmt.Fprintf(ui.Steps, "ssh: %s\n", quote.Line(line))
	}
}

// SayWaiting returns what tells a person why nothing happens, or nil where nobody reads it. The terminal may be raw by then, and
// want its carriage return.
func SayWaiting(w io.Writer) func() {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func() {
		fmt.Fprint(f, "clever-ssh: waiting for the gateway to open a session on the instance\r\n")
	}
}

// sessionMessage words an error of the bridge for a person: first what the gateway said, then what that means.
func sessionMessage(err error, alias string, g *config.Gateway) string {
	var b strings.Builder
	if noise := bridge.NoiseOf(err); noise != "" {
		b.WriteString(ui.FromGateway(noise))
	}
	ui.Error(&b, ui.HintSession(err, alias, g))
	return b.String()
}

// sessionReason words an error of the bridge for ssh, which shows it after words of its own on the same line.
func sessionReason(err error, alias string, g *config.Gateway) string {
	var b strings.Builder
	ui.Error(&b, ui.HintSession(err, alias, g))
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "clever-ssh: "), "\n")
}
