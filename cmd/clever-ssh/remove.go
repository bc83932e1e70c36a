package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/proxycmd"

	"github.com/urfave/cli/v2"
)

var removeCommand = &cli.Command{
	Name:      "remove",
	Usage:     "take out names, a gateway, or everything that setup wrote",
	UsageText: "remove [--suffix SUFFIX] NAME ... | --suffix SUFFIX | --all",
	Description: `Takes names out again; with --suffix alone a gateway, with its names, entries and host keys; or with --all everything that
setup wrote: the line in your ssh configuration, the entries, PuTTY's saved sessions, and the file clever-ssh.toml if it was
setup that created it.

    clever-ssh remove web
    clever-ssh remove --suffix staging
    clever-ssh remove --all`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "all", Usage: "undo setup"},
		&cli.StringFlag{Name: "suffix", Usage: "the `suffix` of the gateway that the names belong to, or that is to go itself", Value: config.DefaultSuffix},
		verboseFlag,
	},
	Action: func(c *cli.Context) error {
		switch {
		case c.Bool("all") && c.NArg() > 0:
			return usagef("remove takes names or --all, not both")
		case c.Bool("all") && c.IsSet("suffix"):
			return usagef("remove --all takes out everything, of all gateways: it takes no --suffix")
		case c.Bool("all"):
			return removeAll()
		case c.NArg() == 0 && c.IsSet("suffix"):
			return removeGateway(c.String("suffix"))
		case c.NArg() == 0:
			return usagef("remove takes the names to take out, --suffix SUFFIX for a whole gateway, or --all")
		}
		return removeNames(c.String("suffix"), c.Args().Slice())
	},
}

// removeNames takes names out of the configuration.
func removeNames(suffix string, args []string) error {
	_, err := removeOf(suffix, func(s *settings, g *config.Gateway) (edit config.Edit, err error) {
		for _, arg := range args {
			name := config.Name(strings.TrimSuffix(arg, "."+suffix)) // or the alias
			if _, ok := g.Names[name]; !ok {
				return edit, s.adviseOnName(g, arg)
			}
			edit.Remove = append(edit.Remove, name)
		}
		return edit, nil
	})
	return err
}

// removeGateway takes a gateway out of the configuration, and tells what went with it: nothing else remembers that.
func removeGateway(suffix string) error {
	g, err := removeOf(suffix, func(*settings, *config.Gateway) (config.Edit, error) { return config.Edit{Drop: true}, nil })
	if err != nil {
		return err
	}
	note(os.Stderr, "took out the gateway %s, %s, with its entries and host keys", suffix, g.Address)
	var names []string
	for _, n := range g.SortedNames() {
		names = append(names, fmt.Sprintf("%s (%s)", n, g.Names[n]))
	}
	if len(names) > 0 {
		note(os.Stderr, "its names were %s", strings.Join(names, ", "))
	}
	return nil
}

