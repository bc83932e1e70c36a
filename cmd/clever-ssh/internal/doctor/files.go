package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// checkFiles looks at the files that ssh reads: one that others can write to stops ssh for every host.
func (e *examination) checkFiles() {
	const check = "files"
	l := e.layout
	folder := filepath.Dir(l.UserFile)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		e.skip(check, "", "there is no folder %s", folder)
		return
	}
	bad := false
	for _, f := range []struct {
		path    string
		private bool
	}{{folder, false}, {l.UserFile, false}, {l.Folder(), false}, {l.ConfigFile(), false}, {l.MatchFile(), false}, {l.DirectFile(), false}, {l.KnownHosts(), false}, {l.BridgeKey(), true}} {
		switch group, err := accessProblem(f.path, f.private); {
		case err == nil:
			continue
		case group:
			e.warn(check, "", err.Error()+", as some systems' ssh allows if the group is yours alone", ui.Hints(err)...)
		default:
			e.fail(check, "", err)
		}
		bad = true
	}
	for _, path := range []string{l.UserFile, l.ConfigFile(), l.MatchFile(), l.DirectFile(), l.KnownHosts()} {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			bad = true
			e.fail(check, "", fmt.Errorf("%s is a folder", path), "move it away, then run: clever-ssh setup")
		}
	}
	if err := writeProblem(l.Folder()); err != nil {
		bad = true
		e.fail(check, "", err)
	}
	if !accessIsSeen {
		e.skip(check, "", "who else may write to %s is for ssh to look at", folder)
	} else if !bad {
		e.ok(check, "", "%s is yours, and nobody else can write there", folder)
	}
}

// checkInclude looks for the line that has ssh read the entries.
func (e *examination) checkInclude(ctx context.Context) {
	const check = "Include"
	l := e.layout
	if l.Program.Proxy == "" {
		e.skip(check, "", "there are no entries")
		return
	}
	text, err := atomicfile.Read(l.UserFile)
	switch setup := "run: clever-ssh setup   (or put this line at the top of " + l.UserFile + " yourself: " + l.IncludeLine() + ")"; {
	case err != nil:
		e.fail(check, "", err, "ssh reads it before each connection, so it must be readable")
	case l.Includes(text):
		e.ok(check, "", "the first line of %s that counts", l.UserFile)
	case strings.Contains(string(text), filepath.ToSlash(filepath.Join(filepath.Base(l.Folder()), "config"))):
		e.fail(check, "", fmt.Errorf("the line is not the first one in %s: ssh takes the first value that it finds", l.UserFile), setup)
	case e.readsEntries(ctx):
		e.warn(check, "", "ssh finds the entries, but not by the first line of "+l.UserFile+": what it reads before them wins", setup)
	default:
		e.fail(check, "", fmt.Errorf("%s does not include the entries", l.UserFile), setup)
	}
}

// readsEntries tells whether ssh reads the entries, by whatever way: a pattern, or another file that includes them.
func (e *examination) readsEntries(ctx context.Context) bool {
	if e.ssh == "" || e.gateways == nil {
		return false
	}
	ctx, cancel := openssh.WithReadingPatience(ctx)
	defer cancel()
	_, log, err := e.ssh.Readings(ctx, e.layout, e.gateways[0].Suffix, "-vvv")
	return err == nil && sshconfig.ParseReading(log).Includes(e.layout.ConfigFile())
}

// checkHome compares the account's home, where ssh looks for its files, with $HOME, below which it looks for a relative Include.
func (e *examination) checkHome() {
	const check = "home"
	home, err := config.Home()
	if err != nil {
		e.fail(check, "", err)
		return
	}
	switch env, other := ui.OtherHome(); {
	case !other:
		e.ok(check, "", "%s", home)
	case e.layout.Standard:
		e.fail(check, "", fmt.Errorf("the account's is %s, but $HOME is %q, and ssh looks for what %s includes there", home, env, e.layout.UserFile),
			"type: export HOME="+quote.Arg(home))
	default:
		e.warn(check, "", fmt.Sprintf("the account's is %s, which ssh uses, and $HOME is %q", home, env))
	}
}

// checkClock compares the clock with what must be in the past: this program, and the files that ssh has read. A clock that goes wrong
// makes certificates invalid, and logs useless.
func (e *examination) checkClock(now time.Time) {
	const check = "clock"
	past, what := e.build.Time, "this program was built"
	for _, path := range []string{e.layout.ConfigFile(), e.layout.KnownHosts(), e.layout.DirectFile()} {
		if info, err := os.Stat(path); err == nil && info.ModTime().After(past) {
			past, what = info.ModTime(), path+" was written"
		}
	}
	if text := now.UTC().Format(time.RFC1123); past.Sub(now) > time.Minute {
		e.fail(check, "", fmt.Errorf("it says %s, but %s at %s", text, what, past.UTC().Format(time.RFC1123)), "set the clock: "+ui.SetClock)
	} else {
		e.ok(check, "", "%s", text)
	}
}

// checkPuTTY compares PuTTY's saved sessions with those that follow from the settings.
func (e *examination) checkPuTTY() {
	const check = "PuTTY"
	if e.plan == nil || e.plan.Config.PuTTY == config.PuTTYNo || e.plan.Putty.Store == nil {
		return
	}
	switch sessions := e.plan.Putty; {
	case len(sessions.List) > 0:
		var names []string
		for _, c := range sessions.List {
			names = append(names, c.Name)
		}
		e.fail(check, "", fmt.Errorf("saved sessions are not what follows from your settings: %s", ui.Shorten(names)), "run: clever-ssh setup")
	case len(sessions.Foreign) > 0:
		e.warn(check, "", "saved sessions are yours, or were changed in PuTTY: "+ui.Shorten(sessions.Foreign), "to have them written, delete them in PuTTY and run: clever-ssh setup")
	default:
		e.ok(check, "", "%s", ui.Counted(len(sessions.Wanted), "saved session"))
	}
}
