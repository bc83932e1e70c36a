package bridge

import (
	"reflect"
	"strings"
	"testing"
)

const (
	firstID  = "11281f38-31ff-43a7-8595-a2d82630c32b"
	secondID = "22281f38-31ff-43a7-8595-a2d82630c32b"
	thirdID  = "33281f38-31ff-43a7-8595-a2d82630c32b"
)

// A list is read in any form, as long as each line has a number in front and a UUID.
func TestReadList(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []Instance
	}{
		{"as it was seen", "1) Sleepy Ponita - Instance 0 - UP (" + firstID + ")\n2) Tense Caterpie - Instance 1 - STOPPING (" + secondID + ")\n", []Instance{
			{firstID, false, 0, "UP", false, "Sleepy Ponita", "Sleepy Ponita - Instance 0 - UP"},
			{secondID, false, 1, "STOPPING", false, "Tense Caterpie", "Tense Caterpie - Instance 1 - STOPPING"}}},
		{"CR LF, colours, indented, upper case", "\x1b[1m  1) \x1b[32mA - Instance 0 - UP\x1b[0m (" + strings.ToUpper(firstID) + ")\x1b[0m\r\n", []Instance{
			{firstID, false, 0, "UP", false, "A", "A - Instance 0 - UP"}}},
		{"a spinner before it", "⠋ Loading\r⠙ Loading\r\x1b[2K1) A - Instance 0 - UP (" + firstID + ")\n", []Instance{
			{firstID, false, 0, "UP", false, "A", "A - Instance 0 - UP"}}},
		{"drawn again", "1) A - Instance 0 - BOOTING (" + firstID + ")\n\x1b[1A\r1) A - Instance 0 - UP (" + firstID + ")\n", []Instance{
			{firstID, false, 0, "UP", false, "A", "A - Instance 0 - UP"}}},
		{"no number yet", "1) A - Instance ? - BOOTING (" + firstID + ")\n?) B - DEPLOYING (" + secondID + ")\n", []Instance{
			{firstID, false, NoNumber, "BOOTING", false, "A", "A - Instance ? - BOOTING"},
			{secondID, false, NoNumber, "DEPLOYING", false, "B", "B - DEPLOYING"}}},
		{"names", "1) Nidoran♀ - Instance 0 - UP (" + firstID + ")\n2) Farfetch'd - Instance 7 - UP - Instance 1 - UP (" + secondID + ")\n3) Mr. Mime (" + firstID + ") - Instance 2 - UP (" + thirdID + ")\n", []Instance{
			{firstID, false, 0, "UP", false, "Nidoran♀", "Nidoran♀ - Instance 0 - UP"},
			{secondID, false, 1, "UP", false, "Farfetch'd - Instance 7 - UP", "Farfetch'd - Instance 7 - UP - Instance 1 - UP"},
			{thirdID, false, 2, "UP", false, "Mr. Mime (" + firstID + ")", "Mr. Mime (" + firstID + ") - Instance 2 - UP"}}},
		{"an escape in a name", "1) A\x07B - Instance 0 - UP (" + firstID + ")\n", []Instance{
			{firstID, false, 0, "UP", false, `A\aB`, `A\aB - Instance 0 - UP`}}},
		{"two states, of which one is known", "1) A - UP - PAR (" + firstID + ")\n2) B - PAR - Instance 0 - UP (" + secondID + ")\n", []Instance{
			{firstID, false, NoNumber, "UP", false, "A", "A - UP - PAR"},
			{secondID, false, 0, "UP", false, "B - PAR", "B - PAR - Instance 0 - UP"}}},
		{"tabs", "1)\tA\tInstance 0\tUP\t" + firstID + "\n", []Instance{
			{firstID, false, 0, "UP", false, "A", "A Instance 0 UP"}}},
		{"a state that nobody knows", "1) A - Instance 0 - MELTING (" + firstID + ")\n", []Instance{
			{firstID, false, 0, "MELTING", false, "A", "A - Instance 0 - MELTING"}}},
		{"build VMs", "1) A - Build VM - UP (" + firstID + ")\n2) Build Abra - Instance 0 - BUILDING (" + secondID + ")\n3) Build Abra - Instance 0 - UP (" + thirdID + ")\n", []Instance{
			{firstID, false, NoNumber, "UP", true, "A", "A - Build VM - UP"},
			{secondID, false, 0, "BUILDING", true, "Build Abra", "Build Abra - Instance 0 - BUILDING"},
			{thirdID, false, 0, "UP", false, "Build Abra", "Build Abra - Instance 0 - UP"}}},
		{"another order", "1. " + firstID + " | A | Instance 0 | UP\n❯ 2: [" + secondID + "] B - UP - #3\n", []Instance{
			{firstID, false, 0, "UP", false, "A", "A | Instance 0 | UP"},
			{secondID, false, 3, "UP", false, "B", "B - UP - #3"}}},
		{"little is said", "1) A (" + firstID + ")\n", []Instance{{firstID, false, NoNumber, "", false, "A", "A"}}},
		{"nothing is said", "1) " + firstID + "\n", []Instance{{firstID, false, NoNumber, "", false, "", ""}}},
		{"the name is a state", "1) UP - Instance 1 (" + firstID + ")\n", []Instance{{firstID, false, 1, "", false, "UP", "UP - Instance 1"}}},
		{"applications", "1) web (app_" + firstID + ")\n2) api (orga_" + firstID + ")\n", nil},
		{"no number in front", "Opening " + firstID + "\n", nil},
		{"a line that is too long", "1) " + strings.Repeat("a", maxListLine) + " (" + firstID + ")\n", nil},
	} {
		if got := readList(row.text); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s:\n got %+q\nwant %+q", row.name, got, row.want)
		}
	}
}

