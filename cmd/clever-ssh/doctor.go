package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"github.com/urfave/cli/v2"
)

var doctorCommand = &cli.Command{
	Name:      "doctor",
	Usage:     "what is amiss between here and a prompt, and what to do",
	UsageText: "doctor [ALIAS] [--json]",
	Description: `Checks everything between here and a prompt, in the order in which a connection needs it, and says what to do about what
is amiss. With an alias it also logs in as ssh would, without asking anything and without opening a session. It changes
nothing, and takes 15 seconds at most.

    clever-ssh doctor                   this machine, and the way to the gateway
    clever-ssh doctor web.clever        and whether the gateway lets you in
    clever-ssh doctor --json | jq '.checks[] | select(.status == "failed")'

The exit status is 0 if nothing failed; a warning is no failure.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "for programs"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() > 1 {
			return usagef("doctor takes one alias, or none")
		}
		return doctor(c.Args().First(), c.Bool("json"))
	},
}

// doctorPatience bounds what waits for programs and the network, examinationEnd everything: no deadline helps against a disk that
// does not answer.
const (
	doctorPatience = 13 * time.Second
	examinationEnd = 14500 * time.Millisecond
)

// lookOnlyVariable tells what ssh starts for the doctor's sake that it is to change nothing.
const lookOnlyVariable = "CLEVER_SSH_LOOK_ONLY"

// examination is what the checks of doctor have in common. A check that finds what the later ones need leaves it here.
type examination struct {
	*report
	ssh      openSSH
	settings *settings        // nil if they cannot be read
	layout   sshconfig.Layout // where the entries are, and how they call the program
	alias    string           // empty if none was given, or it stands for nothing
	resolved config.Alias     // what it stands for
	gateways []*config.Gateway
	dumped   string // what ssh -G prints for the alias, or for the first gateway's menu; empty if it refuses
	open     bool   // whether the alias's gateway was reached and showed a pinned host key
}

// doctor examines everything for an alias, or for what all aliases need if it is empty.
func doctor(alias string, asJSON bool) error {
	ctx, stop := untilInterrupted()
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, doctorPatience, fmt.Errorf("the examination ends after %v", doctorPatience))
	defer cancel()
	e := &examination{report: newReport(asJSON), ssh: findSSH()}
	e.checkEnvironment()
	os.Setenv(lookOnlyVariable, "1")
	var err error
	s, errSettings := load()
	if errSettings == nil {
		e.settings, e.layout, e.gateways = s, s.layout, s.config.Gateways
	} else if e.layout, err = layout(config.Default()); err != nil { // where the entries are if nobody wanted them elsewhere
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		e.checkProgram()
		e.checkClients(ctx)
		e.checkSettings(errSettings)
		e.checkAlias(alias)
		e.checkFiles()
		e.checkInclude(ctx)
		e.checkOptions(ctx)
		e.checkHome()
		e.checkGateways(ctx)
		e.checkClock(time.Now())
		e.checkKeys(ctx)
		e.checkLogin(ctx)
		e.checkPuTTY()
	}()
	select {
	case <-done:
	case <-time.After(examinationEnd):
		e.fail("time", "", fmt.Errorf("the next check did not end within %v, and was left", examinationEnd), "does a program that it starts hang, or a disk?")
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Cause(ctx)
	}
	return e.end()
}

// checkEnvironment looks for what this program tells itself through variables: set for good, they mislead every connection.
func (e *examination) checkEnvironment() {
	for _, name := range []string{lookOnlyVariable, knownHostsVariable} {
		if os.Getenv(name) != "" {
			e.fail("environment", "", fmt.Errorf("%s is set, which is for clever-ssh to set", name), "take it out of your environment: unset "+name)
		}
	}
}

// checkProgram compares this program with the one that the entries call.
func (e *examination) checkProgram() {
	const check = "program"
	l := &e.layout
	this, err := sshconfig.ThisProgram()
	if err != nil {
		e.fail(check, "", err)
		return
	}
	self, _ := sshconfig.FindProgram() // which ThisProgram has found
	about := fmt.Sprintf("%s, %s, %s/%s", self, version(), runtime.GOOS, runtime.GOARCH)
	entries, err := readDerived(l.ConfigFile())
	proxy, path := sshconfig.WrittenProgram(entries)
	if proxy == "" || proxy == this.Proxy {
		e.ok(check, "", "%s", about)
	} else if _, err := exec.LookPath(path); err != nil {
		e.fail(check, "", fmt.Errorf("the entries call %s: %w", path, cause(err)), "to have them call "+self+", run: clever-ssh setup")
	} else {
		e.warn(check, "", fmt.Sprintf("the entries call %s, and this is %s", path, about), "if ssh shall use this one, run: clever-ssh setup")
	}
	l.Program = this
	l.Program.Proxy = proxy
	l.RSA = strings.Contains(string(entries), "rsa-sha2-512")
	switch {
	case err != nil:
		e.fail("entries", "", err)
	case entries == nil:
		e.fail("entries", "", fmt.Errorf("there are none in %s", l.ConfigFile()), "run: clever-ssh setup")
	case proxy == "":
		e.fail("entries", "", fmt.Errorf("%s calls no clever-ssh", l.ConfigFile()), "run: clever-ssh setup")
	case proxy == this.Proxy:
		e.checkEntries()
	}
}

// cause is an error without the program or file that it names first, which has been said.
func cause(err error) error {
	for inner := err; ; {
		var command *exec.Error
		var path *fs.PathError
		switch {
		case errors.As(inner, &command):
			inner = command.Err
		case errors.As(inner, &path):
			inner = path.Err
		default:
			return inner
		}
	}
}

// checkEntries compares the entries with the settings from which they were written.
func (e *examination) checkEntries() {
	const check = "entries"
	if e.settings == nil {
		e.skip(check, "", "the settings cannot be read")
		return
	}
	p, err := e.settings.plan(config.Edit{}, false)
	if err != nil {
		e.fail(check, "", err)
		return
	}
	var stale []string
	for _, c := range p.changes {
		if string(c.Old) != string(c.New) && c.Path != e.settings.path {
			stale = append(stale, c.Path)
		}
	}
	if len(stale) > 0 {
		e.fail(check, "", fmt.Errorf("not what follows from your settings: %s", strings.Join(stale, ", ")), "run: clever-ssh setup")
		return
	}
	e.ok(check, "", "%s", e.layout.Folder())
}

// checkClients looks for ssh, and for plink where there is none, and asks for its version.
func (e *examination) checkClients(ctx context.Context) {
	plink, _ := findProgram("plink")
	if e.ssh != "" {
		const check = "ssh"
		text, err := versionOf(ctx, string(e.ssh), "-V")
		if major, _, ok := sshVersion(text); err != nil {
			e.fail(check, "", fmt.Errorf("%s cannot be run: %w", e.ssh, cause(err)))
		} else if missing := e.ssh.missing(); missing != "" {
			e.fail(check, "", errors.New(missing))
		} else if ok && major < 8 {
			e.warn(check, "", fmt.Sprintf("%s, %s", e.ssh, text), "clever-ssh is made for OpenSSH 8.0 and later")
		} else {
			e.ok(check, "", "%s, %s", e.ssh, text)
		}
	} else if plink == "" {
		e.fail("ssh", "", errors.New("there is neither ssh nor plink"), adviceOnNoSSH)
	}
	if plink == "" {
		return
	}
	const check = "plink"
	text, err := versionOf(ctx, plink, "-V")
	if m := plinkVersion.FindStringSubmatch(text); err != nil {
		e.warn(check, "", fmt.Sprintf("%s cannot be run: %v", plink, cause(err)))
	} else if minor, _ := strconv.Atoi(append(m, "", "")[1]); m != nil && minor < 75 {
		e.warn(check, "", fmt.Sprintf("%s, %s", plink, text), "its saved sessions need PuTTY 0.75 or later: before, it does not check the pinned host keys by itself")
	} else {
		e.ok(check, "", "%s, %s", plink, text)
	}
}

var (
	opensshVersion = regexp.MustCompile(`OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)`)
	plinkVersion   = regexp.MustCompile(`Release 0\.(\d+)`)
)

// sshVersion reads the version from what ssh -V prints.
func sshVersion(text string) (major, minor int, ok bool) {
	m := opensshVersion.FindStringSubmatch(text)
	if m == nil {
		return 0, 0, false
	}
	major, _ = strconv.Atoi(m[1])
	minor, _ = strconv.Atoi(m[2])
	return major, minor, true
}

// versionOf is the first line with which a program tells its version.
func versionOf(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil && line != "" {
		err = nil // plink's status is 1
	}
	return strings.TrimSpace(line), err
}

// checkSettings tells whether clever-ssh.toml was read.
func (e *examination) checkSettings(err error) {
	const check = "settings"
	if err != nil {
		e.fail(check, "", err)
		return
	}
	s := e.settings
	if s.text == nil {
		e.ok(check, "", "the built-in ones: there is no %s", s.path)
		return
	}
	for _, g := range s.config.Gateways {
		if u := g.Via.URL(); u != nil && u.User != nil && othersCanRead(s.path) {
			e.warn(check, "", s.path+" holds the password of a proxy, and others can read it", "type: chmod 600 "+shellQuote(s.path))
			return
		}
	}
	names := 0
	for _, g := range s.config.Gateways {
		names += len(g.Names)
	}
	e.ok(check, "", "%s, with %s", s.path, counted(names, "name"))
}

// checkAlias finds out what the alias stands for.
func (e *examination) checkAlias(alias string) {
	if alias == "" {
		return
	}
	const check = "alias"
	if e.settings == nil {
		e.skip(check, alias, "the settings cannot be read")
		return
	}
	a, err := e.settings.config.Resolve(alias)
	if err != nil {
		e.fail(check, "", advise(e.settings.config, err))
		return
	}
	e.alias, e.resolved, e.gateways = alias, a, []*config.Gateway{a.Gateway}
	what := "the gateway's menu"
	if a.Target != "" {
		what = string(a.Target)
	}
	if a.Run {
		what += ", through the bridge"
	}
	e.ok(check, alias, "%s, at %s", what, a.Gateway.Address)
}

// checkFiles looks at the files that ssh reads: one that others can write to stops ssh for every host.
func (e *examination) checkFiles() {
	const check = "files"
	l := e.layout
	folder := filepath.Dir(l.UserFile)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		e.skip(check, "", "there is no folder %s", folder)
		return
	}
	bad := false
	for _, f := range []struct {
		path    string
		private bool
	}{{folder, false}, {l.UserFile, false}, {l.Folder(), false}, {l.ConfigFile(), false}, {l.MatchFile(), false}, {l.DirectFile(), false}, {l.KnownHosts(), false}, {l.BridgeKey(), true}} {
		switch group, err := accessProblem(f.path, f.private); {
		case err == nil:
			continue
		case group:
			e.warn(check, "", err.Error()+", as some systems' ssh allows if the group is yours alone", hintsOf(err)...)
		default:
			e.fail(check, "", err)
		}
		bad = true
	}
	if err := writeProblem(l.Folder()); err != nil {
		bad = true
		e.fail(check, "", err)
	}
	if !accessIsSeen {
		e.skip(check, "", "who else may write to %s is for ssh to look at", folder)
	} else if !bad {
		e.ok(check, "", "%s is yours, and nobody else can write there", folder)
	}
}

// checkInclude looks for the line that has ssh read the entries.
func (e *examination) checkInclude(ctx context.Context) {
	const check = "Include"
	l := e.layout
	if l.Program.Proxy == "" {
		e.skip(check, "", "there are no entries")
		return
	}
	text, err := atomicfile.Read(l.UserFile)
	switch setup := "run: clever-ssh setup   (or put this line at the top of " + l.UserFile + " yourself: " + l.IncludeLine() + ")"; {
	case err != nil:
		e.fail(check, "", err, "ssh reads it before each connection, so it must be readable")
	case l.Includes(text):
		e.ok(check, "", "the first line of %s that counts", l.UserFile)
	case strings.Contains(string(text), filepath.ToSlash(filepath.Join(filepath.Base(l.Folder()), "config"))):
		e.fail(check, "", fmt.Errorf("the line is not the first one in %s: ssh takes the first value that it finds", l.UserFile), setup)
	case e.readsEntries(ctx):
		e.warn(check, "", "ssh finds the entries, but not by the first line of "+l.UserFile+": what it reads before them wins", setup)
	default:
		e.fail(check, "", fmt.Errorf("%s does not include the entries", l.UserFile), setup)
	}
}

// readsEntries tells whether ssh reads the entries, by whatever way: a pattern, or another file that includes them.
func (e *examination) readsEntries(ctx context.Context) bool {
	if e.ssh == "" || e.gateways == nil {
		return false
	}
	ctx, cancel := withReadingPatience(ctx)
	defer cancel()
	_, log, err := e.ssh.readings(ctx, e.layout, e.gateways[0].Suffix, "-vvv")
	return err == nil && sshconfig.ParseReading(log).Includes(e.layout.ConfigFile())
}

// checkHome compares the account's home, where ssh looks for its files, with $HOME, below which it looks for a relative Include.
func (e *examination) checkHome() {
	const check = "home"
	home, err := config.Home()
	if err != nil {
		e.fail(check, "", err)
		return
	}
	switch env := otherHome(); {
	case env == "":
		e.ok(check, "", "%s", home)
	case e.layout.Standard:
		e.fail(check, "", fmt.Errorf("the account's is %s, but $HOME is %s, and ssh looks for what %s includes there", home, env, e.layout.UserFile),
			"type: export HOME="+shellQuote(home))
	default:
		e.warn(check, "", fmt.Sprintf("the account's is %s, which ssh uses, and $HOME is %s", home, env))
	}
}

// otherHome is $HOME if that is another folder than the account's home and ssh looks at it, else empty.
func otherHome() string {
	env := os.Getenv("HOME")
	home, err := config.Home()
	if err != nil || env == "" || !homeVariableCounts || filepath.Clean(env) == filepath.Clean(home) {
		return ""
	}
	a, errA := os.Stat(env)
	b, errB := os.Stat(home)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return ""
	}
	return env
}

// checkClock compares the clock with what must be in the past: this program, and the files that ssh has read. A clock that goes wrong
// makes certificates invalid, and logs useless.
func (e *examination) checkClock(now time.Time) {
	const check = "clock"
	past, _ := time.Parse(time.RFC3339, buildSetting("vcs.time")) // of the commit; zero if that is not known
	what := "this program was built"
	for _, path := range []string{e.layout.ConfigFile(), e.layout.KnownHosts(), e.layout.DirectFile()} {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(past) {
			past, what = info.ModTime(), path+" was written"
		}
	}
	if text := now.UTC().Format(time.RFC1123); past.Sub(now) > time.Minute {
		e.fail(check, "", fmt.Errorf("it says %s, but %s at %s", text, what, past.UTC().Format(time.RFC1123)), "set the clock: "+adviceOnClock)
	} else {
		e.ok(check, "", "%s", text)
	}
}

// checkPuTTY compares PuTTY's saved sessions with those that follow from the settings.
func (e *examination) checkPuTTY() {
	const check = "PuTTY"
	if e.settings == nil || e.settings.config.PuTTY == config.PuTTYNo || e.layout.Program.Proxy == "" {
		return
	}
	p, err := e.settings.plan(config.Edit{}, false)
	if err != nil {
		e.skip(check, "", "%v", err)
		return
	}
	if p.putty.Store == nil {
		return
	}
	switch {
	case len(p.putty.List) > 0:
		var names []string
		for _, c := range p.putty.List {
			names = append(names, c.Name)
		}
		e.fail(check, "", fmt.Errorf("saved sessions are not what follows from your settings: %s", shorten(names)), "run: clever-ssh setup")
	case len(p.putty.Foreign) > 0:
		e.warn(check, "", "saved sessions are yours, or were changed in PuTTY: "+shorten(p.putty.Foreign), "to have them written, delete them in PuTTY and run: clever-ssh setup")
	default:
		e.ok(check, "", "%s", counted(len(p.putty.Wanted), "saved session"))
	}
}
