package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"

	"github.com/urfave/cli/v2"
)

var instancesCommand = &cli.Command{
	Name:      "instances",
	Usage:     "show an application's instances",
	UsageText: "instances [--json] ALIAS",
	Description: `    clever-ssh instances web.clever
    clever-ssh instances web.clever --json | jq -r '.instances[].alias'

Asks the gateway which instances an application has, and prints the number,
state, id and name of each, and the alias that reaches it.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON, for programs"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() != 1 {
			return ui.Usagef("instances takes one alias: clever-ssh instances web.clever")
		}
		err := listInstances(c.Args().First(), c.Bool("json"))
		var status ui.ExitStatus
		if errors.As(err, &status) && status == bridge.StatusFailed { // no command ran that could have this status
			return ui.ExitStatus(ui.ExitFailed)
		}
		return err
	},
}

func listInstances(alias string, asJSON bool) error {
	ignoreSignals()
	s, a, err := resolve(alias)
	switch {
	case err != nil:
		return err
	case a.Instance != "":
		return ui.Hint(fmt.Errorf("%s is an instance, not an application", alias), "type: clever-ssh instances "+a.Base)
	case a.Target.IsInstance():
		return ui.Hint(fmt.Errorf("%s is an instance, not an application", alias), "name its application; clever-ssh list shows your names")
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	o, _, done, err := reach(ctx, s, a)
	if err != nil {
		return err
	}
	defer done()
	list, err := bridge.List(ctx, o)
	if err != nil {
		return failed(ctx, o, err)
	}
	if asJSON {
		return printInstancesJSON(a, list, s.Config)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tSTATE\tID\tNAME\tALIAS")
	for _, i := range list {
		number := "-"
		switch {
		case i.Build:
			number = "build"
		case i.Number != bridge.NoNumber:
			number = strconv.Itoa(i.Number)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", number, orDash(i.State), orDash(i.ID), orDash(i.Name), aliasOf(i, list, a, s.Config))
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// aliasOf returns the alias that leads to an instance: by its number or as the build VM, or by its id if those
// lead to another one.
func aliasOf(i bridge.Instance, list []bridge.Instance, a config.Alias, c *config.Config) string {
	selector := bridge.Selector(strconv.Itoa(i.Number))
	if i.Build {
		selector = bridge.Build
	}
	switch first := selector.Choose(list); {
	case len(first) > 0 && first[0] == i && config.IsSelector(string(selector)):
		alias := string(selector) + "." + a.Base
		if meant, err := c.Resolve(alias); err != nil || meant.Instance == "" { // a name that somebody registered
			alias = string(selector) + "." + string(a.Target) + "." + a.Gateway.Suffix
		}
		return alias
	case i.ID == "":
		return a.Base
	}
	return i.ID + "." + a.Gateway.Suffix
}

// listedInstance is part of the output of instances --json. Programs depend on it: fields may be added, but
// never renamed.
type listedInstance struct {
	Number *int   `json:"number"` // null if it has none
	State  string `json:"state"`
	Build  bool   `json:"build"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Alias  string `json:"alias"`
}

func printInstancesJSON(a config.Alias, list []bridge.Instance, c *config.Config) error {
	listed := struct {
		Alias     string           `json:"alias"`
		Target    config.Target    `json:"target"`
		Instances []listedInstance `json:"instances"`
	}{a.Base, a.Target, []listedInstance{}}
	for _, i := range list {
		entry := listedInstance{State: i.State, Build: i.Build, ID: i.ID, Name: i.Name, Alias: aliasOf(i, list, a, c)}
		if i.Number != bridge.NoNumber {
			entry.Number = &i.Number
		}
		listed.Instances = append(listed.Instances, entry)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(listed)
}
