package survey

import (
	"fmt"
	"regexp"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/internal/pattern"
)

// The classes of lines that come before the shell.
const (
	emptyLine    = "empty"
	unknownLine  = "other"
	instanceLine = "instance"
)

var classes = []struct {
	name string
	line func() *regexp.Regexp
}{
	{"opening", pattern.New(`^Opening an ssh shell\.{0,3}$`)},
	{"no terminal", pattern.New(`^Pseudo-terminal will not be allocated because stdin is not a terminal\.$`)},
	{"host added", pattern.New(`^Warning: Permanently added .* to the list of known hosts\.$`)},
	{"last login", pattern.New(`^Last login: `)},
	{"question", pattern.New(`^Your choice:`)},
	{"refusal", pattern.New(`Failed to choose instance`)},
	{"closed", pattern.New(`^Connection to .* closed`)},
	{"no job control", pattern.New(`no job control in this shell|cannot set terminal process group`)},
	{"prompt", pattern.New(`^[a-z_][a-z0-9_-]*@\S+.*[$#%>]\s*$`)},
	{emptyLine, pattern.New(`^\s*$`)},
}

// classOf returns the class of a line.
func classOf(line string) string {
	for _, c := range classes {
		if c.line().MatchString(line) {
			return c.name
		}
	}
	if len(bridge.Listed(line)) > 0 {
		return instanceLine
	}
	return unknownLine
}

// sorted sorts the lines of a text into classes, and counts consecutive lines of the same class. all tells
// whether each class is known.
func sorted(text string) (words string, all bool) {
	var list []string
	all = true
	last, count := "", 0
	flush := func() {
		switch {
		case count > 1:
			list = append(list, fmt.Sprintf("%s x%d", last, count))
		case count == 1:
			list = append(list, last)
		}
	}
	for line := range strings.Lines(text) {
		class := classOf(strings.TrimRight(line, "\r\n"))
		if class == emptyLine {
			continue
		}
		all = all && class != unknownLine
		if class != last {
			flush()
			last, count = class, 0
		}
		count++
	}
	flush()
	if len(list) == 0 {
		return "nothing", true
	}
	return strings.Join(list, ", ") + lineEnds(text), all
}

// lineEnds says how the lines of a text end, unless all end with LF.
func lineEnds(text string) string {
	all, crlf := strings.Count(text, "\n"), strings.Count(text, "\r\n")
	switch {
	case crlf == 0:
		return ""
	case crlf == all:
		return " (CR LF)"
	}
	return " (some CR LF)"
}
