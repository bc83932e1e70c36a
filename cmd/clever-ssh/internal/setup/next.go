package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// report tells what the entries are worth, and what to type next.
func (p *Plan) report(ctx context.Context, r *Request) error {
	byID := p.layout.Program.Match != ""
	if !byID {
		ui.Note(os.Stderr, "the program's path cannot stand in a Match line here: give each application a name, ids alone will not work")
	}
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" && os.Geteuid() == 0 && p.layout.Standard {
		ui.Note(os.Stderr, "this is for root's ssh; for %s's, run it without sudo", user)
	}
	if r.found != "" {
		ui.Note(os.Stderr, "%s", r.found)
	}
	warnOfOthers(p.layout.UserFile)
	heading := "Ready. Type:"
	if text := p.ssh.Missing(); text != "" {
		ui.Note(os.Stderr, "%s", text)
		heading = "The entries are written. With ssh installed, type:"
	} else if p.answer == openssh.EntriesWork && actsForItself(p.layout) {
		if !hasKey(ctx, p.options) {
			ui.Error(os.Stderr, ui.Hint(errors.New("ssh has no key to log in with"),
				append(ui.MakeKey, "or name one that is elsewhere: clever-ssh setup "+ui.SuffixFlag(r.Edit.Suffix)+"--identity FILE")...))
			heading = "The entries are written. With a key of yours, type:"
		}
	}
	tellOfForeign(p.sessions)
	switch {
	case r.NoInclude:
		p.printLine()
	case p.answer == openssh.EntriesNotFound && os.Getenv("HOME") != "" && !strings.HasPrefix(p.layout.UserFile, os.Getenv("HOME")+string(filepath.Separator)):
		// Unlike all else, a relative Include is looked for below $HOME.
		ui.Note(os.Stderr, "ssh does not find the entries of %s here: $HOME is %s", p.layout.UserFile, os.Getenv("HOME"))
		return nil
	case p.answer == openssh.EntriesNotFound:
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("the entries are written, but %s does not find them: it reads another configuration than %s", p.ssh, p.layout.UserFile), "see what it reads: ssh -v -G "+p.probe.Alias))
		return ui.ExitStatus(ui.ExitFailed)
	case p.answer == openssh.TargetNotFound:
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("ssh finds the entries, but %s does not lead to %s", p.probe.Alias, p.probe.Target),
			"see what it does: ssh -v -G "+p.probe.Alias+"   (for an id it runs `clever-ssh match direct`"+ui.WithShell()+")"))
		return ui.ExitStatus(ui.ExitFailed)
	}
	fmt.Println(heading)
	fmt.Println()
	printNext(p.config, r.Edit, r.targets, byID, p.sessions.Wanted)
	fmt.Println()
	fmt.Printf("If ssh says Permission denied, type: clever-ssh doctor %s\n", p.probe.Alias)
	return nil
}

// printLine tells which line the user's own file needs, if it is not there.
func (p *Plan) printLine() {
	if !p.layout.Includes(p.userFile.Old) {
		fmt.Printf("Put this line at the top of %s:\n\n    %s\n\n", quote.Line(p.layout.UserFile), quote.Line(p.layout.IncludeLine()))
	}
}

// printNext tells what to type next: a result, so it goes to stdout. What was just registered comes first; byID is
// whether ids alone work, sessions are PuTTY's.
func printNext(c *config.Config, done config.Edit, targets []config.Target, byID bool, sessions []string) {
	type line struct{ command, meaning string }
	var fresh, known []line
	for _, g := range c.Gateways {
		for _, n := range g.SortedNames() {
			l := line{fmt.Sprintf("ssh %s.%s", n, g.Suffix), string(g.Names[n])}
			if _, ok := done.Names[n]; ok && g.Suffix == done.Suffix {
				fresh = append(fresh, l)
			} else {
				known = append(known, l)
			}
		}
	}
	lines := append(fresh, known...)
	if len(lines) > ui.MostNamed {
		lines = append(lines[:ui.MostNamed], line{"...", fmt.Sprintf("and %d names more", len(lines)-ui.MostNamed)})
	}
	if byID {
		for _, t := range targets {
			lines = append(lines, line{fmt.Sprintf("ssh %s.%s", t, done.Suffix), "needs no registration"})
		}
		if len(targets) == 0 {
			lines = append(lines, line{"ssh app_<id>." + done.Suffix, "any application, by its id"})
		}
	}
	for _, g := range c.Gateways {
		lines = append(lines, line{"ssh " + g.Suffix, "the gateway's menu"})
	}
	if len(sessions) > 0 {
		program, meaning := "putty -load ", "the same in PuTTY's window, or with plink"
		alias, ok := strings.CutPrefix(lines[0].command, "ssh ")
		if !ok || !slices.Contains(sessions, alias) {
			alias = sessions[0]
		}
		if path, _ := openssh.FindProgram("putty"); path == "" {
			if path, _ := openssh.FindProgram("plink"); path != "" {
				program, meaning = "plink ", "the same with PuTTY's plink"
			}
		}
		lines = append(lines, line{program + alias, meaning})
	}
	width := 0
	for _, l := range lines {
		width = max(width, len(l.command))
	}
	for _, l := range lines {
		fmt.Printf("    %-*s   %s\n", width, l.command, l.meaning)
	}
}
