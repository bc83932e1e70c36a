package main

import (
	"fmt"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/database"
	"clever-ssh/config"

	"github.com/urfave/cli/v2"
)

// complete answers the completion scripts. A person has pressed TAB in the middle of a line, so it prints no
// errors and changes nothing. Shells take the answers apart, but find nothing in them to run: they are our own
// words, or names and suffixes, which config accepts only if they mean nothing to a shell.
var completeCommand = &cli.Command{
	Name:      "complete",
	Hidden:    true,
	UsageText: "complete zsh | fish WORD ...\n       clever-ssh complete bash WORDBREAKS LINE",
	Description: `    clever-ssh complete fish clever-ssh remove w

The scripts that 'clever-ssh completion' prints call this. It lists what can
take the place of the last word, one per line, followed by its meaning where
the shell shows that, or :files where the shell should complete a file name.`,
	SkipFlagParsing: true,
	Action: func(c *cli.Context) error {
		args := c.Args().Slice()
		if helpWanted(args) {
			return cli.ShowSubcommandHelp(c)
		}
		if len(args) < 2 {
			return nil
		}
		words, breaks := args[1:], ""
		if args[0] == "bash" {
			if len(args) != 3 {
				return nil
			}
			words, breaks = wordsOf(args[2]), args[1]
		}
		for _, f := range fitting(c.App, words) {
			word := f.word
			switch {
			case args[0] == "bash" && f != anyFile: // bash replaces only the part after the last break
				word = word[1+strings.LastIndexAny(words[len(words)-1], breaks):]
			case args[0] == "zsh" && f.meaning != "":
				word += ":" + f.meaning
			case args[0] == "fish" && f.meaning != "":
				word += "\t" + f.meaning
			}
			fmt.Println(word)
		}
		return nil
	},
}

// wordsOf splits a command line as a shell does, well enough to tell which word the cursor at its end is in.
func wordsOf(line string) []string {
	var words []string
	var word strings.Builder
	var quote byte
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && (c == ' ' || c == '\t'):
			if word.Len() > 0 {
				words = append(words, word.String())
				word.Reset()
			}
		default:
			word.WriteByte(c)
		}
	}
	return append(words, word.String())
}

// fit is a word that fits at the cursor, and its meaning.
type fit struct{ word, meaning string }

// anyFile tells the shell to complete the name of a file.
var anyFile = fit{word: ":files"}

// fitting lists the words that fit in place of the last word; the first word is the program.
func fitting(app *cli.App, words []string) []fit {
	if len(words) < 2 {
		return nil
	}
	last := words[len(words)-1]
	if len(words) == 2 {
		var list []fit
		for _, c := range app.VisibleCommands() {
			list = append(list, fit{c.Name, c.Usage})
		}
		return beginningWith(last, append(list, fit{"--help", "show the commands"}, fit{"--version", "print the version"}))
	}
	c := app.Command(words[1])
	if c == nil {
		return nil
	}
	var arguments []string
	options := map[string]string{} // by the first name of each option
	onlyArguments := false
	stops := c.SkipFlagParsing && c != dbCommand // the command parses its own words from its first argument on
	for rest := words[2 : len(words)-1]; len(rest) > 0; rest = rest[1:] {
		word := rest[0]
		name, value, joined := strings.Cut(strings.TrimLeft(word, "-"), "=")
		f := flagOf(c, name)
		switch {
		case onlyArguments || len(word) < 2 || word[0] != '-':
			arguments = append(arguments, word)
			onlyArguments = onlyArguments || stops // the rest belongs to the command
		case word == "--":
			onlyArguments = true
		case f == nil:
		case c == dbCommand && f.Names()[0] == "exec" && (joined || len(rest) > 1): // the rest belongs to the program
			return []fit{anyFile}
		case joined:
			options[f.Names()[0]] = value
		case takesValue(f) && len(rest) == 1:
			return flagValues(f, last)
		case takesValue(f):
			options[f.Names()[0]] = rest[1]
			rest = rest[1:]
		}
	}
	if !onlyArguments && strings.HasPrefix(last, "-") {
		name, value, joined := strings.Cut(last, "=")
		if f := flagOf(c, strings.TrimLeft(name, "-")); joined && f != nil {
			list := flagValues(f, value)
			for i := range list {
				if list[i] != anyFile {
					list[i].word = name + "=" + list[i].word
				}
			}
			return list
		}
		return beginningWith(last, optionsOf(c))
	}
	return beginningWith(last, argumentsOf(c, options, arguments, last))
}

