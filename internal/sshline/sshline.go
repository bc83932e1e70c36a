// Package sshline parses a line of ssh_config(5) as OpenSSH does, whether it comes from a file or from ssh's -o.
//
// It is the only reader of such lines. What clever-ssh says about a user's configuration, what it changes there, and
// what it finds on an ssh's command line all depend on reading a line the way ssh does.
package sshline

import "strings"

// blanks are the characters that separate words in OpenSSH (WHITESPACE in its misc.c).
const blanks = " \t\r\n"

// Line is a line that is neither empty nor a comment. Its parts are as hostile as the line was.
type Line struct {
	Keyword string // in lower case, as ssh compares it
	rest    string // the text after the keyword, without the blanks around it and the "=" before it
}

// Parse splits a line into its keyword and the rest; ok is false for an empty line or a comment. Between the two, and
// also before the keyword, there are blanks, one "=", or both. The keyword may be quoted, in whole or in part; with
// an odd number of quotes there is no keyword, and ssh skips the line.
func Parse(text string) (l Line, ok bool) {
	keyword, rest, ok := cut(strings.TrimRight(text, blanks+"\f")) // only at the end of a line is a form feed a blank
	if ok && keyword == "" {                                       // ssh met the blanks before the keyword
		keyword, rest, ok = cut(rest)
	}
	if !ok || keyword == "" || keyword[0] == '#' {
		return Line{}, false
	}
	return Line{Keyword: strings.ToLower(keyword), rest: strings.TrimLeft(rest, blanks)}, true
}

// cut cuts text after its first word. It is not ok if a quote in the word is not closed (strdelim in OpenSSH's
// misc.c). A quoted word ends with its quote, and a "=" after it is not skipped.
func cut(text string) (word, rest string, ok bool) {
	end := strings.IndexAny(text, blanks+`"=`)
	if end < 0 {
		return text, "", true
	}
	word, rest = text[:end], text[end+1:]
	if text[end] == '"' {
		quoted, after, closed := strings.Cut(rest, `"`)
		return word + quoted, strings.TrimLeft(after, blanks), closed
	}
	rest = strings.TrimLeft(rest, blanks)
	if text[end] != '=' && strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	return word, rest, true
}

// Arguments returns the words after the keyword, up to a comment, without their quotes and backslashes (argv_split in
// OpenSSH's misc.c). It is not ok if a quote is not closed: that stops ssh. OpenSSH before 8.7 only knows double
// quotes, not backslashes or comments after a word.
func (l Line) Arguments() (words []string, ok bool) {
	var word []byte // nil between words
	var quote byte
	for i := 0; i < len(l.rest); i++ {
		c := l.rest[i]
		blank := quote == 0 && (c == ' ' || c == '\t')
		if word == nil {
			if blank {
				continue
			}
			if c == '#' {
				break
			}
			word = []byte{}
		}
		switch {
		case blank:
			words, word = append(words, string(word)), nil
		case c == '\\' && escapes(l.rest[i+1:], quote):
			i++
			word = append(word, l.rest[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			word = append(word, c)
		}
	}
	if quote != 0 {
		return nil, false
	}
	if word != nil {
		words = append(words, string(word))
	}
	return words, true
}

// escapes reports whether a backslash before s stands for the next character.
func escapes(s string, quote byte) bool {
	return s != "" && (strings.IndexByte(`"'\`, s[0]) >= 0 || quote == 0 && s[0] == ' ')
}

// Argument returns the first word after the keyword. It is empty if ssh finds none.
func (l Line) Argument() string {
	if words, ok := l.Arguments(); ok && len(words) > 0 {
		return words[0]
	}
	return ""
}

// Command returns the value of a keyword that takes the rest of its line, such as RemoteCommand: quotes, backslashes
// and "#" are part of it.
func (l Line) Command() string { return strings.TrimLeft(l.rest, blanks+"=") }

// IsMatchAll reports whether a line is "Match all", which matches every host and which ssh does not report.
func (l Line) IsMatchAll() bool {
	words, _ := l.Arguments()
	return l.Keyword == "match" && len(words) == 1 && strings.EqualFold(words[0], "all")
}
