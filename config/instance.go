package config

import "strings"

// Selector begins the label of an instance alias (0.web.clever) and says which of the application's instances is
// meant: a number from 0 to 999, or one of the words below. It is empty in all other aliases.
type Selector string

// InWords says which instance is meant.
func (s Selector) InWords() string {
	switch s {
	case AnyInstance:
		return "any instance"
	case BuildVM:
		return "the build VM"
	case AllInstances:
		return "every instance"
	}
	return "instance " + string(s)
}

// The words that stand for instances.
const (
	AnyInstance  Selector = "any"   // one that is UP, if any
	BuildVM      Selector = "build" // the build VM
	AllInstances Selector = "all"   // each that is UP
)

// longestNumber is how many digits an instance number may have.
const longestNumber = 3

// IsSelector reports whether a text says which instance is meant.
func IsSelector(s string) bool {
	switch Selector(s) {
	case AnyInstance, BuildVM, AllInstances:
		return true
	}
	return madeOf(s, digits, longestNumber) && (s == "0" || s[0] != '0')
}

// cutSelector splits the selector off the beginning of a label.
func cutSelector(label string) (s Selector, rest string, ok bool) {
	first, rest, ok := strings.Cut(label, ".")
	if !ok || !IsSelector(first) {
		return "", label, false
	}
	return Selector(first), rest, true
}

// Hidden returns the instance that a registered name hides because the name looks like an instance alias: the name
// 0.api hides instance 0 of the application that api stands for.
func (g *Gateway) Hidden(n Name) (s Selector, application Target, ok bool) {
	s, rest, ok := cutSelector(string(n))
	if !ok || g.Names[n] == "" {
		return "", "", false
	}
	a, ok := g.lookUp(rest)
	return s, a.Target, ok && !a.Target.IsInstance()
}
