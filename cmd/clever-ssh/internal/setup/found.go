package setup

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/clevertools"
	"clever-ssh/config/handwritten"
	"clever-ssh/internal/atomicfile"
)

// What setup finds lying about: applications that clever-tools has linked, a gateway that it was told to use, entries that a
// person wrote by hand.

// addFound asks for the names of the applications linked here, unless the command line says what it wants, and of the
// entries written by hand, if they are to be adopted. What it only finds, it tells.
func (r *Request) addFound(s *settings.Settings) error {
	if s.Config.Gateway(r.Edit.Suffix) == nil && r.Edit.Address == (config.Address{}) {
		return ui.Hint(s.NoGateway(r.Edit.Suffix), "to add it: clever-ssh setup "+ui.SuffixFlag(r.Edit.Suffix)+"--gateway [user@]host[:port] --pin SHA256:...   (once for each of its host keys)")
	}
	// The gateway is the one that this very command may be about to add.
	without := r.Edit
	without.Names = nil
	_, c, err := config.Apply(s.Path, s.Text, without)
	if err != nil {
		return ui.HintEdit(err, r.Edit.Suffix)
	}
	for n := range r.Edit.Names {
		switch g := c.GatewayOf(string(n)); {
		case g != nil && g.Suffix == string(n):
			return ui.Usagef("%s is the gateway's menu: choose another name", n)
		case g != nil:
			return ui.Usagef("%s is an alias of the gateway %s: to name it, write clever-ssh setup %s%s=...", n, g.Suffix, ui.SuffixFlag(g.Suffix), strings.TrimSuffix(string(n), "."+g.Suffix))
		}
	}
	if len(r.Edit.Names) == 0 && len(r.targets) == 0 {
		if err := r.addLinked(s, c.Gateway(r.Edit.Suffix)); err != nil {
			return err
		}
	}
	if err := r.addHandwritten(c); err != nil {
		return err
	}
	offerGateway(s, c, r.Edit)
	return nil
}

// offer asks for a name that nobody has typed. Where it is taken, and its target has another, that one is good enough.
func (r *Request) offer(g *config.Gateway, n config.Name, t config.Target, source string) error {
	if old, taken := g.Names[n]; taken && old != t && !r.Edit.Replace {
		if other := nameFor(g, t); other != "" {
			ui.Note(os.Stderr, "%s: %s.%s stays with %s; %s is %s.%s", source, n, g.Suffix, old, t, other, g.Suffix)
			return nil
		}
	}
	if err := r.name(n, t); err != nil {
		return ui.Hint(fmt.Errorf("%s: %w", source, err), "choose a name yourself: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME="+string(t))
	}
	return nil
}

// addLinked asks for the names of what is linked here. What is wrong there stands in nobody's way: it is named, and the
// rest is done.
func (r *Request) addLinked(s *settings.Settings, g *config.Gateway) error {
	dir, err := os.Getwd()
	if err != nil {
		return nil // a folder that is gone links nothing
	}
	links := clevertools.Linked(dir, atomicfile.Account(s.Path))
	for i, err := range links.Skipped {
		if i == len(links.Skipped)-1 {
			err = ui.Hint(err, "what was skipped can be named here: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME=app_...")
		}
		ui.Error(os.Stderr, err)
	}
	var fresh []string
	for _, app := range links.Applications {
		if err := r.offer(g, app.Name, app.Target, links.Path); err != nil {
			return err
		}
		if _, asked := r.Edit.Names[app.Name]; asked && g.Names[app.Name] != app.Target {
			fresh = append(fresh, fmt.Sprintf("%s (%s)", app.Name, app.Target))
		}
	}
	if len(fresh) > 0 {
		r.found = fmt.Sprintf("%s links %s", links.Path, ui.Shorten(fresh))
	}
	for _, t := range links.Nameless {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s: %s has no name that could stand in an alias", links.Path, t), "give it one: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME="+string(t)))
	}
	return nil
}

func (r *Request) addHandwritten(c *config.Config) error {
	l, err := settings.LayoutOf(c)
	if err != nil {
		return err
	}
	text, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return err
	}
	folder, err := openssh.Folder(l)
	if err != nil {
		return err
	}
	entries, unread := handwritten.Find(l.UserFile, text, folder, l.Folder(), c)
	for _, err := range unread {
		ui.Note(os.Stderr, "entries of your own were not looked for everywhere: %v", err)
	}
	told := map[string][]string{} // by suffix
	for _, e := range entries {
		where := fmt.Sprintf("%s:%d", e.File, e.Line)
		switch g := c.Gateway(e.Suffix); {
		case nameFor(g, e.Target) != "":
		case r.Adopt && e.Suffix == r.Edit.Suffix && e.Name != "":
			if err := r.offer(g, e.Name, e.Target, where); err != nil {
				return err
			}
		case e.Name == "":
			ui.Error(os.Stderr, ui.Hint(fmt.Errorf("your own entry %q (%s) is for the gateway, but cannot be a name", e.Alias, where), "choose one: clever-ssh setup "+ui.SuffixFlag(e.Suffix)+"NAME="+string(e.Target)))
		default:
			told[e.Suffix] = append(told[e.Suffix], fmt.Sprintf("%s (%s)", e.Alias, where))
		}
	}
	for _, suffix := range slices.Sorted(maps.Keys(told)) {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("you have entries of your own for the gateway: %s", ui.Shorten(told[suffix])),
			"to have them as names, with pinned host keys, too: clever-ssh setup "+ui.SuffixFlag(suffix)+"--adopt"))
	}
	return nil
}

// nameFor is the first name of a target, empty if it has none.
func nameFor(g *config.Gateway, t config.Target) config.Name {
	for _, n := range g.SortedNames() {
		if g.Names[n] == t {
			return n
		}
	}
	return ""
}

// offerGateway tells of a gateway that clever-tools was told to use, and that is none of ours. A variable, or a file, that others may
// have set is no reason to trust another server.
func offerGateway(s *settings.Settings, c *config.Config, edit config.Edit) {
	address, source, err := clevertools.Gateway(filepath.Dir(s.Path))
	if err != nil {
		ui.Note(os.Stderr, "%v", err)
	}
	if address == "" || edit.Address != (config.Address{}) {
		return
	}
	a, err := config.ParseAddress(address)
	if err != nil { // which is not shown: it may be an URL with a password
		ui.Note(os.Stderr, "%s names a gateway which is not used: it is not of the form [user@]host[:port]", source)
		return
	}
	for _, g := range c.Gateways {
		if g.Address.Port == a.Port && strings.EqualFold(g.Address.Host, a.Host) {
			return
		}
	}
	ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s names another gateway, %s, which is not used", source, a),
		"to use it beside the others: clever-ssh setup --suffix NAME --gateway "+a.String()+" --pin SHA256:...   (once for each of its host keys)"))
}
