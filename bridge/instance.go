package bridge

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Instance is an instance that the gateway lists for an application. All its texts are printable and on one
// line.
type Instance struct {
	ID     string // a UUID in lower case; empty if unknown
	Alone  bool   // the gateway lists nothing and leads to it by the application's id; everything else here is what the instance says of itself
	Number int    // counts from 0 within the application; NoNumber if it has none yet
	State  string // the gateway's word for it, such as "UP"; empty if it has none
	Build  bool   // it is a build VM, which builds the application but does not run it
	Name   string // what the gateway calls it
	Text   string // everything that the gateway says about it, without the id
}

// NoNumber is the number of an instance without one.
const NoNumber = -1

// IsUp reports whether the instance runs the application.
func (i Instance) IsUp() bool { return i.State == stateUp && !i.Build }

// The states are those of clever-tools 5.1. An instance in any other state is not UP, but may be entered.
const (
	stateUp       = "UP"
	stateBuilding = "BUILDING"
)

// String names the instance for a person: "instance 0 (5e4c1f3a)".
func (i Instance) String() string {
	name := "an instance"
	switch {
	case i.Build:
		name = "the build VM"
	case i.Number != NoNumber:
		name = "instance " + strconv.Itoa(i.Number)
	}
	if i.ID == "" {
		return name
	}
	return fmt.Sprintf("%s (%.8s)", name, i.ID)
}

// Brief names it in a word or two, among others of its application: "0 STOPPING".
func (i Instance) Brief() string {
	name := "?"
	switch {
	case i.Build:
		name = "build"
	case i.Number != NoNumber:
		name = strconv.Itoa(i.Number)
	}
	return strings.TrimSpace(name + " " + i.State)
}

// Selector says which of an application's instances is meant: a number in decimal, or one of the words below.
type Selector string

const (
	// Unselected leaves the choice to the bridge: the lowest number that is UP, and then that instance for as
	// long as it lives.
	Unselected Selector = ""
	// Any is an instance that is UP, or else one that is not, and a build VM last.
	Any Selector = "any"
	// Build is the build VM.
	Build Selector = "build"
	// All is every instance that is UP.
	All Selector = "all"
)

// number returns the number that is meant; ok is false if the selector is a word.
func (s Selector) number() (n int, ok bool) {
	n, err := strconv.Atoi(string(s))
	return n, err == nil && n >= 0
}

// fits reports whether the instance is meant, UP or not.
func (s Selector) fits(i Instance) bool {
	if n, ok := s.number(); ok {
		return i.Number == n && !i.Build
	}
	switch s {
	case Unselected, All:
		return i.IsUp()
	case Build:
		return i.Build
	}
	return true
}

// Choose returns the instances of a list that are meant, the best first: with All every one of them, otherwise
// only the first. It returns none if the list has no such instance.
//
// Instances that are UP come before others, build VMs come last, and then the lowest number comes first. If
// several have the same number, as in a deployment, the newest comes first. The list does not say which that
// is: we take the later one.
func (s Selector) Choose(list []Instance) []Instance {
	var fitting []Instance
	for _, i := range slices.Backward(list) {
		if s.fits(i) {
			fitting = append(fitting, i)
		}
	}
	slices.SortStableFunc(fitting, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(uint(a.Number), uint(b.Number))) // as uint, NoNumber comes last
	})
	return fitting
}

// mayBecome reports whether an instance that does not fit may do so in a moment: it is starting, or it makes
// way for another.
func (s Selector) mayBecome(i Instance) bool {
	if _, ok := s.number(); ok {
		return i.Number == NoNumber && !i.Build
	}
	return s != Build && !i.IsUp() && !i.Build
}

// rank is lower for an instance that a person would rather enter.
func (i Instance) rank() int {
	switch {
	case i.Build:
		return 2
	case i.IsUp():
		return 0
	}
	return 1
}
