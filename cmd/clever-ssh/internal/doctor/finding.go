package doctor

import (
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"
)

// status is the result of a check.
type status string

const (
	statusOK      status = "ok"
	statusWarning status = "warning" // it works, or may, but a person should know
	statusFailed  status = "failed"
	statusSkipped status = "skipped" // it makes no sense after earlier results
)

// finding is one check and its result. Programs depend on its JSON: fields may be added, but never renamed.
type finding struct {
	Check   string   `json:"check"`             // the kind of check, one of a few words
	About   string   `json:"about,omitempty"`   // which of several
	Status  status   `json:"status"`            //
	Found   string   `json:"found"`             // one line
	Details []string `json:"details,omitempty"` // more lines
	Hints   []string `json:"hints,omitempty"`   // what to do
}

// escape makes the lines safe for any terminal, in JSON too: JSON's own quoting leaves half of the control
// characters alone.
func (f *finding) escape() {
	f.About, f.Found = quote.Line(f.About), quote.Line(f.Found)
	for _, list := range [][]string{f.Details, f.Hints} {
		for i := range list {
			list[i] = quote.Line(list[i])
		}
	}
}

// reporter passes findings on.
type reporter struct{ add func(finding) }

func (r reporter) ok(check, about, format string, args ...any) {
	r.add(finding{Check: check, About: about, Status: statusOK, Found: fmt.Sprintf(format, args...)})
}

func (r reporter) skip(check, about, format string, args ...any) {
	r.add(finding{Check: check, About: about, Status: statusSkipped, Found: fmt.Sprintf(format, args...)})
}

func (r reporter) warn(check, about, found string, hints ...string) {
	r.add(finding{Check: check, About: about, Status: statusWarning, Found: found, Hints: hints})
}

// fail reports an error, with its own hints first.
func (r reporter) fail(check, about string, err error, hints ...string) {
	r.add(finding{Check: check, About: about, Status: statusFailed, Found: strings.ReplaceAll(err.Error(), "\n", "; "), Hints: append(ui.Hints(err), hints...)})
}
