package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/term"
)

// report prints the findings: for a person as lines, each when it comes, or as JSON, all together at the end.
type report struct {
	version string // this program's
	reporter
	out      io.Writer
	json     bool
	colour   bool
	mu       sync.Mutex // for everything below: a check that does not end is abandoned, and may still report something
	findings []finding
	ended    bool
}

// newReport returns a report on stdout.
func newReport(asJSON bool, version string) *report {
	colour := !asJSON && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stdout.Fd())) && obeysEscapes(os.Stdout)
	r := &report{version: version, out: os.Stdout, findings: []finding{}, json: asJSON, colour: colour}
	r.reporter.add = r.take
	return r
}

// take adds a finding. It ignores any that come after the end.
func (r *report) take(f finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if f.About != "" && !r.json {
		f.Found = f.About + ": " + f.Found
	}
	f.escape()
	r.findings = append(r.findings, f)
	if !r.json {
		r.print(f)
	}
}

// marks begin the lines, each with its colour. They are words, so that a copy of the screen says as much.
var marks = map[status]struct{ word, colour string }{
	statusOK: {"ok  ", "\x1b[32m"}, statusWarning: {"WARN", "\x1b[33m"}, statusFailed: {"FAIL", "\x1b[1;31m"}, statusSkipped: {"--  ", "\x1b[2m"},
}

// checkWidth is the width of the column with the checks' names.
const checkWidth = 12

// print prints the lines of a finding.
func (r *report) print(f finding) {
	mark := marks[f.Status].word
	if r.colour {
		mark = marks[f.Status].colour + mark + "\x1b[0m"
	}
	margin := strings.Repeat(" ", len("FAIL  ")+checkWidth+2)
	fmt.Fprintf(r.out, "%s  %-*s  %s\n", mark, checkWidth, f.Check, f.Found)
	for _, line := range f.Details {
		fmt.Fprintf(r.out, "%s%s\n", margin, line)
	}
	for _, line := range f.Hints {
		fmt.Fprintf(r.out, "%shint: %s\n", margin, line)
	}
}

// has reports whether a check has had a status.
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
	failed := r.count(statusFailed)
	if !r.json {
		fmt.Fprintf(r.out, "\n%s\n", summary(failed, r.count(statusWarning)))
	} else if err := r.encode(failed == 0); err != nil {
		return err
	}
	if failed > 0 {
		return ui.ExitStatus(ui.ExitFailed)
	}
	return nil
}

// count returns how many findings have a status.
func (r *report) count(s status) (n int) {
	for _, f := range r.findings {
		if f.Status == s {
			n++
		}
	}
	return n
}

// encode prints everything as JSON.
func (r *report) encode(ok bool) error {
	e := json.NewEncoder(r.out)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Version string    `json:"version"`
		OK      bool      `json:"ok"`
		Checks  []finding `json:"checks"`
	}{r.version, ok, r.findings})
}

// summary returns the last line of a report.
func summary(failed, warnings int) string {
	switch {
	case failed > 0 && warnings > 0:
		return ui.Counted(failed, "check") + " failed, and " + ui.Counted(warnings, "warning") + "."
	case failed > 0:
		return ui.Counted(failed, "check") + " failed."
	case warnings > 0:
		return "Nothing failed; " + ui.Counted(warnings, "warning") + "."
	}
	return "Everything is ready."
}
