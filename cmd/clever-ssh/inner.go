package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/caller"
	"clever-ssh/internal/pattern"
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

// masterLife is how long a connection to the gateway stays for the next command.
const masterLife = 60 * time.Second

// findInner finds the way to an alias's target for an ssh that was called so; the zero CommandLine is none.
func findInner(s *settings, alias string, a config.Alias, line caller.CommandLine) (*innerSSH, error) {
	options, decisive := handedOn(line)
	i := &innerSSH{program: cmp.Or(findSSH(), openSSH(line.Program)), alias: strings.TrimSuffix(alias, "."+a.Gateway.Suffix), gateway: a.Gateway, args: options, debug: hasFlag(line, "v")}
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
	level := "INFO" // the master lives on, and nobody listens any more
	if i.debug {
		level = "DEBUG1"
	}
	cmd := i.command(ctx, "-f", "-N", "-T", "-o", "LogLevel="+level, "-o", "ControlMaster=auto", "-o", fmt.Sprintf("ControlPersist=%d", int(masterLife.Seconds())))
	said := new(tail)
	cmd.Stderr = said
	cmd.WaitDelay = time.Second // some versions of the master keep it
	heard := listenAside(cmd, i.showLog, showSteps)
	step("%s opens a connection to share: %s", i.program, i.master)
	err = cmd.Run()
	heard.end()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		step("%s has logged in, and keeps the connection", i.program)
		i.join()
		return nil
	}
	how := "ssh: " + err.Error()
	if cmd.ProcessState != nil {
		how = "ssh: " + cmd.ProcessState.String()
	}
	return &bridge.ClosedError{How: how, Noise: quote.Lines(strings.Join(said.lines(), "\n")), End: i.end(heard)}
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
	if err != nil {
		return false
	}
	gone := make(chan struct{})
	go func() {
		io.Copy(io.Discard, c)
		close(gone)
	}()
	i.gone = gone
	return true
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

var (
	// The names of SSH's messages, which ssh has logged since long before 8.0; and what the client of a shared connection logs.
	endTold  = pattern.New(`(?m)^debug1: client_input_channel_req: channel \d+ rtype exit-(status|signal)|^debug1: Exit status \d|^debug2: Received exit status from master`)
	isShared = pattern.New(`(?m)^debug1: mux_client_request_session: master session id`)
	lostTold = pattern.New(`(?m)^clever-ssh: the connection was lost: `)
	// What ssh says of a key file that it cannot use. The gateway can have lines of its own in the log: this one says nothing new.
	unusableKey = pattern.New(`^Load key "([^"]+)": (?:bad permissions|invalid format|error in libcrypto|incorrect passphrase supplied to decrypt private key|Permission denied|agent refused operation)$`)
	denied      = pattern.New(`(?m)^\S+: Permission denied \(`)
	tooMany     = pattern.New(`(?im)^.*too many authentication failures`)
)

// ended is what is known of a session's end.
func (i *innerSSH) ended(cmd *exec.Cmd) bridge.End {
	value, ok := i.heard.LoadAndDelete(cmd)
	if !ok {
		return bridge.End{}
	}
	heard := value.(*asides)
	heard.end()
	return i.end(heard)
}

// masterEnds is how long a master may take to go when its connection has ended.
const masterEnds = 2 * time.Second

// end reads in ssh's own log, and in what proxy told, why an ssh ended. The gateway can write lines of its own into that log, so nothing
// of it is shown as ours; what it decides is no more than the gateway could bring about by itself.
func (i *innerSSH) end(heard *asides) bridge.End {
	log := heard.log.text()
	shared := isShared().MatchString(log)
	end := bridge.End{
		LoggedIn: shared || entered().MatchString(log) || heard.log != nil && log == "", // on a terminal it logs errors only
		Lost: func() bool {
			switch {
			case endTold().MatchString(log):
				return false
			case !shared && strings.Contains(log, "debug"), lostTold().MatchString(heard.told.text()): // it had one of its own
				return true
			case i.gone == nil:
				return false
			}
			// To the client of a shared connection its end looks like the end of a command by a signal, but then the master goes.
			select {
			case <-i.gone:
				return true
			case <-time.After(masterEnds):
				return false
			}
		},
	}
	if !end.LoggedIn {
		end.Err = i.notLoggedIn(heard)
	}
	return end
}

// notLoggedIn says why the gateway did not let an ssh in, if its words tell.
func (i *innerSSH) notLoggedIn(heard *asides) error {
	log, words := heard.log.text(), heard.log.lines()
	switch told := heard.told.refusal(); {
	case denied().MatchString(log):
		text := "Permission denied: the gateway accepted none of the keys that ssh offered"
		for _, line := range words {
			if m := unusableKey().FindStringSubmatch(line); m != nil && exists(m[1]) {
				text += "\n" + line
			}
		}
		return hint(errors.New(text), "is one registered in the console, readable, and unlocked?", "see which they are: clever-ssh doctor "+i.alias)
	case tooMany().MatchString(log):
		return hint(errors.New("the gateway hung up after too many of your keys"),
			"name the one that it knows: clever-ssh setup "+suffixFlag(i.gateway.Suffix)+"--identity ~/.ssh/id_...")
	case told != nil:
		return told
	case len(words) == 0:
		return nil
	}
	return hint(fmt.Errorf("ssh failed: %q", strings.Join(words[max(0, len(words)-mostWords):], "; ")), "see how far it gets: ssh -v "+i.alias+" true")
}

// mostWords is how many of ssh's last lines tell why it failed.
const mostWords = 3

// sayWaiting returns what tells a person why nothing happens, or nil where nobody reads it. The terminal may be raw by then, and
// want its carriage return.
func sayWaiting(w io.Writer) func() {
	if m, ok := w.(messages); ok {
		w = m.Writer
	}
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

// adviseOnSession adds to an error of the bridge what a person can do about it.
func adviseOnSession(err error, alias string, g *config.Gateway) error {
	question, refused, closed := new(bridge.QuestionError), new(bridge.RefusedError), new(bridge.ClosedError)
	switch {
	case errors.As(err, &question) && len(question.Instances) > 0:
		err = hint(err, "name one instead of "+alias+": "+question.Instances[0].ID+"."+g.Suffix)
	case errors.As(err, &refused):
		err = hint(err, "is the application running, and is your SSH key registered with the account that it belongs to?")
	case errors.As(err, &closed) && closed.Err == nil:
		err = hint(err, "see how far it gets: ssh -v "+alias+" true")
	case errors.Is(err, bridge.ErrNoTerminal):
		err = hint(err, "leave -t out; for an interactive session type no command")
	}
	return err
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
