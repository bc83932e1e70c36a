package main

import (
	"strings"
	"unicode"
)

// posixQuote writes an argument for a POSIX shell so that a person can paste it.
func posixQuote(arg string) string {
	if isPlain(arg, "/._-+@:") {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// cmdQuote writes an argument for cmd.exe so that a person can paste it, into PowerShell too as far as it holds no double quote.
// A program takes its command line apart by rules of its own, in which \" is a quote; cmd.exe knows nothing of that, so where
// there is one, each sign that means something to cmd.exe gets a ^.
func cmdQuote(arg string) string {
	if isPlain(arg, `/._-+@:\~`) {
		return arg
	}
	if !strings.Contains(arg, `"`) {
		return `"` + arg + `"`
	}
	var b strings.Builder
	for _, r := range `"` + strings.ReplaceAll(arg, `"`, `\"`) + `"` {
		if strings.ContainsRune(`()%!^"<>&|`, r) {
			b.WriteByte('^')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// isPlain reports whether an argument is made of letters, digits and these signs.
func isPlain(arg, signs string) bool {
	return arg != "" && !strings.ContainsFunc(arg, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(signs, r)
	})
}
