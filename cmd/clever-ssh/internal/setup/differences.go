package setup

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/putty"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"

	"github.com/rogpeppe/go-internal/diff"
)

// differences returns what the plan would change, as unified diffs. It prints notes on stderr about changes
// that a diff cannot or should not show.
func (p *Plan) differences() ([]byte, error) {
	changes, err := p.withRepairs()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	newKey := false
	for _, c := range changes {
		// A new bridge key is a secret, and a different one each time.
		if c.Path == p.layout.BridgeKey() {
			if newKey = !bytes.Equal(c.Old, c.New); newKey {
				ui.Note(os.Stderr, "a host key for the bridge would be created: %s", c.Path)
			}
			continue
		}
		if c.Path == p.layout.BridgeKnownHosts() && newKey {
			continue
		}
		text.Write(withoutPasswords(diff.Diff(pathIn(c, c.Old), c.Old, pathIn(c, c.New), c.New)))
	}
	for _, err := range foreignSessions(p.sessions) {
		ui.Error(os.Stderr, err)
	}
	text.Write(sessionDifferences(p.sessions))
	for _, file := range privateFiles(p.layout) {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm() != atomicfile.Mode {
			ui.Note(os.Stderr, "the mode of %s would change from %04o to %04o", file, info.Mode().Perm(), atomicfile.Mode)
		}
	}
	if text.Len() == 0 && !newKey {
		ui.Note(os.Stderr, "nothing would change")
	}
	return text.Bytes(), nil
}

// sessionDifferences does the same for PuTTY's saved sessions.
func sessionDifferences(sessions *putty.Changes) []byte {
	var text bytes.Buffer
	for _, c := range sessions.List {
		place := func(s putty.Settings) string {
			if s == nil {
				return os.DevNull
			}
			return sessions.Store.Where(c.Name)
		}
		text.Write(diff.Diff(place(c.Old), []byte(c.Old.Text()), place(c.New), []byte(c.New.Text())))
	}
	return text.Bytes()
}

// pathIn returns the path that a diff shows for one side of a change.
func pathIn(c atomicfile.Change, content []byte) string {
	if content == nil {
		return os.DevNull
	}
	return c.Path
}

var (
	password = pattern.New(`(://[^:/\s]*:)\S*@`)
	escaped  = pattern.New(`(?m)^(.\s*["']?via["']?\s*=).*\\.*$`)
)

// withoutPasswords hides the passwords of addresses: people show diffs to others and paste them into reports. A value with escapes
// is hidden whole, because they could hide where the password is.
func withoutPasswords(text []byte) []byte {
	return escaped().ReplaceAll(password().ReplaceAll(text, []byte("${1}xxxxx@")), []byte("${1} (not shown)"))
}

// forTerminal escapes control characters, except the tabs and line ends of a diff.
func forTerminal(text []byte) string {
	var safe strings.Builder
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, text := range columns {
			columns[i] = quote.Line(text)
		}
		fmt.Fprintln(&safe, strings.Join(columns, "\t"))
	}
	return safe.String()
}
