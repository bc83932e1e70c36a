package survey

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"golang.org/x/term"
)

// page prints the results of the probes: for a person each line when it comes, for programs all of it at the
// end.
type page struct {
	out     io.Writer
	options Options
	about   []string
	title   string // the title of the current group
	lines   []line
	took    time.Duration
}

// line is one probe on the page. Programs depend on its JSON: fields may be added, but never renamed.
type line struct {
	Group    string   `json:"group"`
	Name     string   `json:"name"`
	Status   verdict  `json:"status"`
	Expected string   `json:"expected,omitempty"` // empty if nobody knows
	Seen     string   `json:"seen"`
	Details  []string `json:"details,omitempty"`
	Depends  string   `json:"depends,omitempty"`
	Shown    []string `json:"shown,omitempty"` // the other side's text
}

// pageWidth is the greatest width of the page; the columns begin at these places.
const (
	pageWidth      = 79
	nameColumn     = 4
	expectedColumn = 25
	seenColumn     = 47
)

// The limits of the other side's text for each probe: lines, and bytes of each line.
const mostShown, longestShown = 60, 1000

func newPage(out io.Writer, o Options, about []string) *page {
	p := &page{out: out, options: o, about: about, lines: []line{}}
	if !o.JSON {
		for _, text := range about {
			p.print(text)
		}
		p.print("")
		p.row("", "ASKED", "EXPECTED", "SEEN")
	}
	return p
}

// group begins a group of lines.
func (p *page) group(title string) {
	p.title = title
	if !p.options.JSON {
		p.print("")
		p.print(title)
	}
}

// progress tells a person at a terminal what comes next.
func (p *page) progress(what string) {
	if isTerminal(os.Stderr) && !isTerminal(os.Stdout) {
		ui.Note(os.Stderr, "%s ...", what)
	}
}

// marks begin the lines.
var marks = map[verdict]string{asExpected: "ok", surprising: "!!", learned: "**", notAsked: "--"}

// add adds the result of a probe.
func (p *page) add(of *probe, s seen) {
	l := line{Group: p.title, Name: of.name, Status: s.verdict, Expected: of.expects, Seen: s.text, Details: s.details}
	if s.verdict == surprising {
		l.Depends = of.depends
	}
	if p.options.Show {
		for _, text := range s.raw {
			for part := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
				if len(l.Shown) == mostShown {
					break
				}
				part = strings.TrimSuffix(part, "\n")
				l.Shown = append(l.Shown, quote.Line(part[:min(len(part), longestShown)]))
			}
		}
	}
	p.lines = append(p.lines, l)
	if p.options.JSON {
		return
	}
	wanted := of.expects
	if wanted == "" {
		wanted = "(nobody knows)"
	}
	p.row(marks[s.verdict], l.Name, wanted, l.Seen)
	for _, text := range l.Details {
		p.indented("", text)
	}
	if l.Depends != "" {
		p.indented("depends on it: ", l.Depends)
	}
	for _, text := range l.Shown {
		p.print(strings.Repeat(" ", nameColumn) + "| " + text)
	}
}

// row prints a line with its columns. A column that is too long continues below itself.
func (p *page) row(mark, name, expected, seen string) {
	columns := [][]string{
		wrap(name, expectedColumn-nameColumn-1),
		wrap(expected, seenColumn-expectedColumn-1),
		wrap(seen, pageWidth-seenColumn),
	}
	for i := range max(len(columns[0]), len(columns[1]), len(columns[2])) {
		var cells [3]string
		for c := range columns {
			if i < len(columns[c]) {
				cells[c] = columns[c][i]
			}
		}
		p.print(fmt.Sprintf("%-*s%-*s%-*s%s", nameColumn, mark, expectedColumn-nameColumn, cells[0], seenColumn-expectedColumn, cells[1], cells[2]))
		mark = ""
	}
}

// indented prints a text below the names.
func (p *page) indented(lead, text string) {
	margin := strings.Repeat(" ", nameColumn+2)
	for i, part := range wrap(text, pageWidth-len(margin)-len(lead)) {
		if i > 0 {
			lead = strings.Repeat(" ", len(lead))
		}
		p.print(margin + lead + part)
	}
}

func (p *page) print(text string) { fmt.Fprintln(p.out, strings.TrimRight(text, " ")) }

// wrap breaks a text into lines of a width. A longer word gets a line of its own.
func wrap(text string, width int) (lines []string) {
	for word := range strings.FieldsSeq(text) {
		if n := len(lines) - 1; n >= 0 && len(lines[n])+1+len(word) <= width {
			lines[n] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// count returns how many lines have a verdict.
func (p *page) count(v verdict) (n int) {
	for _, l := range p.lines {
		if l.Status == v {
			n++
		}
	}
	return n
}

// end finishes the page. The error is the program's exit status.
func (p *page) end() error {
	surprises := p.count(surprising)
	if p.options.JSON {
		e := json.NewEncoder(p.out)
		e.SetIndent("", "  ")
		if err := e.Encode(struct {
			About  []string `json:"about"`
			OK     bool     `json:"ok"`
			Probes []line   `json:"probes"`
		}{p.about, surprises == 0, p.lines}); err != nil {
			return err
		}
	} else {
		p.print("")
		for _, text := range wrap(fmt.Sprintf("Asked in %v: %d as expected (ok), %s (!!), %d with no expectation (**), %d not asked (--).",
			p.took.Round(time.Second), p.count(asExpected), ui.Counted(surprises, "surprise"), p.count(learned), p.count(notAsked)), pageWidth) {
			p.print(text)
		}
	}
	if surprises > 0 {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// isTerminal reports whether a person watches the output to a file.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
