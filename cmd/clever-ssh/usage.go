package main

import "strings"

// flagError words an error of the flag parser's, which writes each option with one hyphen.
func flagError(err error, command string) error {
	text := err.Error()
	option := strings.TrimSuffix(text[strings.LastIndex(text, " -")+1:], ": parse error")
	if len(option) > 2 {
		option = "-" + option
	}
	switch {
	case strings.HasPrefix(text, "flag provided but not defined: "):
		text = "there is no option " + option
	case strings.HasPrefix(text, "flag needs an argument: "):
		text = option + " needs a value"
	case strings.HasPrefix(text, "invalid boolean value "):
		text = option + " takes no value"
	}
	if command == "clever-ssh" {
		return usagef("%s; see clever-ssh --help", text)
	}
	return usagef("%s; see clever-ssh %s --help", text, command)
}

// unknownCommand tells who mistyped a command from who wants to connect.
func unknownCommand(word string) error {
	err := usagef("there is no command %q; see clever-ssh --help", word)
	if s, loadErr := load(); loadErr == nil && s.config.GatewayOf(word) != nil {
		return hint(err, "to connect, type: ssh "+shellQuote(word))
	}
	return err
}
