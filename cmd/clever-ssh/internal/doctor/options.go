package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// checkOptions has ssh read its configuration, and compares what it ends up with, for the alias or for each menu, with what the
// entries want.
func (e *examination) checkOptions(ctx context.Context) {
	const check = "options"
	if e.ssh == "" {
		e.skip(check, "", "there is no ssh")
		return
	}
	ctx, cancel := openssh.WithReadingPatience(ctx)
	defer cancel()
	if _, err := e.ssh.Options(ctx, e.layout, openssh.ForeignHost); err != nil { // its own complaint counts lines as the user's editor does
		var advice []string
		if refused := new(openssh.RefusedError); errors.As(err, &refused) {
			advice = refused.Advice
		}
		e.fail(check, "", err, advice...)
		return
	}
	if e.layout.Program.Proxy == "" {
		e.dumped, _ = e.ssh.Options(ctx, e.layout, cmp.Or(e.alias, config.DefaultSuffix)) // which tells what keys there are
		e.skip(check, "", "there are no entries")
		return
	}
	for _, g := range e.gateways {
		alias, a := e.alias, e.resolved
		if alias == "" {
			alias, a = g.Suffix, config.Alias{Gateway: g}
		}
		e.checkOptionsOf(ctx, alias, a)
	}
}

// notOurs are settings of ssh's that spoil a session, which the entries cannot undo: not every ssh that they are for knows them, and one
// that does not refuses its whole configuration. With the value that does no harm.
var notOurs = map[string]string{"sessiontype": "default", "stdinnull": "no", "forkafterauthentication": "no", "knownhostscommand": "none"}

func (e *examination) checkOptionsOf(ctx context.Context, alias string, a config.Alias) {
	const check = "options"
	// All at once: each costs an ssh, and the programs that its configuration starts.
	asked := e.ask(ctx, alias, "-vvv")
	own := e.ask(ctx, ownAlias(alias, a))
	views := []func() (view, error){e.bridgeView(ctx, alias, a)}
	is, log, err := asked()
	if err != nil {
		e.fail(check, alias, err)
		return
	}
	if e.dumped == "" { // of a run alias's, too: the keys are for the gateway, and not for the bridge
		e.dumped, _, _ = own()
	}
	if !a.Run { // not before: a direct alias may have been entered by then
		options := append([]string{"RemoteCommand " + e.remoteCommand(alias, a)}, sshconfig.Options(a.Gateway, e.layout)...)
		views = append([]func() (view, error){e.viewOf(ctx, alias, asked, options)}, views...)
	}
	reading := sshconfig.ParseReading(log)
	key := a.Gateway.HostKeyAlias()
	if a.Run {
		key = sshconfig.BridgeHostKeyAlias
	}
	if openssh.Option(is, "hostkeyalias") != key && !reading.Applied(e.layout.ConfigFile(), "Host ", os.ReadFile) {
		advice := []string{"run: clever-ssh setup", "or see what it reads: ssh -v -G " + alias}
		if _, other := ui.OtherHome(); other && e.layout.Standard {
			advice = []string{"it looks for them below $HOME, see home"}
		}
		e.fail(check, alias, errors.New("ssh does not find the entries"), advice...)
		return
	}
	var details []string
	advice, told, agreed := map[string]bool{}, map[string]bool{}, 0
	for _, answer := range views {
		v, err := answer()
		if err != nil {
			e.fail(check, alias, err)
			return
		}
		for keyword, want := range v.wanted {
			got := openssh.Values(v.is, keyword)
			if got == want {
				agreed++
				continue
			}
			if told[keyword] {
				continue
			}
			told[keyword] = true
			text := fmt.Sprintf("%s is %s, not %s", keyword, orNone(got), orNone(want))
			p, ok := v.reading.Setting(keyword, os.ReadFile)
			if keyword == "proxycommand" && got == "" { // only a ProxyJump before it does that
				p, ok = v.reading.Setting("proxyjump", os.ReadFile)
			}
			if ok {
				text += ": " + p.String()
			}
			details = append(details, text)
			switch {
			case ok && (notOurs[keyword] != "" || filepath.Dir(p.File) != e.layout.Folder()):
				advice["take that line out, or put it into a Host block that is not for "+alias] = true
			case notOurs[keyword] != "": // a Match final has come after all that could be looked at
				advice["look for "+keyword+" in your ssh configuration, also below a Match final, and have it not be for "+alias] = true
			default:
				advice["run: clever-ssh setup"] = true
			}
		}
	}
	slices.Sort(details)
	switch {
	case len(details) > 0:
		hints := []string{}
		for text := range advice {
			hints = append(hints, text)
		}
		slices.Sort(hints)
		e.add(finding{Check: check, About: alias, Status: isFailed, Found: "ssh does otherwise than the entries want", Details: details, Hints: hints})
	case a.Direct && !reading.Applied(e.layout.MatchFile(), "match direct", os.ReadFile):
		e.fail(check, alias, errors.New("ssh does not ask which target that is: `clever-ssh match direct` did not answer"),
			"ssh runs it"+ui.WithShell()+"; see what it does: ssh -vvv -G "+alias)
	default:
		if way, p := e.ownWay(reading); way != "" && a.Gateway.Via.URL() == nil {
			err := ui.UnusedWay(way, alias, a.Gateway)
			e.warn(check, alias, err.Error()+": "+p.String(), ui.Hints(err)...)
			return
		}
		e.ok(check, alias, "%d values of ssh's are what the entries want", agreed)
	}
}

