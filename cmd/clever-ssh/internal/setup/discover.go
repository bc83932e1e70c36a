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

// discover completes a request with what is on this machine already. It adds names for the applications that
// clever-tools linked here, unless the command line names something. With --adopt, it also adds names for the
// entries that the user wrote by hand. It only reports other finds.
func (r *Request) discover(s *settings.Settings) error {
	after, err := r.configAfter(s)
	if err != nil {
		return err
	}
	if err := r.checkNames(after); err != nil {
		return err
	}
	if len(r.Edit.Names) == 0 && len(r.targets) == 0 {
		if err := r.addLinked(s, after.Gateway(r.Edit.Suffix)); err != nil {
			return err
		}
	}
	if err := r.addHandwritten(after); err != nil {
		return err
	}
	r.noteUnusedGateway(s, after)
	return nil
}

// configAfter returns the configuration after this request, without the request's names: they may belong to a
// gateway that the request itself adds.
func (r *Request) configAfter(s *settings.Settings) (*config.Config, error) {
	if s.Config.Gateway(r.Edit.Suffix) == nil && r.Edit.Address == (config.Address{}) {
		return nil, ui.Hint(s.NoGateway(r.Edit.Suffix), "to add it: clever-ssh setup "+ui.SuffixFlag(r.Edit.Suffix)+"--gateway [user@]host[:port] --pin SHA256:...   (once for each of its host keys)")
	}
	edit := r.Edit
	edit.Names = nil
	_, after, err := config.Apply(s.Path, s.Text, edit)
	if err != nil {
		return nil, ui.HintEdit(err, r.Edit.Suffix)
	}
	after.SetAccount(s.Config.AccountNames)
	return after, nil
}

// checkNames refuses names that already are aliases of a gateway.
func (r *Request) checkNames(c *config.Config) error {
	for n := range r.Edit.Names {
		switch g := c.GatewayOf(string(n)); {
		case g != nil && g.Suffix == string(n):
			return ui.Usagef("%s is the gateway's menu: choose another name", n)
		case g != nil:
			return ui.Usagef("%s is an alias of the gateway %s: to register it, type clever-ssh setup %s%s=...", n, g.Suffix, ui.SuffixFlag(g.Suffix), strings.TrimSuffix(string(n), "."+g.Suffix))
		}
	}
	return nil
}

// addFoundName adds a name that nobody typed. If the name is taken and the target has another one, that is good
// enough.
func (r *Request) addFoundName(g *config.Gateway, n config.Name, t config.Target, source string) error {
	if old, taken := g.Names[n]; taken && old != t && !r.Edit.Replace {
		if other := nameOf(g, t); other != "" {
			ui.Note(os.Stderr, "%s: %s.%s still points to %s; %s is %s.%s", source, n, g.Suffix, old, t, other, g.Suffix)
			return nil
		}
	}
	if err := r.addName(n, t); err != nil {
		return ui.Hint(fmt.Errorf("%s: %w", source, err), "choose a name yourself: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME="+string(t))
	}
	return nil
}

// nameOf returns the first name of a target, or "" if it has none.
func nameOf(g *config.Gateway, t config.Target) config.Name {
	for _, n := range g.SortedNames() {
		if g.Names[n] == t {
			return n
		}
	}
	return ""
}

// addLinked adds names for the applications linked to this folder. It reports invalid entries and goes on with
// the others.
func (r *Request) addLinked(s *settings.Settings, g *config.Gateway) error {
	dir, err := os.Getwd()
	if err != nil {
		return nil // the folder was deleted: nothing is linked to it
	}
	links := clevertools.Linked(dir, atomicfile.Account(s.Path))
	for i, err := range links.Skipped {
		if i == len(links.Skipped)-1 {
			err = ui.Hint(err, "to register what was skipped: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME=app_...")
		}
		ui.Error(os.Stderr, err)
	}
	var fresh []string
	for _, app := range links.Applications {
		if err := r.addFoundName(g, app.Name, app.Target, links.Path); err != nil {
			return err
		}
		if _, added := r.Edit.Names[app.Name]; added && g.Names[app.Name] != app.Target {
			what := fmt.Sprintf("%s (%s)", app.Name, app.Target)
			if old := g.Names[app.Name]; old != "" && r.Edit.Replace {
				what = fmt.Sprintf("%s (%s instead of %s)", app.Name, app.Target, old)
			}
			fresh = append(fresh, what)
		}
	}
	if len(fresh) > 0 {
		r.found = fmt.Sprintf("%s links %s", links.Path, ui.Shorten(fresh))
	}
	for _, t := range links.Nameless {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s: %s has no name that can be an alias", links.Path, t), "give it one: clever-ssh setup "+ui.SuffixFlag(g.Suffix)+"NAME="+string(t)))
	}
	return nil
}

