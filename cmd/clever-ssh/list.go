package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"

	"github.com/urfave/cli/v2"
)

var listCommand = &cli.Command{
	Name:      "list",
	Usage:     "the names, and what they stand for",
	UsageText: "list [--json]",
	Description: `Shows the registered names, what they stand for and the gateways.

    clever-ssh list
    clever-ssh list --json | jq -r '.names[].alias'`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "for programs"}, verboseFlag},
	Action: func(c *cli.Context) error {
		if c.NArg() > 0 {
			return ui.Usagef("list takes no arguments")
		}
		s, err := settings.Load()
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return listJSON(s.Config)
		}
		return listTable(s.Config)
	},
}

func listTable(c *config.Config) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "ALIAS\tTARGET\tGATEWAY")
	for _, g := range c.Gateways {
		for _, n := range g.SortedNames() {
			fmt.Fprintf(w, "%s.%s\t%s\t%s\n", n, g.Suffix, g.Names[n], g.Address)
		}
		fmt.Fprintf(w, "%s\t(the menu)\t%s\n", g.Suffix, g.Address)
	}
	return w.Flush()
}

// listed is what list --json prints. Programs depend on it: fields are added, none is renamed.
type listed struct {
	Names    []listedName    `json:"names"`
	Gateways []listedGateway `json:"gateways"`
}

type listedName struct {
	Name   config.Name   `json:"name"`
	Alias  string        `json:"alias"`
	Target config.Target `json:"target"`
	Suffix string        `json:"suffix"`
}

type listedGateway struct {
	Suffix  string   `json:"suffix"`
	Address string   `json:"address"`
	Pins    []string `json:"pins"`
}

func listJSON(c *config.Config) error {
	l := listed{Names: []listedName{}}
	for _, g := range c.Gateways {
		gateway := listedGateway{Suffix: g.Suffix, Address: g.Address.String()}
		for _, p := range g.Pins {
			gateway.Pins = append(gateway.Pins, p.String())
		}
		l.Gateways = append(l.Gateways, gateway)
		for _, n := range g.SortedNames() {
			l.Names = append(l.Names, listedName{Name: n, Alias: string(n) + "." + g.Suffix, Target: g.Names[n], Suffix: g.Suffix})
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(l)
}
