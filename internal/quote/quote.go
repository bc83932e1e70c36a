// Package quote writes text so that its next reader, a terminal or a shell, treats it as text: nothing that comes from
// the network, a file or a command line is obeyed.
package quote

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text for a terminal, on one line: everything that does not print is escaped as in a Go string, line feeds,
// tabs and bytes that are not UTF-8 included.
func Line(text string) string { return escape(text, "") }

// Lines is Line for text of several lines: line feeds and tabs stay, and a carriage return before a line feed is left out.
func Lines(text string) string { return escape(strings.ReplaceAll(text, "\r\n", "\n"), "\n\t") }

// escape escapes what does not print, except for the characters to keep.
func escape(text, keep string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if valid := r != utf8.RuneError || size > 1; valid && (unicode.IsPrint(r) || strings.ContainsRune(keep, r)) {
			b.WriteString(text[:size])
		} else {
			quoted := fmt.Sprintf("%+q", text[:size])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return b.String()
}

// Short returns text in double quotes for an error, with at most limit of its characters and a sign that it was cut if it was.
func Short(text string, limit int) string {
	whole := fmt.Sprintf("%q", text)
	if short := fmt.Sprintf("%.*q", limit, text); short != whole {
		return short + "..."
	}
	return whole
}

// ASCII returns text in double quotes, in printable ASCII only and at most limit characters long between the quotes, for a
// message that another program shows. The end of its line is left out.
func ASCII(text []byte, limit int) string {
	line := strings.TrimRight(string(text), "\r\n")
	for end := min(len(line), limit); ; end-- {
		quoted := fmt.Sprintf("%+q", line[:end])
		switch {
		case len(quoted) > len(`""`)+limit:
		case end < len(line):
			return quoted + "..."
		default:
			return quoted
		}
	}
}

// POSIX returns an argument for a POSIX shell, in single quotes only where it needs them, so that a person can paste it.
func POSIX(arg string) string {
	if IsPlain(arg, "/._-+@:") {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// Windows returns an argument for cmd.exe so that a person can paste it, into PowerShell as well unless it holds a double
// quote. A program splits its command line by rules of its own, in which \" is a quote; cmd.exe knows nothing of that, so
// where there is one, each character that means something to cmd.exe gets a ^.
func Windows(arg string) string {
	if IsPlain(arg, `/._-+@:\~`) {
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

// Args returns arguments so that a person can paste them after a command. There, NAME=VALUE sets no variable and needs no quotes.
func Args(args []string) string {
	var quoted []string
	for _, arg := range args {
		if strings.HasPrefix(arg, "=") || !IsPlain(arg, "/._-+@:=") {
			arg = Arg(arg)
		}
		quoted = append(quoted, arg)
	}
	return strings.Join(quoted, " ")
}

// IsPlain reports whether an argument consists of letters, digits and the given punctuation alone, and is not empty.
func IsPlain(arg, punctuation string) bool {
	return arg != "" && !strings.ContainsFunc(arg, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(punctuation, r)
	})
}
