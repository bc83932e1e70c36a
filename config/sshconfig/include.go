package sshconfig

import (
	"bytes"
	"errors"
	"slices"
	"strings"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// AddInclude returns a user's ssh_config with the Include line of l as its first directive. It inserts that one line,
// ended as the file's first line is, before everything else, and touches no other byte. A file whose first
// directive includes the entries already is returned as it is. ssh takes the first value that it obtains for each
// keyword, so nothing may come before.
func AddInclude(text []byte, l Layout) ([]byte, error) {
	if bytes.HasPrefix(text, byteOrderMark) {
		return nil, errors.New("it begins with a byte order mark, which ssh itself refuses: save the file without one")
	}
	if start, _ := findInclude(text, l); start >= 0 {
		return text, nil
	}
	line := l.IncludeLine() + "\n"
	if first, _, ok := bytes.Cut(text, []byte("\n")); ok && bytes.HasSuffix(first, []byte("\r")) {
		line = l.IncludeLine() + "\r\n"
	}
	return slices.Concat([]byte(line), text), nil
}

// RemoveInclude undoes AddInclude: it takes out the line of the first directive if that is exactly the line that
// AddInclude writes, and touches no other byte.
func RemoveInclude(text []byte, l Layout) []byte {
	start, end := findInclude(text, l)
	if start < 0 || strings.TrimRight(string(text[start:end]), "\r\n") != l.IncludeLine() {
		return text
	}
	return slices.Concat(text[:start], text[end:])
}

// findInclude returns where the line of the first directive begins and ends if it includes the entries, and -1
// otherwise.
func findInclude(text []byte, l Layout) (start, end int) {
	for line := range bytes.Lines(text) {
		end = start + len(line)
		words := splitDirective(string(line))
		if len(words) == 0 {
			start = end
			continue
		}
		if strings.EqualFold(words[0], "Include") && len(words) > 1 && l.isEntries(words[1]) {
			return start, end
		}
		break
	}
	return -1, -1
}

// isEntries reports whether an argument of Include names the file of the entries.
func (l Layout) isEntries(path string) bool {
	return path == l.include("config") || path == l.ConfigFile() || (l.Standard && path == "~/.ssh/clever/config")
}

// splitDirective splits a line of ssh_config(5) into keyword and arguments; none for an empty line or a comment. It
// knows enough of quoting to recognise an Include.
func splitDirective(line string) []string {
	line = strings.Trim(line, " \t\r\n\f")
	if line == "" || line[0] == '#' {
		return nil
	}
	end := strings.IndexAny(line, " \t=")
	if end < 0 {
		return []string{line}
	}
	words := []string{line[:end]}
	rest := strings.TrimLeft(line[end:], " \t")
	rest = strings.TrimPrefix(rest, "=")
	for {
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" || rest[0] == '#' {
			return words
		}
		var word string
		if rest[0] == '"' {
			var closed bool
			word, rest, closed = strings.Cut(rest[1:], `"`)
			if !closed || strings.IndexAny(rest+" ", " \t") != 0 { // ssh reads another word here, or none
				return words
			}
		} else if end := strings.IndexAny(rest, " \t"); end >= 0 {
			word, rest = rest[:end], rest[end:]
		} else {
			word, rest = rest, ""
		}
		words = append(words, word)
	}
}
