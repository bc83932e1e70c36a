// Package quote writes text so that its next reader, a terminal or a shell, treats it as text: nothing from the
// network, a file or a command line is obeyed.
package quote

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text for a terminal, on one line. Everything that does not print is escaped as in a Go string,
// including line feeds, tabs and bytes that are not UTF-8.
func Line(text string) string { return escape(text, "") }

// Lines is Line for text of several lines: it keeps line feeds and tabs, and drops a carriage return before a line
// feed.
func Lines(text string) string { return escape(strings.ReplaceAll(text, "\r\n", "\n"), "\n\t") }

// escape escapes what does not print, except for the characters in keep.
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

// Short returns text in double quotes for an error. It keeps at most limit characters, and marks the text if it cut
// it.
func Short(text string, limit int) string {
	whole := fmt.Sprintf("%q", text)
	if short := fmt.Sprintf("%.*q", limit, text); short != whole {
		return short + "..."
	}
	return whole
}

// ASCII returns text in double quotes for a message that another program shows: only printable ASCII, at most limit
// characters between the quotes, and without the line end.
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

// POSIX returns an argument for a POSIX shell, ready for a person to paste. It uses single quotes only where needed.
func POSIX(arg string) string {
	if IsPlain(arg, "/._-+@:") {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

// Windows returns an argument for cmd.exe, ready for a person to paste. It also works in PowerShell, unless it holds
// a double quote. A program splits its command line by its own rules, in which \" is a quote. cmd.exe does not know
// that, so if there is a double quote, each character that means something to cmd.exe gets a ^.
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

// Args returns arguments for a person to paste after a command. There, NAME=VALUE sets no variable and needs no
// quotes.
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

// IsPlain reports whether an argument is not empty and consists only of letters, digits and the given punctuation.
func IsPlain(arg, punctuation string) bool {
	return arg != "" && !strings.ContainsFunc(arg, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(punctuation, r)
	})
}
