package doctor

import (
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"
)

// status is what came of a check.
type status string

const (
	statusOK      status = "ok"
	statusWarning status = "warning" // it works, or may, and a person should know
	statusFailed  status = "failed"
	statusSkipped status = "skipped" // it makes no sense after what came before
)

// finding is one check and what was found. Programs depend on its JSON: fields are added, none is renamed.
type finding struct {
	Check   string   `json:"check"`             // what kind of check, one of a few words
	About   string   `json:"about,omitempty"`   // which one of several
	Status  status   `json:"status"`            //
	Found   string   `json:"found"`             // one line
	Details []string `json:"details,omitempty"` // more lines
	Hints   []string `json:"hints,omitempty"`   // what to do
}

// escape makes lines that any terminal shows as they are, also in JSON: its own quoting lets the second half of the control characters
// pass.
func (f *finding) escape() {
	f.About, f.Found = quote.Line(f.About), quote.Line(f.Found)
	for _, list := range [][]string{f.Details, f.Hints} {
		for i := range list {
			list[i] = quote.Line(list[i])
		}
	}
}

// reporter hands findings on.
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

// fail hands on an error, with its own hints first.
func (r reporter) fail(check, about string, err error, hints ...string) {
	r.add(finding{Check: check, About: about, Status: statusFailed, Found: strings.ReplaceAll(err.Error(), "\n", "; "), Hints: append(ui.Hints(err), hints...)})
}
