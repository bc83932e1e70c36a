package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// help is the one screen for people who want to get to work.
var help = `clever-ssh - plain ssh to the instances of your Clever Cloud applications

Start here:
  clever-ssh setup --account           your applications, by their names
  clever-ssh setup web=app_...         a name of your own for one of them
  clever-ssh doctor web.clever         what to fix if ssh says no

Then, with the ssh that you know:
  ssh web.clever                       an application, by its name
  ssh app_1a2b3c4d-....clever          any application, by its id
  ssh 0f1e2d3c-....clever              one instance, by its id
  ssh clever                           the gateway's menu
  ssh web.clever ls                    a command; also scp, rsync and ssh -L
  ssh 1.web.clever                     instance 1 of several
  ssh all.web.clever COMMAND           a command on every instance

Commands:
  setup [NAME=TARGET | TARGET ...]     write the ssh_config entries, add names
  list                                 show the names and where they lead
  remove NAME ... | --all              remove names, or all that setup wrote
  doctor [ALIAS]                       find out why a connection fails
  instances ALIAS                      show an application's instances
  exec ALIAS -- COMMAND ...            run a command on an instance
  logs ALIAS                           follow an application's log
  db ALIAS [NAME]                      open a port to an application's database
  listen [ALIAS ...]                   run a local SSH server for other programs
  close [ALIAS]                        end the connections that are kept open
  putty --print ALIAS                  print the plink command line for an alias
  proxy ALIAS | SUFFIX                 act as the ProxyCommand of ssh and PuTTY
  completion bash | zsh | fish         print a script for TAB completion

Options:
  --help, -h                           this page
  COMMAND --help                       one command, with examples
  COMMAND -v, ssh -v ALIAS             show each step, with its time
  --version                            print the version

Settings: ~/.config/clever-cloud/clever-ssh.toml
          (on Windows: %APPDATA%\clever-cloud\clever-ssh.toml)
Manual:   man clever-ssh
Source:   ` + homepage + `
`

// commandHelp is a command's own page: its usage, examples, what it does, and its flags.
const commandHelp = `Usage: clever-ssh {{.UsageText}}

{{.Description}}
{{if .VisibleFlags}}
Options:{{range .VisibleFlags}}
  {{.}}{{end}}
{{end}}`

// The columns of a help page for the options' names, out of 80.
const (
	helpWidth  = 80
	nameIndent = 2
	nameWidth  = 21
)

// flagHelp returns a flag's part of its command's page: its names, what it does, and its default.
func flagHelp(f cli.Flag) string {
	doc := f.(cli.DocGenerationFlag)
	name := "--" + f.Names()[0]
	for _, short := range f.Names()[1:] {
		name += ", -" + short
	}
	_, placeholder, _ := strings.Cut(doc.GetUsage(), "`")
	placeholder, _, found := strings.Cut(placeholder, "`")
	switch {
	case found && takesValue(f):
		name += " " + placeholder
	case found:
		name += "[=" + placeholder + "]"
	}
	usage := meaning(f)
	if text := strings.Trim(doc.GetDefaultText(), `"`); text != "" && takesValue(f) {
		usage += " (default: " + text + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-*s", nameWidth, name)
	column := nameIndent + nameWidth
	for i, word := range strings.Fields(usage) {
		switch {
		case column+1+len(word) > helpWidth:
			fmt.Fprintf(&b, "\n%*s", nameIndent+nameWidth, "")
			column = nameIndent + nameWidth
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// meaning returns what a flag does, in one line.
func meaning(f cli.Flag) string {
	return strings.ReplaceAll(f.(cli.DocGenerationFlag).GetUsage(), "`", "")
}
