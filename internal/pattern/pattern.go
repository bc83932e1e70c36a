// Package pattern delays the compiling of regular expressions: every connection starts this program, and most connections need
// none of them.
package pattern

import (
	"regexp"
	"sync"
)

// New returns a regular expression (package regexp's syntax) that is compiled when it is first asked for. It panics then if text
// is none.
func New(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
