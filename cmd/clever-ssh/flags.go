package main

import (
	"os"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"

	"github.com/urfave/cli/v2"
)

// optionsFirst moves a command's options before its other arguments, where the flag parser wants them: people
// also write `setup web=app_... --suffix staging`. Nothing moves across a --.
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
		case withValue[strings.TrimLeft(word, "-")]: // its value is missing, and no other word is the value
			return slices.Concat(args[:2], options, list)
		default:
			options = append(options, word)
		}
	}
	return slices.Concat(args[:2], options, rest)
}

// flagOf returns a command's flag with a name, or nil.
func flagOf(c *cli.Command, name string) cli.Flag {
	i := slices.IndexFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil
	}
	return c.Flags[i]
}

// takesValue reports whether a flag takes the next word.
func takesValue(f cli.Flag) bool {
	switch f := f.(type) {
	case *cli.BoolFlag:
		return false
	case *cli.GenericFlag:
		_, optional := f.Value.(*yesOrNo)
		return !optional
	}
	return true
}

// yesOrNo is the value of a flag that alone means yes: --account, --account=no.
type yesOrNo string

func (v *yesOrNo) String() string { return string(*v) }
func (v *yesOrNo) Get() any       { return string(*v) }

// IsBoolFlag tells package flag that no word follows. The value is then "true".
func (v *yesOrNo) IsBoolFlag() bool { return true }

// Set takes any value: the command that reads it checks it.
func (v *yesOrNo) Set(s string) error {
	if s == "true" {
		s = "yes"
	}
	*v = yesOrNo(s)
	return nil
}

// verboseFlag is the same for all commands that do something. Commands that read their own options treat it the
// same way.
var verboseFlag = &cli.BoolFlag{
	Name: "verbose", Aliases: []string{"v"}, Usage: "show each step on stderr, with its time",
	Action: func(_ *cli.Context, wanted bool) error {
		if wanted {
			ui.Steps = os.Stderr
		}
		return nil
	},
}

// flagError words an error of the flag parser, which writes each option with one hyphen.
func flagError(err error, c *cli.Command) error {
	text := err.Error()
	option := strings.TrimSuffix(text[strings.LastIndex(text, " -")+1:], ": parse error")
	if len(option) > 2 {
		option = "-" + option
	}
	meant := ""
	switch {
	case strings.HasPrefix(text, "flag provided but not defined: "):
		text = "there is no option " + option
		meant = meantOption(strings.TrimLeft(option, "-"), c)
	case strings.HasPrefix(text, "flag needs an argument: "):
		text = option + " needs a value"
	case strings.HasPrefix(text, "invalid boolean value "):
		text = option + " takes no value"
	case strings.HasPrefix(text, "invalid value "):
		text = option + " must be a number"
	}
	command := "clever-ssh"
	if c.Name != command {
		command += " " + c.Name
	}
	err = ui.Usagef("%s; see %s --help", text, command)
	if meant != "" {
		err = ui.Hint(err, "did you mean --"+meant+"?")
	}
	return err
}

func helpWanted(args []string) bool {
	return len(args) > 0 && (args[0] == "--help" || args[0] == "-h")
}

// withoutVerbose removes -v before the alias. Whatever follows the alias belongs to the command.
func withoutVerbose(args []string) []string {
	if len(args) > 0 && (args[0] == "-v" || args[0] == "--verbose") {
		ui.Steps = os.Stderr
		return args[1:]
	}
	return args
}
