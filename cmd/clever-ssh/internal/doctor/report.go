package doctor

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"golang.org/x/term"
)

// report tells the findings, each when it is there: as lines for a person, or all together as JSON.
type report struct {
	version string // this program's
	checks
	mu       sync.Mutex // of all below: a check that does not end is left, and may still come with something
	findings []finding
	ended    bool
	json     bool
	colour   bool
}

func newReport(asJSON bool, version string) *report {
	colour := !asJSON && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stdout.Fd())) && obeysEscapes(os.Stdout)
	r := &report{version: version, findings: []finding{}, json: asJSON, colour: colour}
	r.checks.add = r.tell
	return r
}

// marks begin the lines, with the colour of each: words, so that a copy of the screen says as much.
var marks = map[status]struct{ word, colour string }{
	isOK: {"ok  ", "\x1b[32m"}, isWarning: {"WARN", "\x1b[33m"}, isFailed: {"FAIL", "\x1b[1;31m"}, isSkipped: {"--  ", "\x1b[2m"},
}

// aboutWidth is how wide the column of the checks' names is.
const aboutWidth = 12

func (r *report) tell(f finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if f.About != "" && !r.json {
		f.Found = f.About + ": " + f.Found
	}
	for _, text := range []*string{&f.About, &f.Found} { // in JSON, too: its quoting lets the second half of the control characters pass
		*text = quote.Line(*text)
	}
	for _, list := range [][]string{f.Details, f.Hints} {
		for i := range list {
			list[i] = quote.Line(list[i])
		}
	}
	r.findings = append(r.findings, f)
	if r.json {
		return
	}
	mark := marks[f.Status].word
	if r.colour {
		mark = marks[f.Status].colour + mark + "\x1b[0m"
	}
	margin := strings.Repeat(" ", len("FAIL  ")+aboutWidth+2)
	fmt.Printf("%s  %-*s  %s\n", mark, aboutWidth, f.Check, f.Found)
	for _, line := range f.Details {
		fmt.Printf("%s%s\n", margin, line)
	}
	for _, line := range f.Hints {
		fmt.Printf("%shint: %s\n", margin, line)
	}
}

// count is how many findings have a status.
func (r *report) count(s status) (n int) {
	for _, f := range r.findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// has tells whether a check has come to a status.
func (r *report) has(check string, s status) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.findings, func(f finding) bool { return f.Check == check && f.Status == s })
}

// end finishes the report. The error is the program's exit status.
func (r *report) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	bad, doubtful := r.count(isFailed), r.count(isWarning)
	if r.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err := e.Encode(struct {
			Version string    `json:"version"`
			OK      bool      `json:"ok"`
			Checks  []finding `json:"checks"`
		}{r.version, bad == 0, r.findings})
		if err != nil {
			return err
		}
	} else {
		text := "Nothing stands in the way."
		switch {
		case bad > 0:
			text = ui.Counted(bad, "check") + " failed" + map[bool]string{true: ", and " + ui.Counted(doubtful, "warning")}[doubtful > 0] + "."
		case doubtful > 0:
			text = "Nothing failed; " + ui.Counted(doubtful, "warning") + "."
		}
		fmt.Printf("\n%s\n", text)
	}
	if bad > 0 {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}
