package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

// The scripts are small: they pass the words to the hidden command complete, which decides for all shells.
var (
	//go:embed completion/clever-ssh.bash
	bashCompletion string
	//go:embed completion/_clever-ssh
	zshCompletion string
	//go:embed completion/clever-ssh.fish
	fishCompletion string
)

// completions are the scripts by the names of their shells.
var completions = map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}

var completionShells = []string{"bash", "zsh", "fish"}

var completionCommand = &cli.Command{
	Name:      "completion",
	Usage:     "print a script for TAB completion",
	UsageText: "completion bash | zsh | fish",
	Description: `    eval "$(clever-ssh completion bash)"          in ~/.bashrc
    source <(clever-ssh completion zsh)           in ~/.zshrc, after compinit
    clever-ssh completion fish | source           in ~/.config/fish/config.fish

Prints a script that makes TAB complete commands, options, names and aliases.
It looks names up each time you press TAB. Its first lines say how to load it
for good.`,
	Action: func(c *cli.Context) error {
		script, ok := completions[c.Args().First()]
		if !ok && c.NArg() == 1 {
			return ui.Usagef("there is no completion for %q, only for %s", c.Args().First(), strings.Join(completionShells, ", "))
		}
		if !ok || c.NArg() != 1 {
			return ui.Usagef("completion takes the name of a shell: %s", strings.Join(completionShells, ", "))
		}
		fmt.Fprint(os.Stdout, script)
		return nil
	},
}
