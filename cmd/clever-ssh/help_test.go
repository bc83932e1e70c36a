//go:build unix

package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/api"

	"github.com/urfave/cli/v2"
)

// The overview names every command, as completion describes it, and no hidden command.
func TestOverview(t *testing.T) {
	for _, c := range newApp().Commands {
		line, shown := "", false
		for l := range strings.Lines(help) {
			if rest, ok := strings.CutPrefix(l, "  "+c.Name); ok && (rest[0] == ' ') {
				line, shown = l, true
			}
		}
		if shown == c.Hidden {
			t.Errorf("%s is hidden: %v, and in the overview: %v", c.Name, c.Hidden, shown)
		}
		if !c.Hidden && (c.Usage == "" || !strings.HasSuffix(line, " "+c.Usage+"\n")) {
			t.Errorf("the overview says of %s: %q, and not %q", c.Name, line, c.Usage)
		}
	}
}

// A terminal of 80 columns shows every line of help whole.
func TestHelpFits(t *testing.T) {
	app := newApp()
	pages := map[string]string{"": help}
	for _, c := range app.Commands {
		for _, c := range append([]*cli.Command{c}, c.Subcommands...) {
			page := "Usage: clever-ssh " + c.UsageText + "\n" + c.Description + "\n"
			for _, f := range c.VisibleFlags() {
				page += "  " + f.String() + "\n"
			}
			pages[c.Name] = page
		}
	}
	for name, page := range pages {
		for line := range strings.Lines(page) {
			if len(line) > helpWidth+1 {
				t.Errorf("%s --help: this line is longer than %d columns: %s", name, helpWidth, line)
			}
		}
	}
}

// examplesOf lists the command lines in a command's help, as a person types them.
func examplesOf(c *cli.Command) (list []string) {
	continued := false
	for line := range strings.Lines(c.Description) {
		line, example := strings.CutPrefix(strings.TrimRight(line, "\n"), "    ")
		if !example {
			continue
		}
		if !continued {
			line, _, _ = strings.Cut(line, "   ") // its meaning follows
		}
		switch {
		case continued:
			list[len(list)-1] += strings.TrimSpace(line)
		case line != "" && line[0] != ' ':
			list = append(list, line)
		}
		if continued = strings.HasSuffix(line, `\`); continued {
			list[len(list)-1] = strings.TrimSuffix(list[len(list)-1], `\`)
		}
	}
	return list
}

// Each example works as written, once its placeholders are filled in.
func TestExamples(t *testing.T) {
	needPrograms(t)
	test.Need(t, "puttygen", "plink")
	t.Parallel()
	shows := map[string]string{"list": "web.clever", "exec": "total ", "logs": "-efa -u bas-deploy.service", "putty": "plink -ssh ", "proxy": "bas@" + instanceWeb}
	load := map[string]string{"zsh": "autoload -Uz compinit && compinit -u -D; "}
	for _, c := range newApp().Commands {
		examples := examplesOf(c)
		if !c.Hidden && !strings.Contains(strings.Join(examples, "\n"), "clever-ssh "+c.Name) {
			t.Errorf("%s has no example", c.Name)
		}
		if c.Name == "doctor" || c.Name == "listen" || c.Name == "db" { // they may find something here, do not end, and need a database
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if len(examples) == 0 {
				return
			}
			h, g, _ := programHome(t)
			journal := h.command("clever-ssh", "exec", "web.clever", "mkdir bin && cat >bin/journalctl && chmod +x bin/journalctl && echo PATH=$HOME/bin:$PATH >.bash_profile")
			journal.Stdin = strings.NewReader("#!/bin/sh\necho \"$@\"\n")
			runs(t, journal)
			key := filepath.Join(h.dir, "id.ppk")
			runs(t, h.command("puttygen", h.path("id"), "-O", "private", "-o", key))
			if c.Name == "setup" {
				a := &api.API{Login: api.TestLogin, User: api.Owner{ID: "user_1"}}
				a.Start()
				t.Cleanup(a.Close)
				h.env = append(h.env, "CLEVER_TOKEN="+a.Login.Token, "CLEVER_SECRET="+a.Login.Secret, "API_HOST="+a.URL())
			}
			if c.Name == "remove" {
				h.setup(t, g, "--suffix", "staging")
			}
			for _, example := range examples {
				command := strings.NewReplacer("gw.example.com", g.Addr(), "SHA256:...", pinOf(g, 0), "app_1a2b3c4d-...", appWeb, "app_...", appWeb, "plink -ssh", "plink -ssh -batch -i "+key).Replace(example)
				if _, err := exec.LookPath("jq"); err != nil {
					command, _, _ = strings.Cut(command, "| jq")
				}
				shell := "bash"
				for _, s := range completionShells {
					if strings.Contains(command, "completion "+s) {
						shell = s
					}
				}
				cmd := h.command(shell, "-c", load[shell]+command)
				cmd.Stdin = strings.NewReader("exit\r")
				if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), shows[c.Name]) {
					t.Errorf("%s: %v\n%s", command, err, out)
				}
			}
		})
	}
}
