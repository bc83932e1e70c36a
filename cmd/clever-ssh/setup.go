package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var setupCommand = &cli.Command{
	Name:      "setup",
	Usage:     "write the entries, register names",
	UsageText: "setup [OPTIONS] [NAME=TARGET | TARGET ...]",
	Description: `Writes the ssh_config entries, so that 'ssh app_....clever' works, and gives names to targets. A target is an
application's id (app_...), the address of its page in the console, or an instance's id (a UUID). Without one, in or below
a folder with a .clever.json, it registers the applications that are linked there. It may be run again at any time, and should be after each change of
clever-ssh.toml. In your own ssh configuration it adds one line, 'Include clever/config', on top. Where PuTTY is there, it
writes a saved session of PuTTY's for each name.

    clever-ssh setup                        the entries; what is linked here
    clever-ssh setup web=app_1a2b3c4d-...   then: ssh web.clever
    clever-ssh setup --dry-run              show what would change
    clever-ssh setup --suffix staging --gateway gw.example.com --pin SHA256:...
                                            another gateway; then: ssh staging`,
	Flags: []cli.Flag{
		&cli.StringFlag{Name: "gateway", Usage: "the gateway's `address`, [user@]host[:port]"},
		&cli.StringSliceFlag{Name: "pin", Usage: "a `fingerprint` (SHA256:...) that its host key may have, instead of those before; may be repeated"},
		&cli.StringFlag{Name: "suffix", Usage: "the `suffix` of the gateway that this is about", Value: config.DefaultSuffix},
		&cli.StringFlag{Name: "identity", Usage: "a `key` to offer first; its .pub suffices with an agent", TakesFile: true},
		&cli.StringFlag{Name: "via", Usage: "the `proxy` on the way, socks5://host:port or http://[user:password@]host:port"},
		&cli.BoolFlag{Name: "replace", Usage: "let names that stand for other targets stand for the new ones"},
		&cli.BoolFlag{Name: "adopt", Usage: "register the entries for the gateway that you wrote by hand; they stay as they are"},
		&cli.StringFlag{Name: "ssh-config", Usage: "write the entries for this `file` instead of ~/.ssh/config, and for good", TakesFile: true},
		&cli.StringFlag{Name: "putty", Usage: "write PuTTY's saved sessions, `auto|yes|no`, from now on: auto is where PuTTY is there"},
		&cli.BoolFlag{Name: "no-include", Usage: "leave your own ssh configuration alone, and print the line that it needs"},
		&cli.BoolFlag{Name: "dry-run", Usage: "change nothing; print the differences"},
		verboseFlag,
	},
	Action: setup,
}

// request is what a command line of setup asks for.
type request struct {
	edit      config.Edit
	targets   []config.Target // those that need no registration
	doubts    []error         // about ids on the command line
	adopt     bool
	noInclude bool
	dryRun    bool
	found     string // what names were found, for a message
}

func setup(c *cli.Context) error {
	r, err := parseSetup(c)
	if err != nil {
		return err
	}
	if !r.dryRun {
		unlock, err := lockSettings()
		if err != nil {
			return err
		}
		defer unlock()
	}
	ctx, stop := untilInterrupted()
	defer stop()
	s, err := load()
	if err != nil {
		return err
	}
	if err := r.addFound(s); err != nil {
		return err
	}
	p, err := s.plan(r.edit, !r.noInclude)
	if err != nil {
		return err
	}
	if p.config.Gateway(r.edit.Suffix).Address.IsClever() { // of another's ids nothing is known
		for _, doubt := range r.doubts {
			say(os.Stderr, doubt)
		}
	}
	if r.noInclude && r.dryRun {
		p.printLine()
	}
	if r.dryRun {
		return p.print()
	}
	g := p.config.Gateway(r.edit.Suffix)
	p.probe = probe{alias: g.Suffix, hostKeyAlias: g.HostKeyAlias()}
	for _, name := range slices.Sorted(maps.Keys(r.edit.Names)) {
		p.ask(g, string(name), r.edit.Names[name])
	}
	if len(r.targets) > 0 && p.layout.Program.Match != "" {
		p.ask(g, string(r.targets[0]), r.targets[0])
	}
	overridden, ways := p.overrides(ctx, s.config)
	if err := p.carryOut(ctx); err != nil {
		return err
	}
	if len(overridden) > 0 {
		note(os.Stderr, "what your ssh configuration says of %s counts no more: clever-ssh's entries come first", strings.Join(overridden, " and "))
	}
	for _, way := range ways {
		say(os.Stderr, way)
	}
	return p.report(ctx, r)
}

// parseSetup reads the command line of setup.
func parseSetup(c *cli.Context) (*request, error) {
	r := &request{
		edit:  config.Edit{Suffix: c.String("suffix"), Names: map[config.Name]config.Target{}, Replace: c.Bool("replace")},
		adopt: c.Bool("adopt"), noInclude: c.Bool("no-include"), dryRun: c.Bool("dry-run"),
	}
	edit := &r.edit
	for _, name := range c.LocalFlagNames() {
		if !c.IsSet(name) {
			continue
		}
		if s, ok := c.Value(name).(string); ok && s == "" { // an unset variable in a script is no wish for the default
			return nil, usagef("--%s is empty", name)
		}
	}
	err := config.CheckSuffix(edit.Suffix)
	if s := c.String("gateway"); s != "" && err == nil {
		edit.Address, err = config.ParseAddress(s)
	}
	for _, s := range c.StringSlice("pin") {
		if err != nil {
			break
		}
		var p config.Pin
		if p, err = config.ParsePin(s); !slices.Contains(edit.Pins, p) {
			edit.Pins = append(edit.Pins, p)
		}
	}
	if s := c.String("identity"); s != "" && err == nil {
		edit.Identity, err = identity(s)
	}
	if s := c.String("via"); s != "" && err == nil {
		edit.Via, err = config.ParseVia(s)
	}
	if s := c.String("putty"); s != "" && err == nil {
		edit.PuTTY, err = config.ParsePuTTY(s)
	}
	if s := c.String("ssh-config"); s != "" && err == nil {
		if _, edit.SSHConfig, err = absolute(s); err == nil {
			err = sshconfig.CheckPath(edit.SSHConfig)
		}
	}
	if err != nil {
		return nil, &usageError{err}
	}
	if err := r.addArguments(c.Args().Slice()); err != nil {
		return nil, &usageError{err}
	}
	return r, nil
}

