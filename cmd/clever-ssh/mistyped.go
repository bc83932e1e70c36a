package main

import (
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

// This file guesses what a mistyped command line was meant to be.

// otherCommands are commands that people know from other programs, with ours that do the same. "ssh" stands for
// itself.
var otherCommands = map[string]string{
	"connect": "ssh", "login": "ssh", "ssh": "ssh", "shell": "ssh", "open": "ssh",
	"add": "setup", "register": "setup", "install": "setup", "init": "setup", "config": "setup",
	"ls": "list", "rm": "remove", "delete": "remove", "uninstall": "remove --all", "purge": "remove --all",
	"run": "exec", "check": "doctor", "version": "--version",
}

// otherOptions are options that people know from other programs, with ours that do the same.
var otherOptions = map[string]string{
	"key": "identity", "i": "identity", "identity-file": "identity", "force": "replace", "f": "replace", "overwrite": "replace",
	"n": "dry-run", "host": "gateway", "proxy": "via", "fingerprint": "pin", "F": "ssh-config", "V": "version",
}

// meantOption returns the option of a command that was probably meant, or "" if none is close.
func meantOption(typed string, c *cli.Command) string {
	var known []string
	for _, f := range c.VisibleFlags() {
		known = append(known, f.Names()[0])
	}
	if other := otherOptions[typed]; slices.Contains(known, other) {
		return other
	}
	return config.Nearest(typed, known)
}

// unknownCommand tells a mistyped command from an attempt to connect.
func unknownCommand(words []string, app *cli.App) error {
	word := words[0]
	err := ui.Usagef("there is no command %.80q; see clever-ssh --help", word)
	meant := otherCommands[word]
	if s, loadErr := settings.Load(); loadErr == nil && meant == "" {
		alias, sure := s.Config.Meant(word)
		switch {
		case sure:
			return ui.Hint(err, "to connect, type: ssh "+quote.Arg(alias))
		case s.Config.GatewayOf(word) != nil:
			_, aliasErr := s.Config.Resolve(word)
			return ui.Hint(err, ui.Hints(ui.HintAlias(s.Config, aliasErr))...)
		}
	}
	if meant == "ssh" {
		if alias, sure := aliasFor(strings.Join(words[1:], " ")); sure {
			return ui.Hint(err, "to connect, type: ssh "+quote.Arg(alias))
		}
		return ui.Hint(err, "to connect, type: ssh ALIAS; clever-ssh list shows the aliases")
	}
	if meant == "" {
		var known []string
		for _, c := range app.VisibleCommands() {
			known = append(known, c.Name)
		}
		meant = config.Nearest(word, known)
	}
	if meant == "" {
		return err
	}
	return ui.Hint(err, strings.TrimSpace("did you mean: clever-ssh "+meant+" "+quote.Args(words[1:])))
}

// aliasFor returns the alias that a word stands for, even without its suffix, or the word itself if it stands
// for none.
func aliasFor(word string) (alias string, sure bool) {
	if s, err := settings.Load(); err == nil {
		if alias, sure := s.Config.Meant(word); sure {
			return alias, true
		}
	}
	return word, false
}
