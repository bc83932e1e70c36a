package bridge

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"
)

// The gateway lists the instances of an application that has several, and asks for one of them:
//
//	1) Sleepy Ponita - Instance 0 - UP (11281f38-31ff-43a7-8595-a2d82630c32b)
//	2) Tense Caterpie - Instance 1 - STOPPING (22281f38-31ff-43a7-8595-a2d82630c32b)
//	Your choice:
//
// No document shows this list any more. So a line of it is recognised by the parts that it must have: a number
// in front, and a UUID. The rest is read as far as it can be, and shown in any case.

const (
	// maxInstances is more instances than any application has.
	maxInstances = 1000
	// maxListLine is how many bytes a line of the list may have.
	maxListLine = 1024
)

var (
	listNumber = pattern.New(`^[^\pL\pN]*(?:[0-9]{1,6}|\?)[\s).:\]|–—-]+`)
	// uuid does not match an application's id: the underscore in that belongs to the word.
	uuid        = pattern.New(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`)
	separator   = pattern.New(`\s+[–—·|-]\s+|\s*[|\t]\s*|,\s+`)
	stateField  = pattern.New(`^[A-Z][A-Z_]{1,39}$`)
	numberField = pattern.New(`(?i)^(?:instance)?[ #:]*([0-9]{1,6}|\?)$`)
	buildField  = pattern.New(`(?i)^build(?:er)?(?:[ _-]*(?:vm|instance|machine))?(?:[ #:]*[0-9]{1,6})?$`)
)

// maxFields is how many of a line's last fields may be something other than the name, which may hold anything.
const maxFields = 3

// readList returns the instances that a text lists. If it lists one twice, because a list was redrawn, the last
// line counts.
func readList(text string) []Instance {
	var list []Instance
	places := map[string]int{}
	for line := range shownLines(text) {
		i, ok := readInstance(line)
		at, again := places[i.ID]
		switch {
		case !ok:
		case again:
			list[at] = i
		case len(list) < maxInstances:
			places[i.ID] = len(list)
			list = append(list, i)
		}
	}
	return list
}

// shownLines returns the lines of a text as a terminal shows them one after another: a carriage return begins
// another line, and colours are dropped.
func shownLines(text string) iter.Seq[string] {
	return strings.SplitSeq(quote.WithoutCodes(strings.ReplaceAll(text, "\r", "\n")), "\n")
}

// readInstance reads a line of the list.
func readInstance(line string) (i Instance, ok bool) {
	if len(line) > maxListLine {
		return i, false
	}
	start := listNumber().FindStringIndex(line)
	ids := uuid().FindAllStringIndex(line, -1)
	if start == nil || len(ids) == 0 {
		return i, false
	}
	id := ids[len(ids)-1] // a name may contain another id
	if id[0] < start[1] {
		return i, false
	}
	before, after := line[start[1]:id[0]], line[id[1]:]
	i = Instance{ID: strings.ToLower(line[id[0]:id[1]]), Number: NoNumber}
	text := strings.TrimSpace(strings.TrimRight(before, " ([{<-–—:,|\t") + " " + strings.TrimLeft(after, " )]}>-–—:,|\t"))
	i.Text = printable(text)
	i.readFields(text)
	return i, true
}

// readFields reads the fields of an instance's line. Each field should come once; the last one counts.
func (i *Instance) readFields(text string) {
	gaps := separator().FindAllStringIndex(text, -1)
	end, name := len(text), len(text)
	for at := len(gaps) - 1; at >= max(0, len(gaps)-maxFields); at-- {
		field := strings.Trim(text[gaps[at][1]:end], " ()[]:,|-–—·")
		end = gaps[at][0]
		switch number := numberField().FindStringSubmatch(field); {
		case stateField().MatchString(field) && (i.State == "" || !slices.Contains(knownStates, i.State) && slices.Contains(knownStates, field)):
			i.State = field
		case number != nil && i.Number == NoNumber:
			if n, err := strconv.Atoi(number[1]); err == nil {
				i.Number = n
			}
		case buildField().MatchString(field):
			i.Build = true
		default:
			continue
		}
		name = end
	}
	i.Build = i.Build || i.State == stateBuilding
	i.Name = printable(text[:name])
}

// printable returns a text on one line without control characters.
func printable(text string) string {
	return quote.Line(strings.ReplaceAll(strings.TrimSpace(text), "\t", " "))
}

// knownStates are the states of clever-tools 5.1.
var knownStates = strings.Fields("BOOTING STARTING READY BUILDING DEPLOYING UP TASK_IN_PROGRESS MIGRATION_IN_PROGRESS STOPPING")

// understood reports whether a list says which of the instances are UP, or what state they are in instead.
func understood(list []Instance) bool {
	return slices.ContainsFunc(list, func(i Instance) bool { return i.State != "" })
}
