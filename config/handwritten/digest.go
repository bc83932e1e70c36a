package handwritten

import (
	"bytes"
	"strings"
	"unicode"
)

// line is a line of ssh_config, or what became of it.
type line struct {
	number int
	text   string
}

// digest reduces a text to what the library reads as ssh does: the keywords that make an entry, in lower case, and the
// blocks that they belong to, if blocks are wanted. Of Include it returns the arguments alone.
//
// The library is shown no Include, since it would open the file by itself, be it a FIFO, looks for it in $HOME, and keeps
// its blocks to itself. Nor is it shown a Match: it fails on the whole file for most of them. "Match all" becomes
// "Host *"; all others depend on things that are only known once ssh connects, and become "Host !*", which is never met,
// so that their values are nobody's. Patterns are taken apart here, for the library knows neither quotes nor tabs there.
func digest(text []byte, blocks bool) (lines, includes []line) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		keyword, rest := cutKeyword(raw)
		if strings.EqualFold(keyword, "Include") {
			includes = append(includes, line{number, rest})
		}
		if !blocks {
			continue
		}
		switch keyword = strings.ToLower(keyword); keyword {
		case "match":
			pattern := "!*"
			if w := words(rest); len(w) == 1 && strings.EqualFold(w[0], "all") {
				pattern = "*"
			}
			lines = append(lines, line{number, "host " + pattern})
		case "host":
			lines = append(lines, line{number, "host " + hostPatterns(rest)})
		case "hostname", "port", "remotecommand":
			lines = append(lines, line{number, keyword + " " + rest})
		}
	}
	return lines, includes
}

// hostPatterns writes the patterns of a Host line as the library takes them apart. What no host can be called, and the
// library would misread, is left out.
func hostPatterns(arguments string) string {
	var list []string
	for _, word := range words(arguments) {
		if word != "" && !strings.ContainsFunc(word, func(r rune) bool {
			return r == '#' || r == '=' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
		}) {
			list = append(list, word)
		}
	}
	if list == nil {
		return "!*"
	}
	return strings.Join(list, " ")
}

// cutKeyword splits a line into its keyword and the rest, without the blanks and the one "=" that may stand between
// them. A comment is a keyword that nobody asks for.
func cutKeyword(raw []byte) (keyword, rest string) {
	text := strings.TrimRight(strings.TrimLeft(string(raw), " \t"), " \t\r\n\f")
	end := strings.IndexAny(text, " \t=")
	if end < 0 {
		return text, ""
	}
	rest = strings.TrimLeft(text[end:], " \t")
	return text[:end], strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
}

// words splits arguments as ssh does (argv_split in its misc.c). Where a quote is not closed, which ssh refuses, there
// are none.
func words(arguments string) []string {
	var list []string
	var word []byte // nil between words
	var quote byte
	for i := 0; i < len(arguments); i++ {
		c := arguments[i]
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
			list, word = append(list, string(word)), nil
		case c == '\\' && isEscape(arguments[i+1:], quote):
			i++
			word = append(word, arguments[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			word = append(word, c)
		}
	}
	if quote != 0 {
		return nil
	}
	if word != nil {
		list = append(list, string(word))
	}
	return list
}

// isEscape reports whether a backslash before s stands for the next character.
func isEscape(s string, quote byte) bool {
	return s != "" && (strings.IndexByte(`"'\`, s[0]) >= 0 || (quote == 0 && s[0] == ' '))
}
