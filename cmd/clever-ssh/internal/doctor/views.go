package doctor

import (
	"cmp"
	"context"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// notOurs are options of ssh that spoil a session and that the entries cannot override: not every ssh that
// reads the entries knows these options, and an ssh that does not refuses its whole configuration. The values
// are the harmless ones.
var notOurs = map[string]string{"sessiontype": "default", "stdinnull": "no", "forkafterauthentication": "no", "knownhostscommand": "none"}

// view is ssh's configuration of one host, and what it should be.
type view struct {
	is      string // the output of ssh -G
	wanted  map[string]string
	reading sshconfig.Reading
}

// ask has ssh read its configuration for a host. Calling answer waits for the result.
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

// viewOf asks ssh what options would mean for a host if nothing came before them. asked returns what ssh really
// uses.
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
		if openssh.Values(is, "remoteforward") != "" { // the gateway refuses it
			v.wanted["exitonforwardfailure"] = "no"
		}
		return v, nil
	}
}

// bridgeView returns the view of the host that always leads to the bridge. ssh reads the same options there as
// for a command to the alias itself, for which it would have to run `match command`.
func (e *examination) bridgeView(ctx context.Context, alias string, a config.Alias) func() (view, error) {
	own := ownAlias(alias, a)
	label, named := strings.CutSuffix(own, "."+a.Gateway.Suffix)
	host := label + ".run." + a.Gateway.Suffix
	if !named { // the menu has no such host
		host = "any.run." + a.Gateway.Suffix
	}
	options := sshconfig.BridgeOptions(e.layout)
	if a.Target != "" && !a.Direct {
		options = append([]string{"ProxyCommand " + e.layout.Program.Proxy + " bridge " + own}, options...)
	}
	return e.viewOf(ctx, host, e.ask(ctx, host, "-vvv"), options)
}

// ownAlias returns the alias that a run alias is another name of.
func ownAlias(alias string, a config.Alias) string {
	if label, ok := strings.CutSuffix(alias, ".run."+a.Gateway.Suffix); ok && a.Run {
		return label + "." + a.Gateway.Suffix
	}
	return alias
}

// remoteCommand returns what ssh should send for an alias. For a direct alias, that is in a file to which it is
// added when ssh connects.
func (e *examination) remoteCommand(alias string, a config.Alias) string {
	if a.Direct {
		text, err := atomicfile.Read(e.layout.DirectFile())
		if err != nil || !sshconfig.HasEntry(text, alias, a.Target) {
			return "none"
		}
	}
	return cmp.Or(string(a.Target), "none")
}