// name asks for a name.
func (r *request) name(n config.Name, t config.Target) error {
	if other, ok := r.edit.Names[n]; ok && other != t {
		return fmt.Errorf("%s is given two targets, %s and %s", n, other, t)
	}
	r.edit.Names[n] = t
	return nil
}

// identity makes the path of a key absolute, unless it begins with ~/, and makes sure that there is a key.
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
		return "", fmt.Errorf("there is no key to offer: %s is no file", file)
	}
	return path, nil
}

// absolute returns a path as it may be written down, absolute or beginning with ~/, and where it leads.
func absolute(path string) (written, file string, err error) {
	path = filepath.ToSlash(path)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := config.Home()
		return path, filepath.Join(home, rest), err
	}
	file, err = filepath.Abs(path)
	return file, file, err
}

// report tells what the entries are worth, and what to type next.
func (p *plan) report(ctx context.Context, r *request) error {
	byID := p.layout.Program.Match != ""
	if !byID {
		note(os.Stderr, "the program's path cannot stand in a Match line here: give each application a name, ids alone will not work")
	}
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" && os.Geteuid() == 0 && p.layout.Standard {
		note(os.Stderr, "this is for root's ssh; for %s's, run it without sudo", user)
	}
	if r.found != "" {
		note(os.Stderr, "%s", r.found)
	}
	warnOfOthers(p.layout.UserFile)
	heading := "Ready. Type:"
	if text := p.ssh.missing(); text != "" {
		note(os.Stderr, "%s", text)
		heading = "The entries are written. With ssh installed, type:"
	} else if p.answer == inForce && actsForItself(p.layout) {
		if !hasKey(ctx, p.options) {
			say(os.Stderr, hint(errors.New("ssh has no key to log in with"),
				append(adviceOnNoKey, "or name one that is elsewhere: clever-ssh setup "+suffixFlag(r.edit.Suffix)+"--identity FILE")...))
			heading = "The entries are written. With a key of yours, type:"
		}
	}
	tellOfForeign(p.putty)
	switch {
	case r.noInclude:
		p.printLine()
	case p.answer == elsewhere && os.Getenv("HOME") != "" && !strings.HasPrefix(p.layout.UserFile, os.Getenv("HOME")+string(filepath.Separator)):
		// Unlike all else, a relative Include is looked for below $HOME.
		note(os.Stderr, "ssh does not find the entries of %s here: $HOME is %s", p.layout.UserFile, os.Getenv("HOME"))
		return nil
	case p.answer == elsewhere:
		say(os.Stderr, hint(fmt.Errorf("the entries are written, but %s does not find them: it reads another configuration than %s", p.ssh, p.layout.UserFile), "see what it reads: ssh -v -G "+p.probe.alias))
		return exitStatus(exitFailed)
	case p.answer == astray:
		say(os.Stderr, hint(fmt.Errorf("ssh finds the entries, but %s does not lead to %s", p.probe.alias, p.probe.target),
			"see what it does: ssh -v -G "+p.probe.alias+"   (for an id it runs `clever-ssh match direct`"+withShell()+")"))
		return exitStatus(exitFailed)
	}
	fmt.Println(heading)
	fmt.Println()
	printNext(p.config, r.edit, r.targets, byID, p.putty.Wanted)
	fmt.Println()
	fmt.Printf("If ssh says Permission denied, type: clever-ssh doctor %s\n", p.probe.alias)
	return nil
}

// printLine tells which line the user's own file needs, if it is not there.
func (p *plan) printLine() {
	if user := p.changes[len(p.changes)-1]; !p.layout.Includes(user.Old) {
		fmt.Printf("Put this line at the top of %s:\n\n    %s\n\n", quote.Line(p.layout.UserFile), quote.Line(p.layout.IncludeLine()))
	}
}

// printNext tells what to type next: a result, so it goes to stdout. What was just registered comes first; byID is
// whether ids alone work, sessions are PuTTY's.
func printNext(c *config.Config, done config.Edit, targets []config.Target, byID bool, sessions []string) {
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
	if len(sessions) > 0 {
		program, meaning := "putty -load ", "the same in PuTTY's window, or with plink"
		alias, ok := strings.CutPrefix(lines[0].command, "ssh ")
		if !ok || !slices.Contains(sessions, alias) {
			alias = sessions[0]
		}
		if path, _ := findProgram("putty"); path == "" {
			if path, _ := findProgram("plink"); path != "" {
				program, meaning = "plink ", "the same with PuTTY's plink"
			}
		}
		lines = append(lines, line{program + alias, meaning})
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l.command))
	}
	for _, l := range lines {
		fmt.Printf("    %-*s   %s\n", width, l.command, l.meaning)
	}
}
