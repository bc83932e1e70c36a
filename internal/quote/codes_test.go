package quote

import (
	"strings"
	"testing"
)

// What a line editor prints between the characters that it shows is dropped, and nothing else.
func TestWithoutCodes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"bas@web ~ $ été 🐙\r\n\tls", "bas@web ~ $ été 🐙\r\n\tls"},
		{"\x1b[01;32mbas\x1b[m", "bas"},                // a colour
		{"ec\x1b[A\x1b[10Cho", "echo"},                 // the cursor moves
		{"\x1b[?2004hls\x1b[?2004l", "ls"},             // bracketed paste
		{"\x1b[ q\x1b[>4;1m", ""},                      // intermediate and private characters
		{"\x1b]0;bas@web\a$ ", "$ "},                   // a title ends with BEL
		{"\x1b]0;bas@web\x1b\\$ ", "$ "},               // or with ST
		{"\x1b]0;never ends", "0;never ends"},          // only ESC ] is a code
		{"\x1b]0;one\x1b]0;two\a", "0;one"},            // a title holds no ESC
		{"\x1b]0;two\r\nlines\a", ""},                  // but it may hold a line feed
		{"\x1b(B\x1b=\x1b7", ""},                       // a character set, the keypad, the cursor
		{"a\b\bb", "ab"},                               // backspaces
		{"\x1b", "\x1b"},                               // an escape that is cut off
		{"\x1b[31", "31"},                              // only ESC [ is a code
		{"\x1b\r[31m", "\x1b\r[31m"},                   // a carriage return breaks a code
		{"\x1b\x1b[31mred", "\x1bred"},                 // the first ESC begins nothing
		{"\x00\a\x7f\u009b31m", "\x00\a\x7f\u009b31m"}, // no line editor prints these
	} {
		if got := WithoutCodes(c.text); got != c.want {
			t.Errorf("WithoutCodes(%q) = %q, want %q", c.text, got, c.want)
		}
		var rest strings.Builder
		end := 0
		for _, code := range Codes(c.text) {
			rest.WriteString(c.text[end:code[0]])
			end = code[1]
		}
		if got := rest.String() + c.text[end:]; got != c.want {
			t.Errorf("between the codes of %q is %q, want %q", c.text, got, c.want)
		}
	}
}
