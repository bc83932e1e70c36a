package openssh

import (
	"iter"
	"slices"
	"strings"
)

// Option returns the value of a keyword in the output of ssh -G, or "".
func Option(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// Values returns all values of a keyword in the output of ssh -G, in one line.
func Values(options, keyword string) string {
	return strings.Join(slices.Collect(values(options, keyword)), ", ")
}

// values yields the values of a keyword in the output of ssh -G, in its order.
func values(options, keyword string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(options) {
			if value, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), keyword+" "); ok && !yield(value) {
				return
			}
		}
	}
}
