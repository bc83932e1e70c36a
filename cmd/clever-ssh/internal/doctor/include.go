package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// checkInclude looks for the line that makes ssh read the entries.
func (e *examination) checkInclude(ctx context.Context) {
	const check = "Include"
	l := e.layout
	if l.Program.Proxy == "" {
		e.skip(check, "", "there are no entries")
		return
	}
	text, err := atomicfile.Read(l.UserFile)
	switch setup := ui.RunSetup + "   (or put this line at the top of " + l.UserFile + " yourself: " + l.IncludeLine() + ")"; {
	case err != nil:
		e.fail(check, "", err, "ssh reads it before each connection, so it must be readable")
	case l.Includes(text):
		e.ok(check, "", "the first directive of %s", l.UserFile)
	case strings.Contains(string(text), filepath.ToSlash(filepath.Join(filepath.Base(l.Folder()), "config"))):
		e.fail(check, "", fmt.Errorf("the line is not the first one in %s: ssh takes the first value that it finds", l.UserFile), setup)
	case e.readsEntries(ctx):
		e.warn(check, "", "ssh finds the entries, but not through the first line of "+l.UserFile+": whatever it reads before them takes precedence", setup)
	default:
		e.fail(check, "", fmt.Errorf("%s does not include the entries", l.UserFile), setup)
	}
}

// readsEntries reports whether ssh reads the entries by any way: a pattern, or another file that includes them.
func (e *examination) readsEntries(ctx context.Context) bool {
	if e.ssh == "" || e.gateways == nil {
		return false
	}
	ctx, cancel := openssh.WithReadingPatience(ctx)
	defer cancel()
	_, log, err := e.ssh.Readings(ctx, e.layout, e.gateways[0].Suffix, "-vvv")
	return err == nil && sshconfig.ParseReading(log).Includes(e.layout.ConfigFile())
}
