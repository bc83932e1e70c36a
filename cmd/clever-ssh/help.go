package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// help is the one screen for people who want to get to work.
const help = `clever-ssh - plain ssh to the instances of your Clever Cloud applications

Start here:
  clever-ssh setup                     write the ssh_config entries
  clever-ssh setup --account           and register all applications of your account
  clever-ssh setup web=app_...         and give an application a name

Then, with the ssh that you know:
  ssh app_1a2b3c4d-....clever          any application, by its id
  ssh 0f1e2d3c-....clever              one instance, by its id
  ssh web.clever                       an application, by its name
  ssh clever                           the gateway's menu
  ssh web.clever ls                    a command; scp, sftp, rsync and ssh -L work as well
  ssh 1.web.clever                     instance 1 of several; ssh all.web.clever COMMAND

Commands:
  setup [NAME=TARGET | TARGET ...]     write the entries, register names
  list                                 the names, and what they stand for
  remove NAME ... | --suffix X | --all take out names, a gateway, or everything that setup wrote
  doctor [ALIAS]                       what is amiss between here and a prompt, and what to do
  instances ALIAS                      an application's instances, and how to reach each
  exec ALIAS -- COMMAND ...            run a command on an instance
  logs ALIAS                           follow an application's log
  db ALIAS [NAME] [--exec PROGRAM]     a port here to a database of the application's, or its client
  listen [ALIAS ...]                   an SSH server here, for programs that know no ProxyCommand
  close [ALIAS]                        end the kept connections
  putty --print ALIAS                  the plink command line for an alias
  proxy ALIAS | SUFFIX                 the ProxyCommand of the entries; for PuTTY, too
  completion bash | zsh | fish         a script with which a shell completes all this

Options:
  --help, -h                           this; 'clever-ssh COMMAND --help' tells more
  --version                            the version
  COMMAND -v, ssh -v ALIAS             a line for each step, with its time

Your settings: clever-ssh.toml in ~/.config/clever-cloud, or in clever-cloud under %APPDATA% on Windows
`

// flagHelp is what urfave/cli says of a flag, its placeholder and its default included; that no flag is set needs no saying.
func flagHelp(f cli.Flag) string { return strings.TrimSuffix(defaultFlagHelp(f), " (default: false)") }

var defaultFlagHelp = cli.FlagStringer

// commandHelp is one command's own page: how it is called, what it does with examples, its flags.
const commandHelp = `Usage: clever-ssh {{.UsageText}}

{{.Description}}
{{if .VisibleFlags}}
Options:{{range .VisibleFlags}}
  {{.}}{{end}}
{{end}}`