// noteFound says which names come from a .clever.json.
func (r *Request) noteFound() {
	if r.found != "" {
		ui.Note(os.Stderr, "%s", r.found)
	}
}

// addHandwritten adds names for the entries that the user wrote by hand, with --adopt. It reports those that it
// does not add.
func (r *Request) addHandwritten(c *config.Config) error {
	entries, err := handwrittenEntries(c)
	if err != nil {
		return err
	}
	kept := map[string][]string{} // by suffix: entries that could be adopted but are not
	for _, e := range entries {
		where := fmt.Sprintf("%s:%d", e.File, e.Line)
		switch g := c.Gateway(e.Suffix); {
		case nameOf(g, e.Target) != "":
		case r.Adopt && e.Suffix == r.Edit.Suffix && e.Name != "":
			if err := r.addFoundName(g, e.Name, e.Target, where); err != nil {
				return err
			}
		case e.Name == "":
			ui.Error(os.Stderr, ui.Hint(fmt.Errorf("your own entry %q (%s) leads to the gateway, but cannot be used as a name", e.Alias, where), "choose one: clever-ssh setup "+ui.SuffixFlag(e.Suffix)+"NAME="+string(e.Target)))
		default:
			kept[e.Suffix] = append(kept[e.Suffix], fmt.Sprintf("%s (%s)", e.Alias, where))
		}
	}
	for _, suffix := range slices.Sorted(maps.Keys(kept)) {
		ui.Error(os.Stderr, ui.Hint(fmt.Errorf("you have entries of your own for the gateway: %s", ui.Shorten(kept[suffix])),
			"to register them as names too, with pinned host keys: clever-ssh setup "+ui.SuffixFlag(suffix)+"--adopt"))
	}
	return nil
}

// handwrittenEntries returns the entries in the user's own ssh_config, and in the files that it includes, that
// lead to a gateway.
func handwrittenEntries(c *config.Config) ([]handwritten.Entry, error) {
	l, err := settings.LayoutOf(c)
	if err != nil {
		return nil, err
	}
	text, err := atomicfile.Read(l.UserFile)
	if err != nil {
		return nil, err
	}
	folder, err := openssh.Folder(l)
	if err != nil {
		return nil, err
	}
	entries, unread := handwritten.Find(l.UserFile, text, folder, l.Folder(), c)
	for _, err := range unread {
		ui.Note(os.Stderr, "not all of your ssh configuration was searched for entries of your own: %v", err)
	}
	return entries, nil
}

// noteUnusedGateway reports a gateway that clever-tools is set to use and the settings do not have. It does not
// add the gateway: others may have set that variable or written that file, and neither is a reason to trust
// another server.
func (r *Request) noteUnusedGateway(s *settings.Settings, c *config.Config) {
	address, source, err := clevertools.Gateway(filepath.Dir(s.Path))
	if err != nil {
		ui.Note(os.Stderr, "%v", err)
	}
	if address == "" || r.Edit.Address != (config.Address{}) {
		return
	}
	a, err := config.ParseAddress(address)
	if err != nil { // do not show the address: it may be a URL with a password
		ui.Note(os.Stderr, "%s names a gateway that is not used: its address is not of the form [user@]host[:port]", source)
		return
	}
	for _, g := range c.Gateways {
		if g.Address.Port == a.Port && strings.EqualFold(g.Address.Host, a.Host) {
			return
		}
	}
	ui.Error(os.Stderr, ui.Hint(fmt.Errorf("%s names another gateway, %s, which is not used", source, a),
		"to use it as well: clever-ssh setup --suffix NAME --gateway "+a.String()+" --pin SHA256:...   (once for each of its host keys)"))
}
