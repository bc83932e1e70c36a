package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// outcome returns what setup prints after the files are written: what to type next. Anything that prevents that
// goes to stderr, or becomes the error.
func (p *Plan) outcome(ctx context.Context, r *Request) (text string, err error) {
	p.noteCircumstances(r)
	heading := p.checkLogin(ctx, r.Edit.Suffix)
	for _, err := range foreignSessions(p.sessions) {
		ui.Error(os.Stderr, err)
	}
	if r.NoInclude {
		text = p.missingLine()
	} else if found, err := p.checkAnswer(); !found {
		return "", err
	}
	return text + heading + "\n\n" + p.nextSteps(r) + "\nIf ssh says Permission denied, type: clever-ssh doctor " + p.probe.Alias + "\n", nil
}

// noteCircumstances notes what is unusual about this machine, this account or this folder.
func (p *Plan) noteCircumstances(r *Request) {
	if !p.idsWork() {
		ui.Note(os.Stderr, "the program's path cannot be used in a Match line here: names open shells only, and ids do not work; use web.run.%s for everything else", r.Edit.Suffix)
	}
	if user := os.Getenv("SUDO_USER"); user != "" && user != "root" && os.Geteuid() == 0 && p.layout.Standard {
		ui.Note(os.Stderr, "this is for root's ssh; for %s's, run it without sudo", user)
	}
	for _, g := range p.config.Gateways {
		if g.Suffix == r.Edit.Suffix {
			noteHidden(g, r.Edit.Names)
		}
	}
	r.noteAccount()
	r.noteFound()
	if err := checkWritable(p.layout.UserFile); err != nil {
		ui.Error(os.Stderr, err)
	}
}

// noteHidden notes which instance aliases now mean something else because of the added names.
func noteHidden(g *config.Gateway, added map[config.Name]config.Target) {
	for _, n := range g.SortedNames() {
		selector, application, hides := g.Hidden(n)
		label := strings.TrimPrefix(string(n), string(selector)+".")
		if !hides || added[n] == "" && added[config.Name(label)] == "" {
			continue
		}
		ui.Note(os.Stderr, "you registered %s.%s; for %s of %s, type %s.%s.%s", n, g.Suffix, selector.InWords(), label, selector, application, g.Suffix)
	}
}

// checkLogin looks for what a login needs besides the entries: ssh, and a key. It returns the heading for what
// to type next.
func (p *Plan) checkLogin(ctx context.Context, suffix string) (heading string) {
	if text := p.ssh.Missing(); text != "" {
		ui.Note(os.Stderr, "%s", text)
		return "The entries are written. Once ssh is installed, type:"
	}
	if p.answer == openssh.EntriesWork && actsForItself(p.layout) && !hasKey(ctx, p.options) {
		ui.Error(os.Stderr, ui.Hint(errors.New("ssh has no key to log in with"),
			append(ui.MakeKey, "or name one that is elsewhere: clever-ssh setup "+ui.SuffixFlag(suffix)+"--identity FILE")...))
		return "The entries are written. Once you have a key, type:"
	}
	return "Ready. Type:"
}

// checkAnswer reports whether ssh gave the expected answer after the files were written.
func (p *Plan) checkAnswer() (found bool, err error) {
	switch p.answer {
	case openssh.EntriesNotFound:
		// ssh looks for a relative Include below $HOME, and for everything else below the account's home.
		if home := os.Getenv("HOME"); home != "" && !strings.HasPrefix(p.layout.UserFile, home+string(filepath.Separator)) {
			ui.Note(os.Stderr, "ssh does not find the entries in %s from here: $HOME is %s", p.layout.UserFile, home)
			return false, nil
		}
		return false, ui.Hint(fmt.Errorf("the entries are written, but %s does not find them: it reads a configuration other than %s", p.ssh, p.layout.UserFile), "see what it reads: ssh -v -G "+p.probe.Alias)
	case openssh.TargetNotFound:
		return false, ui.Hint(fmt.Errorf("ssh finds the entries, but %s does not lead to %s", p.probe.Alias, p.probe.Target),
			"see what it does: ssh -v -G "+p.probe.Alias+"   (for an id it runs `clever-ssh match direct`"+ui.WithShell()+")")
	}
	return true, nil
}

// missingLine returns a text about the line that the user's own file needs; it is empty if the line is there.
func (p *Plan) missingLine() string {
	if p.layout.Includes(p.userFile.Old) {
		return ""
	}
	return fmt.Sprintf("Put this line at the top of %s:\n\n    %s\n\n", quote.Line(p.layout.UserFile), quote.Line(p.layout.IncludeLine()))
}
