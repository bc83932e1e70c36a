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

// checkOptions has ssh read its configuration, and compares the result, for the alias or for each menu, with
// what the entries want.
func (e *examination) checkOptions(ctx context.Context) {
	const check = "options"
	if e.ssh == "" {
		e.skip(check, "", "ssh was not found")
		return
	}
	ctx, cancel := openssh.WithReadingPatience(ctx)
	defer cancel()
	if _, err := e.ssh.Options(ctx, e.layout, openssh.ForeignHost); err != nil { // its line numbers match the file
		var hints []string
		if refused := new(openssh.RefusedError); errors.As(err, &refused) {
			hints = refused.Hints
		}
		e.fail(check, "", err, hints...)
		return
	}
	if e.layout.Program.Proxy == "" {
		e.sshOptions, _ = e.ssh.Options(ctx, e.layout, cmp.Or(e.alias, config.DefaultSuffix)) // for the keys
		e.skip(check, "", "there are no entries")
		return
	}
	for _, g := range e.gateways {
		alias, a := e.alias, e.resolved
		switch {
		case alias == "":
			alias, a = g.Suffix, config.Alias{Gateway: g}
		case a.Instance != "": // ssh would ask the gateway for the instance; the rest is as for the application
			a.Instance = ""
			if alias = a.Base; a.Run {
				alias = a.RunAlias()
			}
		}
		e.checkOptionsOf(ctx, alias, a)
	}
}

// checkOptionsOf compares the result of ssh's configuration for one alias with what the entries want.
func (e *examination) checkOptionsOf(ctx context.Context, alias string, a config.Alias) {
	const check = "options"
	// All at once: each question starts an ssh, and the programs in its configuration.
	asked := e.ask(ctx, alias, "-vvv")
	own := e.ask(ctx, ownAlias(alias, a))
	views := []func() (view, error){e.bridgeView(ctx, alias, a)}
	is, log, err := asked()
	if err != nil {
		e.fail(check, alias, err)
		return
	}
	if e.sshOptions == "" { // for a run alias too: the keys are for the gateway, not for the bridge
		e.sshOptions, _, _ = own()
	}
	if !a.Run { // not earlier: a direct alias may have been entered meanwhile
		options := append([]string{"RemoteCommand " + e.remoteCommand(alias, a)}, sshconfig.Options(a.Gateway, e.layout)...)
		views = append([]func() (view, error){e.viewOf(ctx, alias, asked, options)}, views...)
	}
	reading := sshconfig.ParseReading(log)
	if !e.entriesApply(a, is, reading) {
		hints := []string{ui.RunSetup, "or see what it reads: ssh -v -G " + alias}
		if _, other := ui.OtherHome(); other && e.layout.Standard {
			hints = []string{"it looks for them below $HOME: see the home check"}
		}
		e.fail(check, alias, errors.New("ssh does not find the entries"), hints...)
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

// entriesApply reports whether the entries affect an alias: their host key alias is set, or one of their Host
// blocks applies.
func (e *examination) entriesApply(a config.Alias, is string, reading sshconfig.Reading) bool {
	key := a.Gateway.HostKeyAlias()
	if a.Run {
		key = sshconfig.BridgeHostKeyAlias
	}
	return openssh.Option(is, "hostkeyalias") == key || reading.Applied(e.layout.ConfigFile(), "Host ", os.ReadFile)
}

// differences are the differences between ssh's configuration of an alias and the entries.
type differences struct {
	alias  string
	folder string            // of the entries
	lines  map[string]string // what to say about each keyword that differs, once for all views
	hints  map[string]bool
	agreed int // how many values are the same
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

// differ notes a difference, its origin, and what to do about it.
func (d *differences) differ(v view, keyword, got, want string) {
	text := fmt.Sprintf("%s is %s, not %s", keyword, orNone(got), orNone(want))
	p, ok := v.reading.Setting(keyword, os.ReadFile)
	if keyword == "proxycommand" && got == "" { // only an earlier ProxyJump does that
		p, ok = v.reading.Setting("proxyjump", os.ReadFile)
	}
	if ok {
		text += ": " + p.String()
	}
	d.lines[keyword] = text
	switch {
	case ok && (notOurs[keyword] != "" || filepath.Dir(p.File) != d.folder):
		d.hints["remove that line, or move it to a Host block that does not match "+d.alias] = true
	case notOurs[keyword] != "": // it is in a Match final, which the reading does not cover
		d.hints["look for "+keyword+" in your ssh configuration, also below a Match final, and keep it from matching "+d.alias] = true
	default:
		d.hints[ui.RunSetup] = true
	}
}

// ownWay returns the ProxyJump or ProxyCommand of the user's own configuration for a host, which the entries
// override.
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

// orNone returns the text for a value that may not be set.
func orNone(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}
