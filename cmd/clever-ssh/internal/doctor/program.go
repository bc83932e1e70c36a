package doctor

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// checkProgram compares this program with the one that the entries call.
func (e *examination) checkProgram() {
	const check = "program"
	l := &e.layout
	this, err := sshconfig.ThisProgram()
	if err != nil {
		e.fail(check, "", err)
		return
	}
	self, _ := sshconfig.FindProgram() // ThisProgram has found it already
	about := fmt.Sprintf("%s, %s, %s/%s", self, e.build.Version, runtime.GOOS, runtime.GOARCH)
	entries, err := settings.ReadDerived(l.ConfigFile())
	proxy, path := sshconfig.WrittenProgram(entries)
	called := self
	if proxy != "" {
		called = path
	}
	misplaced := setup.CheckPlace(called, l.UserFile)
	if misplaced != nil {
		e.fail(check, "", misplaced)
	} else if proxy == "" || proxy == this.Proxy {
		e.ok(check, "", "%s", about)
	} else if _, err := exec.LookPath(path); err != nil {
		e.fail(check, "", fmt.Errorf("the entries call %s: %w", path, ui.Cause(err)), "to have them call "+self+", run: clever-ssh setup")
	} else {
		e.warn(check, "", fmt.Sprintf("the entries call %s, and this is %s", path, about), "if ssh should use this one, run: clever-ssh setup")
	}
	l.Program = this
	l.Program.Proxy = proxy
	l.RSA = strings.Contains(string(entries), "rsa-sha2-512")
	switch {
	case err != nil:
		e.fail("entries", "", err)
	case entries == nil:
		e.fail("entries", "", fmt.Errorf("there are none in %s", l.ConfigFile()), ui.RunSetup)
	case proxy == "":
		e.fail("entries", "", fmt.Errorf("%s does not call clever-ssh", l.ConfigFile()), ui.RunSetup)
	case proxy == this.Proxy && misplaced == nil: // the plan of an edit would only say it again
		e.checkEntries()
	}
}

// checkEntries compares the entries with the settings that they were written from.
func (e *examination) checkEntries() {
	const check = "entries"
	if e.settings == nil {
		e.skip(check, "", "the settings cannot be read")
		return
	}
	p, err := setup.NewPlan(e.settings, config.Edit{}, false)
	if err != nil {
		e.fail(check, "", err)
		return
	}
	e.plan = p
	if stale := p.Stale(); len(stale) > 0 {
		e.fail(check, "", fmt.Errorf("out of date with your settings: %s", strings.Join(stale, ", ")), ui.RunSetup)
		return
	}
	e.ok(check, "", "%s", e.layout.Folder())
}