// argumentsOf lists what a command may take after the arguments already there. begun is the beginning of the
// next one.
func argumentsOf(c *cli.Command, options map[string]string, before []string, begun string) []fit {
	if c.Name == "exec" && len(before) > 0 {
		return []fit{anyFile}
	}
	if c.Name != "remove" && c.Name != "listen" && len(before) > 0 {
		return nil
	}
	var list []fit
	switch c.Name {
	case "completion":
		for _, shell := range completionShells {
			list = append(list, fit{word: shell})
		}
	case "remove":
		suffix := config.DefaultSuffix
		if s, ok := options["suffix"]; ok {
			suffix = s
		}
		c := configured()
		for _, g := range c.Gateways {
			for _, n := range g.SortedNames() {
				if _, fromAccount := c.FromAccount(g, n); !fromAccount && g.Suffix == suffix && !slices.Contains(before, string(n)) {
					list = append(list, fit{string(n), string(g.Names[n])})
				}
			}
		}
	case "exec", "logs", "close", "db": // no commands run in the menu
		list = onInstances(begun, aliases(false, false))
	case "listen":
		list = slices.DeleteFunc(onInstances(begun, aliases(false, false)), func(f fit) bool { return slices.Contains(before, f.word) })
	case "instances":
		list = aliases(false, false)
	case "proxy":
		list = aliases(true, false)
	case "putty", "doctor":
		list = onInstances(begun, aliases(true, true))
	}
	return list
}

// onInstances adds the aliases with a selector in front, once a selector has been typed.
func onInstances(begun string, list []fit) []fit {
	selector, _, ok := strings.Cut(begun, ".")
	if !ok || !config.IsSelector(selector) {
		return list
	}
	for _, f := range list {
		if strings.Contains(f.word, ".") && !config.Target(f.meaning).IsInstance() { // a menu has no instances
			list = append(list, fit{selector + "." + f.word, f.meaning})
		}
	}
	return list
}

// aliases lists the registered aliases, with or without the menus and the run aliases.
func aliases(menus, run bool) (list []fit) {
	for _, g := range configured().Gateways {
		if menus {
			list = append(list, fit{g.Suffix, "the gateway's menu"})
		}
		for _, n := range g.SortedNames() {
			list = append(list, fit{string(n) + "." + g.Suffix, string(g.Names[n])})
			if run {
				list = append(list, fit{string(n) + ".run." + g.Suffix, string(g.Names[n]) + ", always through the bridge"})
			}
		}
	}
	return list
}

// configured returns the current settings, without gateways if they cannot be read.
func configured() *config.Config {
	path, err := config.Path()
	if err != nil {
		return &config.Config{}
	}
	_, c, err := config.Load(path)
	if err != nil {
		return &config.Config{}
	}
	return c
}

// optionsOf lists a command's options.
func optionsOf(c *cli.Command) []fit {
	var list []fit
	for _, f := range c.VisibleFlags() {
		name := "--" + f.Names()[0]
		if name != "--help" { // urfave/cli adds it to the commands that it parses
			list = append(list, fit{name, meaning(f)})
		}
	}
	return append(list, fit{"--help", "what it does, with examples"})
}

// flagValues lists the values of a flag that begin with begun. A flag with few values names them in its
// placeholder.
func flagValues(f cli.Flag, begun string) []fit {
	usage := ""
	switch f := f.(type) {
	case *cli.StringFlag:
		if f.TakesFile {
			return []fit{anyFile}
		}
		usage = f.Usage
	case *cli.GenericFlag:
		usage = f.Usage
	}
	var list []fit
	if f.Names()[0] == "exec" {
		for _, program := range database.Clients() {
			list = append(list, fit{word: program})
		}
	}
	if f.Names()[0] == "suffix" {
		for _, g := range configured().Gateways {
			list = append(list, fit{g.Suffix, g.Address.String()})
		}
	}
	if _, rest, ok := strings.Cut(usage, "`"); ok {
		placeholder, _, _ := strings.Cut(rest, "`")
		if values := strings.Split(placeholder, "|"); len(values) > 1 {
			for _, v := range values {
				list = append(list, fit{word: v})
			}
		}
	}
	return beginningWith(begun, list)
}

// beginningWith keeps the words that begin like the word at the cursor.
func beginningWith(begun string, list []fit) []fit {
	return slices.DeleteFunc(list, func(f fit) bool { return f != anyFile && !strings.HasPrefix(f.word, begun) })
}
