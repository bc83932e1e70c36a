package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
)

// innerSSH is the system's own ssh on its way to the gateway, for what the bridge carries. It logs in as any other does, and
// does not depend on the entries: their options are all on its command line.
type innerSSH struct {
	program openSSH
	args    []string // up to the alias
	alias   string
	env     []string // more than its own
	master  string   // the path of the control socket; empty if each connects by itself
	shared  net.Conn // keeps the master; nil as long as nobody listens there
}

// masterLife is how long a connection to the gateway stays for the next command.
const masterLife = 60 * time.Second

// findInner finds the way to an alias's target for an ssh that was called so; the zero CommandLine is none.
func findInner(s *settings, alias string, a config.Alias, line caller.CommandLine) (*innerSSH, error) {
	options, decisive := handedOn(line)
	i := &innerSSH{program: findSSH(), alias: strings.TrimSuffix(alias, "."+a.Gateway.Suffix), args: options}
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
	// What ssh has to say before a command begins is kept, and shown if it does not. After that it would be among the command's
	// own words.
	level := "ERROR"
	if hasFlag(line, "v") {
		level = "DEBUG1"
	}
	// What the user's own configuration may do to a session of this kind, as far as ssh knows it. Only the first IgnoreUnknown counts, so
	// this one has to do for what the user's lists as well.
	option("IgnoreUnknown=*")
	for _, o := range []string{"SessionType=default", "StdinNull=no", "ForkAfterAuthentication=no", "ClearAllForwardings=yes",
		"PermitLocalCommand=no", "VisualHostKey=no", "EscapeChar=none", "LogLevel=" + level, "RemoteCommand=" + cmp.Or(string(a.Target), "none")} {
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

// maxSocket is the longest path of a control socket: ssh adds 17 characters for a while, and macOS takes 103.
const maxSocket = 86

// socket is the path of the control socket for an alias, and for what else decides where a connection leads and as whom. It lies
// in a folder that nobody else can enter.
func (i *innerSSH) socket(a config.Alias, options []string, derived string) string {
	name := socketName(i.alias, a, options)
	for _, folder := range privateFolders(derived) {
		if path := filepath.Join(folder, name); len(path) <= maxSocket && !strings.ContainsAny(path, `%"'\ `) {
			return path
		}
	}
	return ""
}

const socketPrefix = "clever-ssh-"

func socketName(alias string, a config.Alias, options []string) string {
	g, via, folder := a.Gateway, "", ""
	if u := g.Via.URL(); u != nil {
		via = u.String()
	}
	if len(options) > 0 { // a relative path in them means another file in another folder
		folder, _ = os.Getwd()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []any{alias, a.Target, g.Address, g.Pins, g.Identity, via, options, folder, os.Getenv("SSH_AUTH_SOCK")}))
	return fmt.Sprintf("%s%x", socketPrefix, sum[:8])
}

// command is ssh with these arguments before the alias.
func (i *innerSSH) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.program), append(append(args, i.args...), "--", i.alias)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// session is an ssh that opens a session for the bridge.
func (i *innerSSH) session(tty bool) *exec.Cmd {
	if tty {
		return i.command(context.Background(), "-tt", "-o", "ControlMaster=no")
	}
	return i.command(context.Background(), "-T", "-o", "ControlMaster=no")
}

// connect opens the connection that the sessions share, if there is none yet, and keeps it for as long as this process lives:
// nobody may be there later to enter a passphrase. One process at a time opens it. An ssh that finds the socket taken would
// be no master, so that nothing would ever end it.
func (i *innerSSH) connect(ctx context.Context) error {
	if i.master == "" {
		return nil
	}
	if i.join() {
		step("there is a shared connection: %s", i.master)
		return nil
	}
	release, err := i.alone(ctx)
	if err != nil {
		return err
	}
	defer release()
	if i.join() {
		return nil
	}
	cmd := i.command(ctx, "-f", "-N", "-T", "-o", "ControlMaster=auto", "-o", fmt.Sprintf("ControlPersist=%d", int(masterLife.Seconds())))
	var said strings.Builder
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second // with -v, the master keeps it
	below := &innerSteps{rest: &said}
	added := steps != nil && !slices.Contains(i.args, "-v") // without it, the proxy would have no stderr
	if added {
		cmd.Args = slices.Insert(cmd.Args, 1, "-v")
	}
	if steps != nil {
		cmd.Stderr, cmd.WaitDelay = below, 100*time.Millisecond
		step("%s opens a connection to share: %s", i.program, i.master)
	}
	err = cmd.Run()
	below.flush()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		step("%s has logged in, and keeps the connection", i.program)
		i.join()
		return nil
	}
	noise := said.String()
	if added { // nobody has asked for ssh's own steps
		noise = debugLine().ReplaceAllString(strings.ReplaceAll(noise, "\r", ""), "")
	}
	return &bridge.ClosedError{How: "ssh: " + cmd.ProcessState.String(), Noise: strings.TrimRight(noise, "\r\n")}
}

