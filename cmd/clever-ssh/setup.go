package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"

	"github.com/urfave/cli/v2"
)

var setupCommand = &cli.Command{
	Name:      "setup",
	UsageText: "setup [OPTIONS] [NAME=TARGET | TARGET ...]",
	Description: `Writes the ssh_config entries, so that 'ssh app_....clever' works, and gives names to targets. A target is an
application's id (app_...) or an instance's (a UUID). It may be run again at any time, and should be after each
change of clever-ssh.toml. In your own ssh configuration it adds one line, 'Include clever/config', on top.

    clever-ssh setup                        the entries
    clever-ssh setup web=app_1a2b3c4d-...   then: ssh web.clever
    clever-ssh setup --suffix staging --gateway ssh@gw.example.com --pin SHA256:...
                                            another gateway; then: ssh staging`,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "gateway", Usage: "the gateway's `address`, [user@]host[:port]"},
		&cli.StringSliceFlag{Name: "pin", Usage: "a `fingerprint` (SHA256:...) that its host key may have, instead of those before; may be repeated"},
		&cli.StringFlag{Name: "suffix", Usage: "the `suffix` of the gateway that this is about", Value: config.DefaultSuffix},
		&cli.StringFlag{Name: "identity", Usage: "a `key` to offer first; its .pub suffices with an agent"},
		&cli.StringFlag{Name: "ssh-config", Usage: "write the entries for this `file` instead of ~/.ssh/config, and for good"},
	},
	Action: setup,
}

func setup(c *cli.Context) error {
	edit, targets, err := parseSetup(c)
	if err != nil {
		return err
	}
	_, unlock, err := lockSettings(true)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := load()
	if err != nil {
		return err
	}
	p, err := s.plan(edit)
	if err != nil {
		return err
	}
	if err := p.carryOut(); err != nil {
		return err
	}
	if p.layout.Program.Match == "" {
		note(os.Stderr, "the program's path cannot stand in a Match line here: give each application a name, ids alone will not work")
	}
	if p.ssh == "" {
		note(os.Stderr, "there is no ssh on PATH: install OpenSSH to use the entries")
	}
	if p.ssh != "" && !p.inForce {
		// Unlike all else, a relative Include is looked for below $HOME.
		note(os.Stderr, "ssh does not find the entries of %s here: $HOME is %s", p.layout.UserFile, os.Getenv("HOME"))
		return nil
	}
	printNext(p.config, edit, targets, p.layout.Program.Match != "")
	return nil
}

// parseSetup reads the command line of setup. The targets are those that need no registration.
func parseSetup(c *cli.Context) (edit config.Edit, targets []config.Target, err error) {
	edit = config.Edit{Suffix: c.String("suffix"), Names: map[config.Name]config.Target{}}
	for _, name := range c.LocalFlagNames() {
		if !c.IsSet(name) {
			continue
		}
		if s, ok := c.Value(name).(string); ok && s == "" { // an unset variable in a script is no wish for the default
			return edit, nil, usagef("--%s is empty", name)
		}
	}
	if err := config.CheckSuffix(edit.Suffix); err != nil {
		return edit, nil, &usageError{err}
	}
	if s := c.String("gateway"); s != "" {
		if edit.Address, err = config.ParseAddress(s); err != nil {
			return edit, nil, &usageError{err}
		}
	}
	for _, s := range c.StringSlice("pin") {
		p, err := config.ParsePin(s)
		if err != nil {
			return edit, nil, &usageError{err}
		}
		if !slices.Contains(edit.Pins, p) {
			edit.Pins = append(edit.Pins, p)
		}
	}
	if s := c.String("identity"); s != "" {
		if edit.Identity, err = identity(s); err != nil {
			return edit, nil, &usageError{err}
		}
	}
	if s := c.String("ssh-config"); s != "" {
		if edit.SSHConfig, err = filepath.Abs(s); err == nil {
			err = sshconfig.CheckPath(edit.SSHConfig)
		}
		if err != nil {
			return edit, nil, &usageError{err}
		}
	}
	for _, arg := range c.Args().Slice() {
		name, target, named := strings.Cut(arg, "=")
		if label, ok := strings.CutSuffix(name, "."+edit.Suffix); ok {
			return edit, nil, usagef("write %s without the suffix: %s", name, label)
		}
		if !named {
			t, err := config.ParseTarget(arg)
			if err != nil {
				return edit, nil, &usageError{hint(err, "to register a name, write: clever-ssh setup NAME=TARGET")}
			}
			targets = append(targets, t)
			continue
		}
		n, err := config.ParseName(name)
		if err != nil {
			return edit, nil, &usageError{err}
		}
		t, err := config.ParseTarget(target)
		if err != nil {
			return edit, nil, &usageError{err}
		}
		if other, ok := edit.Names[n]; ok && other != t {
			return edit, nil, usagef("%s is given two targets, %s and %s", n, other, t)
		}
		edit.Names[n] = t
	}
	return edit, targets, nil
}

// identity makes the path of a key absolute, unless it begins with ~/, and makes sure that there is a key.
func identity(path string) (string, error) {
	file := path
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := config.Home()
		if err != nil {
			return "", err
		}
		file = filepath.Join(home, rest)
	} else {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		path, file = absolute, absolute
	}
	info, err := os.Stat(file)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", file)
	}
	if err != nil {
		return "", fmt.Errorf("there is no key to offer: %w", err)
	}
	return path, nil
}

// printNext tells what to type next: a result, so it goes to stdout. What was just registered comes first; byID is
// whether ids alone work.
func printNext(c *config.Config, done config.Edit, targets []config.Target, byID bool) {
	type line struct{ command, meaning string }
	var fresh, known []line
	for _, g := range c.Gateways {
		for _, n := range g.SortedNames() {
			l := line{fmt.Sprintf("ssh %s.%s", n, g.Suffix), string(g.Names[n])}
			if _, ok := done.Names[n]; ok && g.Suffix == done.Suffix {
				fresh = append(fresh, l)
			} else {
				known = append(known, l)
			}
		}
	}
	lines := append(fresh, known...)
	if len(lines) > mostNamed {
		lines = append(lines[:mostNamed], line{"...", fmt.Sprintf("and %d names more", len(lines)-mostNamed)})
	}
	if byID {
		for _, t := range targets {
			lines = append(lines, line{fmt.Sprintf("ssh %s.%s", t, done.Suffix), "needs no registration"})
		}
		if len(targets) == 0 {
			lines = append(lines, line{"ssh app_<id>." + done.Suffix, "any application, by its id"})
		}
	}
	for _, g := range c.Gateways {
		lines = append(lines, line{"ssh " + g.Suffix, "the gateway's menu"})
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l.command))
	}
	fmt.Println("Ready. Type:")
	fmt.Println()
	for _, l := range lines {
		fmt.Printf("    %-*s   %s\n", width, l.command, l.meaning)
	}
}
