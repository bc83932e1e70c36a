package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/quote"
)

// doctorPatience bounds what waits for programs and the network, examinationEnd everything: no deadline helps against a disk that
// does not answer.
const (
	doctorPatience = 13 * time.Second
	examinationEnd = 14500 * time.Millisecond
)

// networkPatience bounds each step on the network but the key exchange, which takes three round trips and has hostKeyPatience.
const (
	networkPatience = 3500 * time.Millisecond
	hostKeyPatience = 6 * time.Second
)

// Build is what this program knows of itself.
type Build struct {
	Version string
	Time    time.Time // of the commit; zero if that is not known
}

// examination is what the checks of doctor have in common. A check that finds what the later ones need leaves it here.
type examination struct {
	*report
	build    Build
	ssh      openssh.SSH
	settings *settings.Settings // nil if they cannot be read
	layout   sshconfig.Layout   // where the entries are, and how they call the program
	alias    string             // empty if none was given, or it stands for nothing
	resolved config.Alias       // what it stands for
	gateways []*config.Gateway
	dumped   string      // what ssh -G prints for the alias, or for the first gateway's menu; empty if it refuses
	plan     *setup.Plan // what setup would do now, nil if that is not known
	shut     string      // why the way to the gateways cannot be gone; empty if it can
	agent    bool        // one answers, so that ssh-add does
	unusable bool        // there is a key file that ssh passes over for who has access to it
	keyNames []string    // what ssh calls the keys that it may offer: files, and comments in the agent
	locked   []string    // the keys for which ssh asks a passphrase: fingerprints, or the files that do not tell theirs
}

// Examine examines everything for an alias, or for what all aliases need if it is empty.
func Examine(alias string, asJSON bool, b Build) error {
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, doctorPatience, fmt.Errorf("the examination ends after %v", doctorPatience))
	defer cancel()
	e := &examination{report: newReport(asJSON, b.Version), build: b, ssh: openssh.Find()}
	e.checkEnvironment(ctx)
	os.Setenv(openssh.LookOnlyVariable, "1")
	var err error
	s, errSettings := settings.Load()
	if errSettings == nil {
		e.settings, e.layout, e.gateways = s, s.Layout, s.Config.Gateways
	} else if e.layout, err = settings.LayoutOf(config.Default()); err != nil { // where the entries are if nobody wanted them elsewhere
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
		loggedIn := e.startLogin(ctx) // on a slow way, one after the other would take too long
		e.checkGateways(ctx)
		e.checkClock(time.Now())
		e.checkKeys(ctx)
		e.checkLogin(loggedIn)
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

// checkEnvironment looks for what this program tells itself through variables: set for good, they mislead every connection. And ssh
// runs what the entries call with $SHELL, which must be a shell.
func (e *examination) checkEnvironment(ctx context.Context) {
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	if shell := os.Getenv("SHELL"); shell != "" && shellCounts {
		if err := exec.CommandContext(ctx, shell, "-c", "exit 0").Run(); err != nil {
			e.fail("environment", "", fmt.Errorf("$SHELL is %s, with which ssh starts clever-ssh, and it runs nothing: %w", shell, ui.Cause(err)), "type: export SHELL=/bin/sh")
		}
	}
	for _, name := range []string{openssh.LookOnlyVariable, openssh.KnownHostsVariable, openssh.AsideVariable} {
		if os.Getenv(name) != "" {
			e.fail("environment", "", fmt.Errorf("%s is set, which is for clever-ssh to set", name), "take it out of your environment: unset "+name)
		}
	}
}

// checkSettings tells whether clever-ssh.toml was read.
func (e *examination) checkSettings(err error) {
	const check = "settings"
	if err != nil {
		e.fail(check, "", err)
		return
	}
	s := e.settings
	if s.Text == nil {
		e.ok(check, "", "the built-in ones: there is no %s", s.Path)
		return
	}
	for _, g := range s.Config.Gateways {
		if u := g.Via.URL(); u != nil && u.User != nil && othersCanRead(s.Path) {
			e.warn(check, "", s.Path+" holds the password of a proxy, and others can read it", "type: chmod 600 "+quote.Arg(s.Path))
			return
		}
	}
	names := 0
	for _, g := range s.Config.Gateways {
		names += len(g.Names)
	}
	e.ok(check, "", "%s, with %s", s.Path, ui.Counted(names, "name"))
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
	a, err := e.settings.Config.Resolve(alias)
	if err != nil {
		e.fail(check, "", ui.HintAlias(e.settings.Config, err))
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
