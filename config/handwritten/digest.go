package handwritten

import (
	"bytes"
	"strings"
	"unicode"

	"clever-ssh/internal/sshline"
)

// line is what became of a line of ssh_config.
type line struct {
	number int
	text   string
}

// include is an Include line.
type include struct {
	number   int
	patterns []string
}

// digest reduces a text to what the library reads as ssh does: the keywords that make an entry, in lower case, and the
// blocks that they belong to, if blocks are wanted. Of Include it returns the arguments alone.
//
// The library is shown no Include, since it would open the file itself, be it a FIFO, looks for it in $HOME, and keeps
// its blocks to itself. Nor is it shown a Match: it fails on the whole file for most of them. "Match all" becomes
// "Host *"; all others depend on things that are only known once ssh connects, and become "Host !*", which is never met,
// so that their values are nobody's. Patterns are taken apart here, for the library knows neither quotes nor tabs there.
func digest(text []byte, blocks bool) (lines []line, includes []include) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		directive, ok := sshline.Parse(string(raw))
		if !ok {
			continue
		}
		arguments, _ := directive.Arguments() // none where a quote is open, which ssh refuses
		if directive.Keyword == "include" {
			includes = append(includes, include{number, arguments})
		}
		if !blocks {
			continue
		}
		switch directive.Keyword {
		case "match":
			pattern := "!*"
			if directive.IsMatchAll() {
				pattern = "*"
			}
			lines = append(lines, line{number, "host " + pattern})
		case "host":
			lines = append(lines, line{number, "host " + hostPatterns(arguments)})
		case "hostname", "port":
			value := directive.Argument()
			if !isPlain(value) {
				value = "-" // no gateway's; ssh has its value for good, all the same
			}
			lines = append(lines, line{number, directive.Keyword + " " + value})
		case "remotecommand":
			lines = append(lines, line{number, directive.Keyword + " " + directive.Command()})
		}
	}
	return lines, includes
}

// hostPatterns writes the patterns of a Host line as the library takes them apart. What no host can be called, and the
// library would misread, is left out.
func hostPatterns(arguments []string) string {
	var list []string
	for _, word := range arguments {
		if isPlain(word) {
			list = append(list, word)
		}
	}
	if list == nil {
		return "!*"
	}
	return strings.Join(list, " ")
}

// isPlain reports whether the library reads a word as ssh does, which no host's name or pattern needs more for.
func isPlain(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r == '#' || r == '=' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}
