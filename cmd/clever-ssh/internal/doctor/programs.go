package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/pattern"
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
	self, _ := sshconfig.FindProgram() // which ThisProgram has found
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
		e.warn(check, "", fmt.Sprintf("the entries call %s, and this is %s", path, about), "if ssh shall use this one, run: clever-ssh setup")
	}
	l.Program = this
	l.Program.Proxy = proxy
	l.RSA = strings.Contains(string(entries), "rsa-sha2-512")
	switch {
	case err != nil:
		e.fail("entries", "", err)
	case entries == nil:
		e.fail("entries", "", fmt.Errorf("there are none in %s", l.ConfigFile()), "run: clever-ssh setup")
	case proxy == "":
		e.fail("entries", "", fmt.Errorf("%s calls no clever-ssh", l.ConfigFile()), "run: clever-ssh setup")
	case proxy == this.Proxy && misplaced == nil: // which the plan of an edit would only say again
		e.checkEntries()
	}
}

// checkEntries compares the entries with the settings from which they were written.
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
	var stale []string
	for _, c := range p.Changes {
		if string(c.Old) != string(c.New) && c.Path != e.settings.Path {
			stale = append(stale, c.Path)
		}
	}
	if len(stale) > 0 {
		e.fail(check, "", fmt.Errorf("not what follows from your settings: %s", strings.Join(stale, ", ")), "run: clever-ssh setup")
		return
	}
	e.ok(check, "", "%s", e.layout.Folder())
}

// checkClients looks for ssh, and for plink where there is none, and asks for its version.
func (e *examination) checkClients(ctx context.Context) {
	plink, _ := openssh.FindProgram("plink")
	if e.ssh != "" {
		const check = "ssh"
		text, err := openssh.VersionOf(ctx, string(e.ssh), "-V")
		major := numberIn(text, opensshVersion())
		if err != nil {
			e.fail(check, "", fmt.Errorf("%s cannot be run: %w", e.ssh, ui.Cause(err)))
		} else if missing := e.ssh.Missing(); missing != "" {
			e.fail(check, "", errors.New(missing))
		} else if major >= 0 && major < 8 {
			e.warn(check, "", fmt.Sprintf("%s, %s", e.ssh, text), "clever-ssh is made for OpenSSH 8.0 and later")
		} else {
			e.ok(check, "", "%s, %s", e.ssh, text)
		}
	} else if plink == "" {
		e.fail("ssh", "", errors.New("there is neither ssh nor plink"), ui.InstallSSH)
	}
	if plink == "" {
		return
	}
	const check = "plink"
	text, err := openssh.VersionOf(ctx, plink, "-V")
	if minor := numberIn(text, plinkVersion()); err != nil {
		e.warn(check, "", fmt.Sprintf("%s cannot be run: %v", plink, ui.Cause(err)))
	} else if minor >= 0 && minor < 75 {
		e.warn(check, "", fmt.Sprintf("%s, %s", plink, text), "its saved sessions need PuTTY 0.75 or later: before, it does not check the pinned host keys by itself")
	} else {
		e.ok(check, "", "%s, %s", plink, text)
	}
}

var (
	opensshVersion = pattern.New(`OpenSSH_(?:for_Windows_)?(\d+)\.`)
	plinkVersion   = pattern.New(`Release 0\.(\d+)`)
)

// numberIn is the number that a pattern finds, negative if it finds none.
func numberIn(text string, p *regexp.Regexp) int {
	if m := p.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return -1
}