// A question is recognised by its words, or by the silence after an unfinished line.
func TestQuestion(t *testing.T) {
	const list = "1) A - Instance 0 - UP (" + firstID + ")\n2) B - Instance 1 - UP (" + secondID + ")\n"
	for _, row := range []struct {
		name           string
		stdout, stderr string
		silent         bool
		found          int // instances; -1 for no question
	}{
		{"its words", list + "Your choice: ", "", false, 2},
		{"on stderr", "", list + "Your choice: ", false, 2},
		{"the words on stderr, just now", list, "Your choice: ", false, -1},
		{"the words on stderr", list, "Your choice: ", true, 2},
		{"the list on stderr is not whole", "Your choice: ", "1) A - Instance 0 - UP (" + firstID + ")\n", false, -1},
		{"the last line is not whole", list + "3) C - Instance 2 - UP (3328", "", true, -1},
		{"asked again", list + "Your choice: Not a number from 1 to 2.\nYour choice: ", "", false, 2},
		{"an echo after it, with a list in it", list + "Your choice: echo '\r\n3) C - Instance 2 - UP (" + thirdID + ")\r\n", "", false, 2},
		{"another prompt, just now", list + "Which? ", "", false, -1},
		{"another prompt", list + "Which? ", "", true, 2},
		{"another prompt on stderr", list, "Which? ", true, 2},
		{"a prompt in colours", list + "\x1b[1m?\x1b[0m \x1b[0K", "", true, 2},
		{"no prompt", list, "", true, -1},
		{"no prompt but a colour", list + "\x1b[0m", "", true, -1},
		{"something else is asked", "Which? ", "", true, -1},
		{"something else is asked in its words, just now", "Your choice: ", "", false, -1},
		{"something else is asked in its words", "Your choice: ", "", true, 0},
		{"its words in a greeting", "Your choice: to work here\n", "", true, -1},
	} {
		got := -1
		if q := question(row.stdout, row.stderr, row.silent); q != nil {
			got = len(q.Instances)
		}
		if got != row.found {
			t.Errorf("%s: %d instances", row.name, got)
		}
	}
}

func TestChoose(t *testing.T) {
	list := []Instance{
		{ID: "old0", Number: 0, State: "STOPPING"},
		{ID: "up1a", Number: 1, State: "UP"},
		{ID: "vm", Number: 0, State: "UP", Build: true},
		{ID: "boot", Number: NoNumber, State: "BOOTING"},
		{ID: "up2", Number: 2, State: "UP"},
		{ID: "up1b", Number: 1, State: "UP"},
		{ID: "odd3", Number: 3, State: "MELTING"},
	}
	for _, row := range []struct {
		selector Selector
		list     []Instance
		want     string
	}{
		{Unselected, list, "up1b up1a up2"},
		{All, list, "up1b up1a up2"},
		{Any, list, "up1b up1a up2 old0 odd3 boot vm"},
		{Build, list, "vm"},
		{"0", list, "old0"},
		{"1", list, "up1b up1a"},
		{"3", list, "odd3"},
		{"4", list, ""},
		{Unselected, list[:1], ""},
		{Any, list[2:3], "vm"},
		{Any, nil, ""},
	} {
		var got []string
		for _, i := range row.selector.Choose(row.list) {
			got = append(got, i.ID)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("%q: %q", row.selector, got)
		}
	}
}
