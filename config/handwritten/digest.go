package handwritten

import (
	"bytes"
	"strings"
	"unicode"

	"clever-ssh/internal/sshline"
)

// line is what digest made of a line of ssh_config.
type line struct {
	number int
	text   string
}

// include is an Include line.
type include struct {
	number   int
	patterns []string
}

// digest reduces a text to what the library reads as ssh does: the keywords that make an entry, in lower case, and
// the blocks that they belong to, if blocks are wanted. For Include it returns only the arguments.
//
// The library never sees an Include: it would open the file itself, even a FIFO, look for it in $HOME, and keep its
// blocks to itself. Nor does it see a Match: for most of them it fails on the whole file. "Match all" becomes "Host
// *". All others depend on things that are only known once ssh connects, and become "Host !*", which never matches,
// so their values apply to nobody. The patterns are split here, because the library knows neither quotes nor tabs
// there.
func digest(text []byte, blocks bool) (lines []line, includes []include) {
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		directive, ok := sshline.Parse(string(raw))
		if !ok {
			continue
		}
		arguments, _ := directive.Arguments() // none if a quote is open, which ssh refuses
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
				value = "-" // not a gateway's, but ssh keeps this value all the same
			}
			lines = append(lines, line{number, directive.Keyword + " " + value})
		case "remotecommand":
			lines = append(lines, line{number, directive.Keyword + " " + directive.Command()})
		}
	}
	return lines, includes
}

// hostPatterns writes the patterns of a Host line the way the library splits them. It leaves out words that no host
// can be called and that the library would misread.
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

// isPlain reports whether the library reads a word as ssh does. No host name or pattern needs more than that.
func isPlain(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r == '#' || r == '=' || r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}