// removeOf takes out what is asked for of a gateway, and writes the entries anew. The user's own file has no part in that. It
// returns the gateway as it was.
func removeOf(suffix string, ask func(*settings, *config.Gateway) (config.Edit, error)) (*config.Gateway, error) {
	unlock, err := lockSettings()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := load()
	if err != nil {
		return nil, err
	}
	g := s.config.Gateway(suffix)
	if g == nil {
		return nil, s.noGateway(suffix)
	}
	edit, err := ask(s, g)
	if err != nil {
		return nil, err
	}
	edit.Suffix = suffix
	p, err := s.plan(edit, false)
	if errors.Is(err, config.ErrBuiltIn) {
		return nil, s.adviseOnBuiltIn(g, err)
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	if err := p.carryOut(ctx); err != nil {
		return nil, err
	}
	tellOfSessions(p.putty)
	return g, nil
}

// adviseOnBuiltIn tells what may be meant by taking out the gateway that cannot be.
func (s *settings) adviseOnBuiltIn(g *config.Gateway, err error) error {
	var lines []string
	if len(g.Names) > 0 {
		names := "NAME ..."
		if len(g.Names) <= mostNamed {
			names = ""
			for _, n := range g.SortedNames() {
				names += " " + string(n)
			}
			names = names[1:]
		}
		lines = append(lines, "its names: clever-ssh remove "+names)
	}
	if s.text != nil {
		lines = append(lines, "its address, pins, identity and via: edit "+s.path+", then clever-ssh setup")
	}
	return &usageError{hint(err, append(lines, "all that setup wrote: clever-ssh remove --all")...)}
}

// noGateway says that a suffix is none, and which ones are.
func (s *settings) noGateway(suffix string) error {
	return hint(fmt.Errorf("no gateway has the suffix %q", suffix), "there are: "+strings.Join(s.config.Suffixes(), ", "))
}

// adviseOnName tells why there is no such name to take out.
func (s *settings) adviseOnName(g *config.Gateway, arg string) error {
	alias := arg
	if s.config.GatewayOf(strings.ToLower(arg)) == nil {
		alias += "." + g.Suffix
	}
	a, err := s.config.Resolve(alias)
	if err == nil && a.Gateway != g && a.Target != "" && !a.Direct {
		return hint(fmt.Errorf("%s belongs to another gateway", arg), fmt.Sprintf("type: clever-ssh remove %s%s", suffixFlag(a.Gateway.Suffix), strings.TrimSuffix(arg, "."+a.Gateway.Suffix)))
	}
	if err == nil { // a target, or a menu: neither has an entry to take out
		return hint(fmt.Errorf("%s is no registered name", arg), adviceOnNames)
	}
	var known []string
	for _, g := range s.config.Gateways {
		for _, n := range g.SortedNames() {
			known = append(known, string(n)+"."+g.Suffix)
		}
	}
	err = fmt.Errorf("%.80q is no registered name", arg)
	if near := config.Nearest(alias, known); near != "" {
		return hint(err, "did you mean "+near+"?", adviceOnNames)
	}
	return hint(err, adviceOnNames)
}

// removeAll takes out everything that setup wrote, the line in the user's own file first: from then on ssh reads
// nothing of ours. The comment that tells whose that line is goes last.
func removeAll() error {
	unlock, err := lockSettings()
	if err != nil {
		return err
	}
	s, err := load()
	if err == nil {
		err = s.removeAll()
	}
	unlock()
	if err == nil {
		os.Remove(filepath.Dir(s.path)) // if nothing else is in it
	}
	return err
}

func (s *settings) removeAll() error {
	l := s.layout
	written, err := readDerived(l.ConfigFile())
	if err != nil {
		return err
	}
	l.Added = sshconfig.ParseAdded(written)
	user, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return err
	}
	edited, _, err := sshconfig.EditUserFile(user, l, false)
	if err != nil {
		return err
	}
	taken := atomicfile.Change{Path: l.UserFile, Old: user, New: edited}
	if err := atomicfile.Replace([]atomicfile.Change{taken}, nil); err != nil {
		return hint(fmt.Errorf("%w; your files are as they were", err), "mend that, then run this again")
	}
	stepsOf(taken)
	sessions, err := s.puttyChanges(s.config, nil)
	if err == nil {
		err = sessions.CarryOut(func() error { return nil })
	}
	if err != nil {
		return hint(err, "mend that, then run this again")
	}
	stepsOfSessions(sessions)
	endShared(l)
	if written != nil { // it goes last: without it, nothing else in that folder is ours
		if err := s.forgetHosts(); err != nil {
			return hint(err, "mend that, then run this again")
		}
		for _, file := range []string{l.DirectFile(), l.DirectFile() + ".lock", l.KnownHosts() + ".lock", l.BridgeKey(), l.BridgeKnownHosts(), l.MatchFile(), l.ConfigFile()} {
			if err := atomicfile.Remove(file); err != nil {
				return hint(err, "mend that, then run this again")
			}
			step("%s is gone", file)
		}
		atomicfile.RemoveFolders([]string{l.Folder()})
	}
	// The settings tell where all that is, so they outlast it.
	ours := bytes.HasPrefix(s.text, []byte(config.Marker))
	if ours {
		taken := atomicfile.Change{Path: s.path, Old: s.text}
		if err := atomicfile.Replace([]atomicfile.Change{taken}, nil); err != nil {
			return hint(err, "mend that, then run this again")
		}
		stepsOf(taken)
	}
	if l.Added != nil && l.Added.Folder {
		atomicfile.RemoveFolders([]string{filepath.Dir(l.UserFile)})
	}
	if l.Includes(edited) {
		note(os.Stderr, "%s still includes the entries, which are gone: that line is yours to take out", l.UserFile)
	}
	tellOfSessions(sessions)
	if s.text != nil && !ours {
		note(os.Stderr, "%s is yours and stays", s.path)
	}
	return nil
}

// forgetHosts takes the gateways' host keys out of the derived known_hosts, and the file itself if nobody else's are in it
// and it is no link of the user's.
func (s *settings) forgetHosts() error {
	path := s.layout.KnownHosts()
	text, err := atomicfile.Read(path)
	if err != nil || text == nil {
		return err
	}
	rest := text
	for _, g := range s.config.Gateways {
		rest = proxycmd.PinnedHosts(rest, &config.Gateway{Suffix: g.Suffix})
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && len(bytes.TrimSpace(rest)) == 0 {
		return atomicfile.Remove(path)
	}
	return atomicfile.Write(path, rest)
}
