package quote

import (
	"strings"
	"testing"
	"unicode"
)

// What a terminal might obey is escaped, and nothing else.
func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"bas@web ~ $ été 🐙":            "bas@web ~ $ été 🐙",
		"\x1b]0;owned\a":               `\x1b]0;owned\a`,
		"a\u202eb\u200bc":              `a\u202eb\u200bc`,
		"\xff\xc3":                     `\xff\xc3`,
		"one\r\ntwo\n\tthree\rfour":    "one\ntwo\n\tthree\\rfour",
		"\u0085\u009b31m, \x7f and \\": `\u0085\u009b31m, \x7f and \`,
	} {
		if got := Lines(text); got != want {
			t.Errorf("Lines(%q) = %q, want %q", text, got, want)
		}
	}
	if got, want := Line("one\r\n\ttwo"), `one\r\n\ttwo`; got != want {
		t.Errorf("Line gives %q, want %q", got, want)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("\x1b[2J\u202e\xff\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []string{Line(text), strings.NewReplacer("\n", "", "\t", "").Replace(Lines(text)), Short(text, 60), ASCII([]byte(text), 200)} {
			if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q comes out as %q", text, got)
			}
		}
	})
}
