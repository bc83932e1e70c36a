package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"

	"github.com/urfave/cli/v2"
)

var setupCommand = &cli.Command{
	Name:      "setup",
	Usage:     "write the ssh_config entries, add names",
	UsageText: "setup [OPTIONS] [NAME=TARGET | TARGET ...]",
	Description: `    clever-ssh setup                        the entries, and linked applications
    clever-ssh setup web=app_1a2b3c4d-...   then: ssh web.clever
    clever-ssh setup --account              your applications, by their names
    clever-ssh setup --dry-run              show what would change
    clever-ssh setup --suffix staging --gateway gw.example.com --pin SHA256:...
                                            another gateway; then: ssh staging

Writes the ssh_config entries, so that 'ssh app_....clever' works, and gives
names to targets. A target is an application's id (app_...), the address of its
page in the console, or an instance's id (a UUID). Without arguments, setup
registers the applications that a .clever.json links, in this folder or in one
above it.

Your own ssh configuration gets one line, 'Include clever/config', at its top.
If PuTTY is installed, each name also gets a saved session.

Run it again at any time, and after each change to clever-ssh.toml.`,
	Flags: []cli.Flag{
		&cli.GenericFlag{Name: "account", Usage: "whether to register every application of the clever-tools account, from now on: `yes|no`; no removes their names", Value: new(yesOrNo)},
		&cli.StringFlag{Name: "gateway", Usage: "the gateway's `ADDRESS`, [user@]host[:port]"},
		&cli.StringSliceFlag{Name: "pin", Usage: "accept a host key with this `FINGERPRINT`, SHA256:...; repeat it for each key. The new pins replace all earlier ones"},
		&cli.StringFlag{Name: "suffix", Usage: "the `SUFFIX` of the gateway to set up", Value: config.DefaultSuffix},
		&cli.StringFlag{Name: "identity", Usage: "a `KEY` to offer first; if an agent holds it, its .pub file is enough", TakesFile: true},
		&cli.StringFlag{Name: "via", Usage: "connect through a `PROXY`, socks5://host:port or http://[user:password@]host:port"},
		&cli.BoolFlag{Name: "replace", Usage: "let a name that is taken point to the new target"},
		&cli.BoolFlag{Name: "adopt", Usage: "register the gateway entries that you wrote by hand, and leave them as they are"},
		&cli.StringFlag{Name: "ssh-config", Usage: "write the entries for this `FILE` instead of ~/.ssh/config, from now on", TakesFile: true},
		&cli.StringFlag{Name: "putty", Usage: "whether to write PuTTY's saved sessions, from now on: `auto|yes|no`; auto writes them if PuTTY is installed"},
		&cli.BoolFlag{Name: "no-include", Usage: "leave your own ssh configuration alone, and print the line that it needs"},
		&cli.BoolFlag{Name: "dry-run", Usage: "change nothing; print the differences"},
		verboseFlag,
	},
	Action: func(c *cli.Context) error {
		r, err := parseSetup(c)
		if err != nil {
			return err
		}
		return r.CarryOut()
	},
}

// parseSetup reads setup's command line.
func parseSetup(c *cli.Context) (*setup.Request, error) {
	r := &setup.Request{Edit: config.Edit{Suffix: c.String("suffix"), Replace: c.Bool("replace")}, Adopt: c.Bool("adopt"), NoInclude: c.Bool("no-include"), DryRun: c.Bool("dry-run")}
	for _, name := range c.LocalFlagNames() {
		if !c.IsSet(name) {
			continue
		}
		if s, ok := c.Value(name).(string); ok && s == "" { // an unset script variable does not mean the default
			return nil, ui.Usagef("--%s is empty", name)
		}
	}
	for _, option := range editOptions(&r.Edit) {
		if !c.IsSet(option.name) {
			continue
		}
		values := []string{fmt.Sprint(c.Value(option.name))}
		if several, ok := c.Value(option.name).(cli.StringSlice); ok {
			values = several.Value()
		}
		for _, value := range values {
			if err := option.parse(value); err != nil {
				return nil, ui.Usagef("%w", err)
			}
		}
	}
	if c.IsSet("account") && r.Edit.Suffix != config.DefaultSuffix {
		return nil, ui.Usagef("the names from your account have the suffix %s: leave out --suffix, or --account", config.DefaultSuffix)
	}
	if err := r.AddArguments(c.Args().Slice()); err != nil {
		return nil, ui.Usagef("%w", err)
	}
	return r, nil
}

// editOption is an option of setup that changes the settings.
type editOption struct {
	name  string
	parse func(value string) error
}

// editOptions returns the options whose values go into an edit, in the order in which they are checked.
func editOptions(edit *config.Edit) []editOption {
	return []editOption{
		{"suffix", func(s string) error { edit.Suffix = s; return config.CheckSuffix(s) }},
		{"gateway", func(s string) (err error) { edit.Address, err = config.ParseAddress(s); return err }},
		{"pin", func(s string) error {
			p, err := config.ParsePin(s)
			if !slices.Contains(edit.Pins, p) {
				edit.Pins = append(edit.Pins, p)
			}
			return err
		}},
		{"identity", func(s string) (err error) { edit.Identity, err = identity(s); return err }},
		{"via", func(s string) (err error) { edit.Via, err = config.ParseVia(s); return err }},
		{"account", func(s string) (err error) { edit.Account, err = config.ParseUseAccount(s); return err }},
		{"putty", func(s string) (err error) { edit.PuTTY, err = config.ParsePuTTY(s); return err }},
		{"ssh-config", func(s string) (err error) {
			if _, edit.SSHConfig, err = absolute(s); err != nil {
				return err
			}
			return sshconfig.CheckPath(edit.SSHConfig)
		}},
	}
}

// identity makes the path of a key absolute, unless it begins with ~/, and makes sure that the key exists.
func identity(path string) (string, error) {
	path, file, err := absolute(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no key to offer: %s does not exist", file)
	case err != nil:
		return "", fmt.Errorf("there is no key to offer: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("there is no key to offer: %s is not a file", file)
	}
	return path, nil
}

// absolute returns a path in the form for the settings, absolute or beginning with ~/, and the file that it
// leads to.
func absolute(path string) (written, file string, err error) {
	path = filepath.ToSlash(path)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := config.Home()
		return path, filepath.Join(home, rest), err
	}
	file, err = filepath.Abs(path)
	return file, file, err
}
