// clever-ssh is a ProxyCommand helper: it makes `ssh app_xyz.clever` reach an application's instance on Clever
// Cloud with plain OpenSSH or PuTTY, and checks the gateway's pinned host keys on the way.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

func main() { os.Exit(run(os.Args)) }

// Exit statuses.
const (
	exitFailed = 1
	exitUsage  = 2
)

// run carries out one command line and returns the exit status.
func run(args []string) int {
	app := newApp()
	if len(args) > 1 && slices.Contains([]string{"help", "--help", "-h"}, args[1]) { // as some type it
		args = slices.Concat(args[:1], args[2:], []string{"--help"})
	}
	err := app.Run(optionsFirst(args, app.Commands))
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) { // all has been said
		return int(status)
	}
	say(os.Stderr, err)
	if usage := new(usageError); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// optionsFirst moves a command's options before its other arguments, where the flag parser wants them: people write
// `setup web=app_... --suffix staging` as well. Nothing moves across a --.
func optionsFirst(args []string, commands []*cli.Command) []string {
	i := slices.IndexFunc(commands, func(c *cli.Command) bool { return len(args) > 1 && c.Name == args[1] })
	if i < 0 || commands[i].SkipFlagParsing {
		return args
	}
	withValue := map[string]bool{}
	for _, f := range commands[i].Flags {
		for _, name := range f.Names() {
			withValue[name] = takesValue(f)
		}
	}
	var options, rest []string
	for list := args[2:]; len(list) > 0; list = list[1:] {
		word := list[0]
		switch {
		case word == "--":
			return slices.Concat(args[:2], options, list[:1], rest, list[1:])
		case len(word) < 2 || word[0] != '-':
			rest = append(rest, word)
		case (word == "--help" || word == "-h") && len(commands[i].Subcommands) == 0: // whatever else was typed
			return slices.Concat(args[:2], []string{word})
		case withValue[strings.TrimLeft(word, "-")] && len(list) > 1:
			options = append(options, word, list[1])
			list = list[1:]
		case withValue[strings.TrimLeft(word, "-")]: // its value is missing, and none of the rest is to be taken for it
			return slices.Concat(args[:2], options, list)
		default:
			options = append(options, word)
		}
	}
	return slices.Concat(args[:2], options, rest)
}

// takesValue tells whether a word follows a flag.
func takesValue(f cli.Flag) bool {
	_, isBool := f.(*cli.BoolFlag)
	return !isBool
}

// exitStatus ends the program without another word.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

func newApp() *cli.App {
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "the version"}
	cli.FlagStringer = flagHelp
	onUsageError := func(c *cli.Context, err error, isSubcommand bool) error {
		return flagError(err, c.Command)
	}
	commands := []*cli.Command{setupCommand, listCommand, removeCommand, doctorCommand, execCommand, logsCommand, puttyCommand, proxyCommand,
		completionCommand, completeCommand, matchCommand, bridgeCommand}
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		c.CustomHelpTemplate = commandHelp
		for _, s := range c.Subcommands {
			s.OnUsageError = onUsageError
			s.HideHelpCommand = true
			s.CustomHelpTemplate = commandHelp
		}
	}
	return &cli.App{
		Name:                  "clever-ssh",
		Version:               version(),
		HideHelpCommand:       true,
		CustomAppHelpTemplate: help,
		OnUsageError:          onUsageError,
		Commands:              commands,
		ExitErrHandler:        func(*cli.Context, error) {}, // run prints, and nobody else
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return unknownCommand(c.Args().Slice(), c.App)
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// release is set by the build of a release: -ldflags "-X main.release=v1.2.3".
var release string

// version is the release, or what the Go toolchain knows of the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	v := cmp.Or(release, info.Main.Version)
	if revision := buildSetting("vcs.revision"); len(revision) >= 12 {
		v += ", commit " + revision[:12]
		if buildSetting("vcs.modified") == "true" {
			v += "-dirty"
		}
	}
	return v + ", " + info.GoVersion
}

// buildSetting is what the Go toolchain has written down of the build (runtime/debug, BuildSetting), empty where it has not.
func buildSetting(key string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}
