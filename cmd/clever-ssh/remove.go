package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"github.com/urfave/cli/v2"
)

var removeCommand = &cli.Command{
	Name:      "remove",
	UsageText: "remove [--suffix SUFFIX] NAME ... | --all",
	Description: `Takes names out again, or with --all everything that setup wrote: the line in your ssh configuration, the entries,
and the file clever-ssh.toml if it was setup that created it.

    clever-ssh remove web
    clever-ssh remove --all`,
	Flags: []cli.Flag{
		&cli.BoolFlag{Name: "all", Usage: "undo setup"},
		&cli.StringFlag{Name: "suffix", Usage: "the `suffix` of the gateway that the names belong to", Value: config.DefaultSuffix},
	},
	Action: func(c *cli.Context) error {
		switch {
		case c.Bool("all") && c.NArg() > 0:
			return usagef("remove takes names or --all, not both")
		case c.Bool("all"):
			return removeAll()
		case c.NArg() == 0:
			return usagef("remove takes the names to take out, or --all")
		}
		return removeNames(c.String("suffix"), c.Args().Slice())
	},
}

// removeNames takes names out of the configuration and writes the entries anew.
func removeNames(suffix string, args []string) error {
	_, unlock, err := lockSettings(false)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := load()
	if err != nil {
		return err
	}
	g := s.config.Gateway(suffix)
	if g == nil {
		return hint(fmt.Errorf("no gateway has the suffix %q", suffix), "there are: "+fmt.Sprint(s.config.Suffixes()))
	}
	edit := config.Edit{Suffix: suffix}
	for _, arg := range args {
		if label, ok := strings.CutSuffix(arg, "."+suffix); ok {
			return usagef("write %s without the suffix: %s", arg, label)
		}
		if _, ok := g.Names[config.Name(arg)]; !ok {
			_, err := s.config.Resolve(arg + "." + suffix)
			if err == nil { // a target: it has no entry to take out
				return fmt.Errorf("%s is no registered name", arg)
			}
			return advise(err)
		}
		edit.Remove = append(edit.Remove, config.Name(arg))
	}
	p, err := s.plan(edit)
	if err != nil {
		return err
	}
	return p.carryOut()
}

// removeAll takes out everything that setup wrote, the line in the user's own file first: from then on ssh reads
// nothing of ours.
func removeAll() error {
	path, unlock, err := lockSettings(false)
	if err != nil {
		return err
	}
	defer func() {
		// The folder goes if nothing else is in it. Windows removes no file that is open.
		os.Remove(path + ".lock")
		unlock()
		os.Remove(path + ".lock")
		os.Remove(filepath.Dir(path))
	}()
	s, err := load()
	if err != nil {
		return err
	}
	l := s.layout
	var files []atomicfile.File
	user, err := os.ReadFile(l.UserFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if rest := sshconfig.RemoveInclude(user, l); len(rest) != len(user) {
		if len(rest) == 0 {
			// The line was all there was. A link stays, whatever it leads to.
			rest = []byte{}
			if info, err := os.Lstat(l.UserFile); err == nil && info.Mode().IsRegular() {
				rest = nil
			}
		}
		files = append(files, atomicfile.File{Path: l.UserFile, Content: rest})
	}
	ours := bytes.HasPrefix(s.text, []byte(config.Marker))
	if ours {
		files = append(files, atomicfile.File{Path: path})
	}
	if err := atomicfile.Replace(files, nil); err != nil {
		return fmt.Errorf("%w; your files are as they were", err)
	}
	for _, file := range []string{l.ConfigFile(), l.MatchFile(), l.DirectFile(), l.DirectFile() + ".lock", l.KnownHosts(), l.KnownHosts() + ".lock"} {
		if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	os.Remove(l.Folder())
	if s.text != nil && !ours {
		note(os.Stderr, "%s is yours and stays", path)
	}
	return nil
}
