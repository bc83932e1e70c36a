package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var listCommand = &cli.Command{
	Name:      "list",
	Usage:     "show the names and where they lead",
	UsageText: "list [--json]",
	Description: `    clever-ssh list
    clever-ssh list --json | jq -r '.names[].alias'

Shows the registered names, their targets, where each comes from, and the
gateways.`,
	Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON, for programs"}, verboseFlag},
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
	fmt.Fprintln(w, "ALIAS\tTARGET\tGATEWAY\tFROM")
	for _, g := range c.Gateways {
		for _, n := range g.SortedNames() {
			from, organisation := origin(c, g, n)
			if organisation != "" {
				from += " (" + quote.Line(organisation) + ")"
			}
			fmt.Fprintf(w, "%s.%s\t%s\t%s\t%s\n", n, g.Suffix, g.Names[n], g.Address, from)
		}
		fmt.Fprintf(w, "%s\t(the menu)\t%s\n", g.Suffix, g.Address)
	}
	return w.Flush()
}

// The origins of names.
const (
	fromSettings = "clever-ssh.toml"
	fromAccount  = "account"
)

// origin returns where a name comes from. For a name from the account, it also returns the organisation that
// owns the application.
func origin(c *config.Config, g *config.Gateway, n config.Name) (from, organisation string) {
	if entry, ok := c.FromAccount(g, n); ok {
		return fromAccount, entry.Organisation
	}
	return fromSettings, ""
}

// listed is the output of list --json. Programs depend on it: fields may be added, but never renamed.
type listed struct {
	Names    []listedName    `json:"names"`
	Gateways []listedGateway `json:"gateways"`
}

type listedName struct {
	Name   config.Name   `json:"name"`
	Alias  string        `json:"alias"`
	Target config.Target `json:"target"`
	Suffix string        `json:"suffix"`
	From   string        `json:"from"`

	Organisation string `json:"organisation,omitempty"` // for an application from the account
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
			name := listedName{Name: n, Alias: string(n) + "." + g.Suffix, Target: g.Names[n], Suffix: g.Suffix}
			name.From, name.Organisation = origin(c, g, n)
			name.Organisation = quote.Line(name.Organisation) // json leaves some control characters alone
			l.Names = append(l.Names, name)
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(l)
}
