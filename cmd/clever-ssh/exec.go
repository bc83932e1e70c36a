package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"

	"github.com/urfave/cli/v2"
)

var execCommand = &cli.Command{
	Name:      "exec",
	Usage:     "run a command on an instance",
	UsageText: "exec [-v] [--all] ALIAS [--] COMMAND ...",
	Description: `    clever-ssh exec app_1a2b3c4d-....clever -- ls -l
    clever-ssh exec app_1a2b3c4d-....clever -- sh -c 'cd /; ls -l'
    clever-ssh exec app_1a2b3c4d-....clever 'cd /; ls -l | sort'
    clever-ssh exec --all web.clever -- ls -l

Runs a command on an instance, as 'ssh ALIAS COMMAND' does, even where setup has
never been run. Standard input, output, error and the exit status are the
command's; the status is 255 if the command could not be run.

After --, each word is one argument of the command. A single word is text for
the shell there. Without --, the words are joined with spaces into such a text,
as ssh joins them.

With --all, or with all.web.clever, the command runs on every instance that is
UP, at once. Each line of output begins with the number of its instance, all
instances get the same input, and the exit status is the worst of all.`,
	Flags:           []cli.Flag{verboseFlag, &cli.BoolFlag{Name: "all", Usage: "run it on every instance that is UP"}},
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		args := withoutVerbose(c.Args().Slice())
		all := len(args) > 0 && args[0] == "--all"
		if all {
			args = withoutVerbose(args[1:])
		}
		if helpWanted(args) {
			return cli.ShowSubcommandHelp(c)
		}
		if len(args) == 0 || strings.HasPrefix(args[0], "-") {
			return ui.Usagef("exec takes an alias and a command: clever-ssh exec web.clever -- ls")
		}
		if len(args) > 1 && (args[1] == "--all" || args[1] == "-v" || args[1] == "--verbose") {
			args[0], args[1] = args[1], args[0]
			return ui.Hint(ui.Usagef("%s must come before the alias", args[0]), "type: clever-ssh exec "+quote.Args(args))
		}
		command := commandOf(args[1:])
		if command == "" {
			return ui.Usagef("exec takes an alias and a command: clever-ssh exec %s -- ls", quote.Arg(args[0]))
		}
		return withStatus(execute(args[0], all, command, os.Stdin))
	},
}

// commandOf returns the command line for the instance's shell, from the words after the alias. People who type
// -- know it from docker and kubectl, which keep the words apart. People who do not know ssh, which joins them.
// Any later -- belongs to the command, as in all of those programs.
func commandOf(words []string) string {
	if len(words) == 0 || words[0] != "--" {
		return strings.Join(words, " ")
	}
	words = words[1:]
	if len(words) == 1 {
		return words[0]
	}
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, quote.POSIX(word))
	}
	return strings.Join(quoted, " ")
}

// execute runs a command on the instance of an alias, or on all of them.
func execute(alias string, all bool, command string, stdin io.Reader) error {
	ignoreSignals()
	s, a, err := resolve(alias)
	if err != nil {
		return err
	}
	if all {
		if a.Target.IsInstance() || a.Instance != "" && a.Instance != config.AllInstances {
			hint := "leave out --all, or name its application; clever-ssh list shows your names"
			if a.Instance != "" {
				hint = "for all of them: clever-ssh exec --all " + a.Base + " -- COMMAND"
			}
			return ui.Hint(fmt.Errorf("%s is a single instance, and --all means every instance", a.Plain()), hint)
		}
		a.Instance = config.AllInstances
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	o, _, done, err := reach(ctx, s, a)
	if err != nil {
		return err
	}
	defer done()
	ui.Step("ssh starts the command")
	status, err := bridge.Run(ctx, o, command, stdin, os.Stdout, os.Stderr)
	if part := new(bridge.PartError); errors.As(err, &part) {
		io.WriteString(os.Stderr, o.Message(err))
	} else if err != nil {
		return failed(ctx, o, err)
	}
	ui.Step("the command ended with status %d", status)
	if status != 0 {
		return ui.ExitStatus(status)
	}
	return nil
}
