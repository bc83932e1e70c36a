package main

import (
	"fmt"
	"strconv"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"

	"github.com/urfave/cli/v2"
)

var puttyCommand = &cli.Command{
	Name:      "putty",
	UsageText: "putty --print ALIAS",
	Description: `Prints the command line with which PuTTY's plink reaches an alias, an application's or an instance's id included. Names
need none: setup writes a saved session for each, so that 'plink web.clever' and 'putty -load web.clever' work.

    clever-ssh putty --print app_1a2b3c4d-....clever`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "print", Usage: "print it, and start nothing"}},
	Action: func(c *cli.Context) error {
		if !c.Bool("print") || c.NArg() != 1 {
			return usagef("putty takes --print and one alias; to start PuTTY, type: putty -load ALIAS")
		}
		return printPlink(c.Args().First())
	},
}

// printPlink prints the command line of plink for an alias, for the shell of this system.
func printPlink(alias string) error {
	s, err := load()
	if err != nil {
		return err
	}
	a, err := s.config.Resolve(alias)
	if err != nil {
		return advise(err)
	}
	program, err := sshconfig.ThisProgram()
	if err != nil {
		return err
	}
	home, err := config.Home()
	if err != nil {
		return err
	}
	line := []string{"plink", "-ssh", "-t", "-a", "-x", "-proxycmd", shellQuote(program.PuTTY + " proxy " + alias)}
	for _, p := range a.Gateway.Pins {
		line = append(line, "-hostkey", p.String())
	}
	if port := a.Gateway.Address.Port; port != 22 {
		line = append(line, "-P", strconv.Itoa(int(port)))
	}
	if key := putty.KeyFile(a.Gateway, home); key != "" {
		line = append(line, "-i", shellQuote(key))
	}
	line = append(line, a.Gateway.Address.User+"@"+a.Gateway.Address.Host)
	if a.Target != "" {
		line = append(line, string(a.Target))
	}
	fmt.Println(strings.Join(line, " "))
	return nil
}

// wantedSessions are the saved sessions that a configuration asks for.
func wantedSessions(c *config.Config, program sshconfig.Program) ([]putty.Session, error) {
	if c.PuTTY == config.PuTTYNo {
		return nil, nil
	}
	home, err := config.Home()
	return putty.Sessions(c, program.PuTTY, home), err
}

// puttyChanges compares PuTTY's saved sessions with those that are wanted.
func puttyChanges(c *config.Config, wanted []putty.Session) (*putty.Changes, error) {
	store, err := putty.NewStore()
	if err == nil && c.PuTTY == config.PuTTYAuto && !puttyIsThere(store) {
		return &putty.Changes{}, nil
	}
	var changes *putty.Changes
	if err == nil {
		changes, err = putty.Plan(store, wanted)
	}
	if err != nil && c.PuTTY == config.PuTTYNo { // who wants nothing of PuTTY is not to be stopped by it
		return &putty.Changes{}, nil
	}
	return changes, err
}

// puttyIsThere tells whether PuTTY is installed, or has been used: on Windows it is often one file in a folder of downloads.
func puttyIsThere(store putty.Store) bool {
	for _, name := range []string{"putty", "plink"} {
		if path, _ := findProgram(name); path != "" {
			return true
		}
	}
	return store.Used()
}

// adviseOnPuTTY adds to an error with PuTTY's sessions that nobody needs them.
func adviseOnPuTTY(err error) error {
	return hint(err, "or leave PuTTY out: clever-ssh setup --putty=no")
}
