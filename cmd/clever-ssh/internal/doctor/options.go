package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
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
		e.sshOptions, _ = e.ssh.Options(ctx, e.layout, cmp.Or(e.alias, config.DefaultSuffix)) // which tells what keys there are
		e.skip(check, "", "there are no entries")
		return
	}
	for _, g := range e.gateways {
		alias, a := e.alias, e.resolved
		switch {
		case alias == "":
			alias, a = g.Suffix, config.Alias{Gateway: g}
		case a.Instance != "": // ssh would ask the gateway where it leads; all else is as for the application
			a.Instance = ""
			if alias = a.Base; a.Run {
				alias = a.RunAlias()
			}
		}
		e.checkOptionsOf(ctx, alias, a)
	}
}

// checkOptionsOf compares what ssh ends up with for one alias with what the entries want.
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
	if e.sshOptions == "" { // of a run alias's, too: the keys are for the gateway, and not for the bridge
		e.sshOptions, _, _ = own()
	}
	if !a.Run { // not before: a direct alias may have been entered by then
		options := append([]string{"RemoteCommand " + e.remoteCommand(alias, a)}, sshconfig.Options(a.Gateway, e.layout)...)
		views = append([]func() (view, error){e.viewOf(ctx, alias, asked, options)}, views...)
	}
	reading := sshconfig.ParseReading(log)
	if !e.entriesApply(a, is, reading) {
		advice := []string{"run: clever-ssh setup", "or see what it reads: ssh -v -G " + alias}
		if _, other := ui.OtherHome(); other && e.layout.Standard {
			advice = []string{"it looks for them below $HOME: see the home check"}
		}
		e.fail(check, alias, errors.New("ssh does not find the entries"), advice...)
		return
	}
	d := newDifferences(alias, e.layout.Folder())
	for _, answer := range views {
		v, err := answer()
		if err != nil {
			e.fail(check, alias, err)
			return
		}
		d.add(v)
	}
	way, place := e.ownWay(reading)
	switch {
	case len(d.lines) > 0:
		details, hints := slices.Sorted(maps.Values(d.lines)), slices.Sorted(maps.Keys(d.hints))
		e.add(finding{Check: check, About: alias, Status: statusFailed, Found: "ssh does not apply all the options of the entries", Details: details, Hints: hints})
	case a.Direct && !reading.Applied(e.layout.MatchFile(), "match direct", os.ReadFile) && !reading.Applied(e.layout.OldMatchFile(), "match direct", os.ReadFile):
		e.fail(check, alias, errors.New("ssh does not look up the target: `clever-ssh match direct` did not answer"),
			"ssh runs it"+ui.WithShell()+"; see what it does: ssh -vvv -G "+alias)
	case way != "" && a.Gateway.Via.URL() == nil:
		err := ui.UnusedWay(way, alias, a.Gateway)
		e.warn(check, alias, err.Error()+": "+place.String(), ui.Hints(err)...)
	default:
		e.ok(check, alias, "ssh applies the options of the entries (%d checked)", d.agreed)
	}
}

// entriesApply tells whether the entries do anything to an alias: their host key alias is set, or a Host block of theirs applies.
func (e *examination) entriesApply(a config.Alias, is string, reading sshconfig.Reading) bool {
	key := a.Gateway.HostKeyAlias()
	if a.Run {
		key = sshconfig.BridgeHostKeyAlias
	}
	return openssh.Option(is, "hostkeyalias") == key || reading.Applied(e.layout.ConfigFile(), "Host ", os.ReadFile)
}

// differences are those between what ssh makes of an alias and what the entries want.
type differences struct {
	alias  string
	folder string            // of the entries
	lines  map[string]string // what to say of each keyword that differs, once for all views
	hints  map[string]bool
	agreed int // how many values do not differ
}

func newDifferences(alias, folder string) *differences {
	return &differences{alias: alias, folder: folder, lines: map[string]string{}, hints: map[string]bool{}}
}

// add compares one view.
func (d *differences) add(v view) {
	for keyword, want := range v.wanted {
		got := openssh.Values(v.is, keyword)
		if got == want {
			d.agreed++
		} else if d.lines[keyword] == "" {
			d.differ(v, keyword, got, want)
		}
	}
}

// differ says what differs, where that comes from, and what to do about it.
func (d *differences) differ(v view, keyword, got, want string) {
	text := fmt.Sprintf("%s is %s, not %s", keyword, orNone(got), orNone(want))
	p, ok := v.reading.Setting(keyword, os.ReadFile)
	if keyword == "proxycommand" && got == "" { // only a ProxyJump before it does that
		p, ok = v.reading.Setting("proxyjump", os.ReadFile)
	}
	if ok {
		text += ": " + p.String()
	}
	d.lines[keyword] = text
	switch {
	case ok && (notOurs[keyword] != "" || filepath.Dir(p.File) != d.folder):
		d.hints["remove that line, or move it to a Host block that does not match "+d.alias] = true
	case notOurs[keyword] != "": // a Match final has come after all that could be looked at
		d.hints["look for "+keyword+" in your ssh configuration, also below a Match final, and keep it from matching "+d.alias] = true
	default:
		d.hints["run: clever-ssh setup"] = true
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

// orNone words a value that may not be set.
func orNone(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}