// alone waits until no other process opens the same connection: that one may be asking for a passphrase.
func (i *innerSSH) alone(ctx context.Context) (release func(), err error) {
	for {
		release, err = atomicfile.Guard(i.master, 100*time.Millisecond)
		if ctx.Err() != nil {
			if err == nil {
				release()
			}
			return nil, context.Cause(ctx)
		}
		if !errors.Is(err, atomicfile.ErrHeld) {
			return release, err
		}
	}
}

// join tells whether somebody listens on the control socket. A master whose socket somebody has open does not end.
func (i *innerSSH) join() bool {
	c, err := net.Dial("unix", i.master)
	if err == nil {
		i.shared = c
	}
	return err == nil
}

// options are the bridge's for an alias.
func (i *innerSSH) options(a config.Alias) bridge.Options {
	return bridge.Options{
		Inner:   i.session,
		Target:  string(a.Target),
		Explain: func(err error) string { return explain(err, i.alias, a.Gateway) },
	}
}

// explain words what the bridge has against going on.
func explain(err error, alias string, g *config.Gateway) string {
	question, refused, closed := new(bridge.QuestionError), new(bridge.RefusedError), new(bridge.ClosedError)
	switch {
	case errors.As(err, &question) && len(question.Instances) > 0:
		err = hint(err, "name one instead of "+alias+": "+question.Instances[0].ID+"."+g.Suffix)
	case errors.As(err, &refused):
		err = hint(err, "is the application running, and is your SSH key registered with the account that it belongs to?")
	case errors.As(err, &closed) && strings.Contains(closed.Noise, "Permission denied"):
		err = hint(err, "the gateway does not know your SSH key: register it in the console; which keys are offered, and what else there is: clever-ssh doctor "+alias)
	case errors.As(err, &closed) && strings.Contains(strings.ToLower(closed.Noise), "too many authentication failures"):
		err = hint(err, "the gateway has seen too many of your keys; name the one that it knows: clever-ssh setup "+suffixFlag(g.Suffix)+"--identity ~/.ssh/id_...")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = hint(err, "leave -t out; for an interactive session type no command")
	}
	var b strings.Builder
	say(&b, err)
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "clever-ssh: "), "\n")
}

// knownHostsVariable tells proxy where ssh looks for the gateway's host key when there are no entries.
const knownHostsVariable = "CLEVER_SSH_KNOWN_HOSTS"

// withoutEntries lets ssh find the gateway's host key where setup has made no folder for it. Done removes it.
func (s *settings) withoutEntries(i *innerSSH) (done func(), err error) {
	if _, err := os.Stat(s.layout.Folder()); err == nil {
		return func() {}, nil
	}
	return i.rememberElsewhere()
}

// rememberElsewhere has proxy write the gateway's host key, and ssh look for it, in a file of its own. Done removes it.
func (i *innerSSH) rememberElsewhere() (done func(), err error) {
	dir, err := os.MkdirTemp("", "clever-ssh-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "known_hosts")
	if err := sshconfig.CheckPath(file); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if err := atomicfile.Write(file, nil); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	i.args = append([]string{"-o", `UserKnownHostsFile="` + filepath.ToSlash(file) + `"`}, i.args...)
	i.env = append(i.env, knownHostsVariable+"="+file)
	return func() { os.RemoveAll(dir) }, nil
}
