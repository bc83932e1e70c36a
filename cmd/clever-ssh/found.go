package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/clevertools"
	"clever-ssh/config/handwritten"
	"clever-ssh/internal/atomicfile"
)

// What setup finds lying about: applications that clever-tools has linked, a gateway that it was told to use, entries that a
// person wrote by hand.

// addFound asks for the names of the applications linked here, unless the command line says what it wants, and of the
// entries written by hand, if they are to be adopted. What it only finds, it tells.
func (r *request) addFound(s *settings) error {
	// The gateway is the one that this very command may be about to add.
	without := r.edit
	without.Names = nil
	_, c, err := config.Apply(s.path, s.text, without)
	if err != nil {
		return adviseOnEdit(err, r.edit.Suffix)
	}
	if len(r.edit.Names) == 0 && len(r.targets) == 0 {
		if err := r.addLinked(c.Gateway(r.edit.Suffix)); err != nil {
			return err
		}
	}
	if err := r.addHandwritten(s, c); err != nil {
		return err
	}
	offerGateway(s, c, r.edit)
	return nil
}

// offer asks for a name that nobody has typed. Where it is taken, and its target has another, that one is good enough.
func (r *request) offer(g *config.Gateway, n config.Name, t config.Target, source string) error {
	if old, taken := g.Names[n]; taken && old != t && !r.edit.Replace {
		for other, target := range g.Names {
			if target == t {
				note(os.Stderr, "%s: %s.%s stays with %s; %s is %s.%s", source, n, g.Suffix, old, t, other, g.Suffix)
				return nil
			}
		}
	}
	if err := r.name(n, t); err != nil {
		return hint(fmt.Errorf("%s: %w", source, err), "choose a name yourself: clever-ssh setup "+suffixFlag(g.Suffix)+"NAME="+string(t))
	}
	return nil
}

func (r *request) addLinked(g *config.Gateway) error {
	dir, err := os.Getwd()
	if err != nil {
		return nil // a folder that is gone links nothing
	}
	path, apps, nameless, err := clevertools.Linked(dir)
	if err != nil {
		return hint(err, "mend that file; or go elsewhere, or name the target: clever-ssh setup "+suffixFlag(g.Suffix)+"NAME=app_...")
	}
	var fresh []string
	for _, app := range apps {
		if err := r.offer(g, app.Name, app.Target, path); err != nil {
			return err
		}
		if _, asked := r.edit.Names[app.Name]; asked && g.Names[app.Name] != app.Target {
			fresh = append(fresh, string(app.Name))
		}
	}
	if len(fresh) > 0 {
		note(os.Stderr, "%s links %s", path, shorten(fresh))
	}
	for _, t := range nameless {
		say(os.Stderr, hint(fmt.Errorf("%s: %s has no name that could stand in an alias", path, t), "give it one: clever-ssh setup "+suffixFlag(g.Suffix)+"NAME="+string(t)))
	}
	return nil
}

func (r *request) addHandwritten(s *settings, c *config.Config) error {
	text, err := atomicfile.Read(s.layout.UserFile)
	if err != nil {
		return err
	}
	home, err := config.Home()
	if err != nil {
		return err
	}
	entries, unread := handwritten.Find(s.layout.UserFile, text, filepath.Join(home, ".ssh"), s.layout.Folder(), c)
	for _, err := range unread {
		note(os.Stderr, "entries of your own were not looked for everywhere: %v", err)
	}
	var told []string
	for _, e := range entries {
		where := fmt.Sprintf("%s:%d", e.File, e.Line)
		g := c.Gateway(e.Suffix)
		adoptable := e.Name != "" && e.Suffix == r.edit.Suffix
		switch {
		case r.adopt && adoptable:
			if err := r.offer(g, e.Name, e.Target, where); err != nil {
				return err
			}
		case r.adopt && e.Suffix == r.edit.Suffix:
			say(os.Stderr, hint(fmt.Errorf("%s: %q cannot be a name", where, e.Alias), "choose one: clever-ssh setup "+suffixFlag(e.Suffix)+"NAME="+string(e.Target)))
		case !hasName(g, e.Target):
			told = append(told, fmt.Sprintf("%s (%s)", e.Alias, where))
		}
	}
	if len(told) > 0 {
		say(os.Stderr, hint(fmt.Errorf("you have entries of your own for the gateway: %s", shorten(told)), "to have them as names, with pinned host keys, too: clever-ssh setup "+suffixFlag(r.edit.Suffix)+"--adopt"))
	}
	return nil
}

// hasName reports whether a target has a name.
func hasName(g *config.Gateway, t config.Target) bool {
	for _, target := range g.Names {
		if target == t {
			return true
		}
	}
	return false
}

// offerGateway tells of a gateway that clever-tools was told to use, and that is none of ours. A variable, or a file, that others may
// have set is no reason to trust another server.
func offerGateway(s *settings, c *config.Config, edit config.Edit) {
	address, source, err := clevertools.Gateway(filepath.Dir(s.path))
	if err != nil {
		note(os.Stderr, "%v", err)
	}
	if address == "" || edit.Address != (config.Address{}) {
		return
	}
	a, err := config.ParseAddress(address)
	if err != nil {
		note(os.Stderr, "%s names the gateway %q, which is not used: %v", source, address, err)
		return
	}
	for _, g := range c.Gateways {
		if g.Address == a {
			return
		}
	}
	say(os.Stderr, hint(fmt.Errorf("%s names another gateway, %s, which is not used", source, a),
		"to use it: clever-ssh setup --gateway "+a.String()+" --pin SHA256:...   (once for each of its host keys)"))
}

// shorten lists some words, and counts the rest.
func shorten(words []string) string {
	if len(words) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:mostNamed], ", "), len(words)-mostNamed)
	}
	return strings.Join(words, ", ")
}
