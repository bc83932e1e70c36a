package doctor

import (
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// status is what came of a check.
type status string

const (
	isOK      status = "ok"
	isWarning status = "warning" // it works, or may, and a person should know
	isFailed  status = "failed"
	isSkipped status = "skipped" // it makes no sense after what came before
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

// checks hands findings on.
type checks struct{ add func(finding) }

func (c checks) ok(check, about, format string, args ...any) {
	c.add(finding{Check: check, About: about, Status: isOK, Found: fmt.Sprintf(format, args...)})
}

func (c checks) skip(check, about, format string, args ...any) {
	c.add(finding{Check: check, About: about, Status: isSkipped, Found: fmt.Sprintf(format, args...)})
}

func (c checks) warn(check, about, found string, hints ...string) {
	c.add(finding{Check: check, About: about, Status: isWarning, Found: found, Hints: hints})
}

// fail hands on an error, with its own hints first.
func (c checks) fail(check, about string, err error, hints ...string) {
	c.add(finding{Check: check, About: about, Status: isFailed, Found: strings.ReplaceAll(err.Error(), "\n", "; "), Hints: append(ui.Hints(err), hints...)})
}
