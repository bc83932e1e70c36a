// Package pattern delays compiling regular expressions: every connection starts this program, and most connections
// need none of them.
package pattern

import (
	"regexp"
	"sync"
)

// New returns a regular expression (in package regexp's syntax) that is compiled on first use. That use panics if
// text is not a valid expression.
func New(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
