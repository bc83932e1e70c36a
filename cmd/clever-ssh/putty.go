package main

import (
	"fmt"
	"net/netip"
	"os"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var puttyCommand = &cli.Command{
	Name:      "putty",
	Usage:     "print the plink command line for an alias",
	UsageText: "putty --print ALIAS",
	Description: `    clever-ssh putty --print app_1a2b3c4d-....clever

Prints the command line with which PuTTY's plink reaches an alias, which may be
an id. Names do not need this: setup writes a saved session for each, so that
'plink web.clever' and 'putty -load web.clever' work.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "print", Usage: "print it, and start nothing"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if !c.Bool("print") || c.NArg() != 1 {
			return ui.Usagef("putty takes --print and one alias; to start PuTTY, type: putty -load ALIAS")
		}
		return printPlink(c.Args().First())
	},
}

// instanceNow returns the target of the instance that an alias stands for now. PuTTY has no way to find it.
func instanceNow(s *settings.Settings, a config.Alias) (config.Target, error) {
	if a.Instance == config.AllInstances {
		return "", ui.Hint(fmt.Errorf("%s runs a command on every instance; plink needs one of them", a.Plain()), "for instance 0: clever-ssh putty --print 0."+a.Base)
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	o, _, done, err := reach(ctx, s, a)
	if err != nil {
		return "", err
	}
	defer done()
	target, err := bridge.Find(ctx, o)
	if err != nil {
		return "", failed(ctx, o, err)
	}
	ui.Note(os.Stderr, "the next deployment replaces this instance; %s always finds the current one", a.RunAlias())
	return config.Target(target), nil
}

// printPlink prints plink's command line for an alias, for the shell of this system.
func printPlink(alias string) error {
	s, err := settings.Load()
	if err != nil {
		return err
	}
	a, err := s.Config.Resolve(alias)
	if err != nil {
		return ui.HintAlias(s.Config, err)
	}
	program, err := sshconfig.ThisProgram()
	if err != nil {
		return err
	}
	home, err := config.Home()
	if err != nil {
		return err
	}
	// PuTTY dials this machine itself, without the proxy, unless a session's ProxyLocalhost says otherwise, and
	// plink has no option for that. The proxy needs no host: it goes by the alias.
	host := a.Gateway.Address.Host
	if ip, err := netip.ParseAddr(host); host == "localhost" || (err == nil && ip.IsLoopback()) {
		host = a.Gateway.HostKeyAlias()
	}
	if a.Instance != "" && !a.Run {
		if a.Target, err = instanceNow(s, a); err != nil {
			return err
		}
	}
	line, command, pins := []string{"plink", "-ssh", "-a", "-x"}, " proxy ", a.Gateway.Pins
	if a.Run { // its user says what it runs, and whether that needs a terminal; the bridge is not a host
		key, err := settings.BridgeKey(s.Layout)
		if err != nil {
			return err
		}
		a.Target, command, pins = "", " bridge ", []config.Pin{config.Fingerprint(key.PublicKey().Marshal())}
		host = alias
	} else {
		line = append(line, "-t")
	}
	line = append(line, "-proxycmd", quote.Arg(program.PuTTY+command+alias))
	for _, p := range pins {
		line = append(line, "-hostkey", p.String())
	}
	if key := putty.KeyFile(a.Gateway, home); key != "" && !a.Run {
		line = append(line, "-i", quote.Arg(key))
	}
	line = append(line, a.Gateway.Address.User+"@"+host)
	if a.Target != "" {
		line = append(line, string(a.Target))
	}
	_, err = fmt.Println(strings.Join(line, " "))
	return err
}
