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
	"golang.org/x/term"
)

// print shows what the plan would change, as unified diffs: a result, so it goes to stdout. On a terminal, what the files hold
// is escaped as everything else is.
func (p *Plan) print() error {
	changes, err := p.allChanges()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	newKey := false
	for _, c := range changes {
		// A key is not to be shown, and a new one would be another each time.
		if c.Path == p.layout.BridgeKey() {
			if newKey = !bytes.Equal(c.Old, c.New); newKey {
				ui.Note(os.Stderr, "a host key for the bridge would be made: %s", c.Path)
			}
			continue
		}
		if c.Path == p.layout.BridgeKnownHosts() && newKey {
			continue
		}
		out.Write(withoutPasswords(diff.Diff(nameOf(c, c.Old), c.Old, nameOf(c, c.New), c.New)))
	}
	tellOfForeign(p.sessions)
	for _, c := range p.sessions.List {
		name := func(s putty.Settings) string {
			if s == nil {
				return os.DevNull
			}
			return p.sessions.Store.Where(c.Name)
		}
		out.Write(diff.Diff(name(c.Old), []byte(c.Old.Text()), name(c.New), []byte(c.New.Text())))
	}
	for _, file := range []string{p.layout.ConfigFile(), p.layout.MatchFile(), p.layout.DirectFile(), p.layout.BridgeKey(), p.layout.BridgeKnownHosts()} {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm() != atomicfile.Mode {
			ui.Note(os.Stderr, "the mode of %s would change from %04o to %04o", file, info.Mode().Perm(), atomicfile.Mode)
		}
	}
	if out.Len() == 0 && newKey {
		return nil
	}
	if out.Len() == 0 {
		ui.Note(os.Stderr, "nothing would change")
		return nil
	}
	if !term.IsTerminal(int(os.Stdout.Fd())) {
		_, err := os.Stdout.Write(out.Bytes())
		return err
	}
	for line := range strings.Lines(out.String()) {
		fmt.Println(strings.ReplaceAll(quote.Line(strings.TrimSuffix(line, "\n")), `\t`, "\t"))
	}
	return nil
}

// nameOf is the name of a file with that content in a diff.
func nameOf(c atomicfile.Change, content []byte) string {
	if content == nil {
		return os.DevNull
	}
	return c.Path
}

var (
	password = pattern.New(`(://[^:/\s]*:)\S*@`)
	escaped  = pattern.New(`(?m)^(.\s*["']?via["']?\s*=).*\\.*$`)
)

// withoutPasswords blots out the passwords of addresses: a diff is read over a shoulder, or pasted into a report.
func withoutPasswords(text []byte) []byte {
	return escaped().ReplaceAll(password().ReplaceAll(text, []byte("${1}xxxxx@")), []byte("${1} (not shown)"))
}
