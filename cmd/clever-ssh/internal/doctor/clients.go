package doctor

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/pattern"
)

// checkClients looks for ssh, or else for plink, and asks for its version.
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
		e.fail("ssh", "", errors.New("neither ssh nor plink was found"), ui.InstallSSH)
	}
	if plink == "" {
		return
	}
	const check = "plink"
	text, err := openssh.VersionOf(ctx, plink, "-V")
	if minor := numberIn(text, plinkVersion()); err != nil {
		e.warn(check, "", fmt.Sprintf("%s cannot be run: %v", plink, ui.Cause(err)))
	} else if minor >= 0 && minor < 75 {
		e.warn(check, "", fmt.Sprintf("%s, %s", plink, text), "its saved sessions need PuTTY 0.75 or later: earlier versions do not check the pinned host keys")
	} else {
		e.ok(check, "", "%s, %s", plink, text)
	}
}

var (
	opensshVersion = pattern.New(`OpenSSH_(?:for_Windows_)?(\d+)\.`)
	plinkVersion   = pattern.New(`Release 0\.(\d+)`)
)

// numberIn returns the number that a pattern finds, or a negative number if it finds none.
func numberIn(text string, p *regexp.Regexp) int {
	if m := p.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return -1
}