// ownWay is the ProxyJump or ProxyCommand that the user's own configuration has for a host, and which the entries override.
func (e *examination) ownWay(reading sshconfig.Reading) (way string, p sshconfig.Place) {
	notOurs := func(path string) ([]byte, error) {
		if filepath.Dir(path) == e.layout.Folder() {
			return nil, nil
		}
		return os.ReadFile(path)
	}
	for _, keyword := range []string{"proxyjump", "proxycommand"} {
		p, ok := reading.Setting(keyword, notOurs)
		if !ok {
			continue
		}
		text, err := os.ReadFile(p.File)
		if lines := strings.Split(string(text), "\n"); err == nil && p.Line <= len(lines) {
			if way = strings.TrimSpace(lines[p.Line-1]); !strings.HasSuffix(strings.ToLower(way), "none") {
				return way, p
			}
		}
	}
	return "", sshconfig.Place{}
}

// view is what ssh makes of one host, and what it should.
type view struct {
	is      string // what ssh -G prints
	wanted  map[string]string
	reading sshconfig.Reading
}

// ask has ssh read its configuration for a host. The answer is waited for when it is called for.
func (e *examination) ask(ctx context.Context, host string, args ...string) (answer func() (options, log string, err error)) {
	var options, log string
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		options, log, err = e.ssh.Readings(ctx, e.layout, host, args...)
	}()
	return func() (string, string, error) { <-done; return options, log, err }
}

// viewOf asks ssh what it would make of options for a host if nothing came before them; asked is what it does make of it.
func (e *examination) viewOf(ctx context.Context, host string, asked func() (string, string, error), options []string) func() (view, error) {
	var args []string
	for _, o := range options {
		args = append(args, "-o", o)
	}
	would := e.ask(ctx, host, args...)
	return func() (view, error) {
		is, log, err := asked()
		should, _, errShould := would()
		if err == nil {
			err = errShould
		}
		if err != nil {
			return view{}, err
		}
		v := view{is: is, wanted: map[string]string{}, reading: sshconfig.ParseReading(log)}
		for _, o := range options {
			keyword, _, _ := strings.Cut(strings.ToLower(o), " ")
			v.wanted[keyword] = openssh.Values(should, keyword)
		}
		for keyword, value := range notOurs {
			if openssh.Values(is, keyword) != "" {
				v.wanted[keyword] = value
			}
		}
		if openssh.Values(is, "remoteforward") != "" { // which the gateway refuses
			v.wanted["exitonforwardfailure"] = "no"
		}
		return v, nil
	}
}

// bridgeView is that of the host that always leads to the bridge. ssh reads the same options there as for a command to the alias itself,
// for which `match command` would have to be asked.
func (e *examination) bridgeView(ctx context.Context, alias string, a config.Alias) func() (view, error) {
	own := ownAlias(alias, a)
	label, named := strings.CutSuffix(own, "."+a.Gateway.Suffix)
	host := label + ".run." + a.Gateway.Suffix
	if !named { // the menu, which has none of its own
		host = "any.run." + a.Gateway.Suffix
	}
	options := sshconfig.BridgeOptions(e.layout)
	if a.Target != "" && !a.Direct {
		options = append([]string{"ProxyCommand " + e.layout.Program.Proxy + " bridge " + own}, options...)
	}
	return e.viewOf(ctx, host, e.ask(ctx, host, "-vvv"), options)
}

// ownAlias is the alias that a run alias is another name of.
func ownAlias(alias string, a config.Alias) string {
	if label, ok := strings.CutSuffix(alias, ".run."+a.Gateway.Suffix); ok && a.Run {
		return label + "." + a.Gateway.Suffix
	}
	return alias
}

// remoteCommand is what ssh is to send for an alias. That of a direct alias stands in a file, into which it is entered when
// ssh connects.
func (e *examination) remoteCommand(alias string, a config.Alias) string {
	if a.Direct {
		text, err := atomicfile.Read(e.layout.DirectFile())
		if err != nil || !sshconfig.HasEntry(text, alias, a.Target) {
			return "none"
		}
	}
	return cmp.Or(string(a.Target), "none")
}

func orNone(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}
