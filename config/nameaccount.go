package config

import (
	"cmp"
	"slices"
	"strings"
)

// AccountApplication is one of the account's applications, as the account calls it: its names may be any text.
type AccountApplication struct {
	ID           Target
	Name         string
	Organisation string
}

// NameAccount names each of the account's applications as the account does, as far as an alias can hold the name.
// Applications that would share a name also get that of their organisation: web.acme. Some applications remain
// nameless: those that would still share a name, and those whose name a person gave to something else, unless a
// person has named them. The configuration must be the one without the account's names.
//
// Colleagues choose what an application is called. So a name never looks like anything else that can be typed: its
// only dot is the one before the organisation, and it is neither the gateway's own name nor one that stands for an
// instance.
func (c *Config) NameAccount(list []AccountApplication) (named []AccountName, nameless []AccountApplication) {
	g := c.Gateways[0]
	labels := make([]Name, len(list))
	asking := map[Name]int{}
	for i, a := range list {
		labels[i] = accountLabel(a.Name)
		asking[labels[i]]++
	}
	for i, a := range list {
		if label := labels[i]; asking[label] > 1 || !c.mayName(label, a.ID) {
			labels[i] = ""
			if owner := accountLabel(a.Organisation); label != "" && owner != "" {
				labels[i], _ = ParseName(string(label + "." + owner))
			}
			asking[labels[i]]++
		}
	}
	chosen := map[Target]bool{}
	for _, t := range g.Names {
		chosen[t] = true
	}
	for i, a := range list {
		switch {
		case asking[labels[i]] == 1 && c.mayName(labels[i], a.ID):
			named = append(named, AccountName{Name: labels[i], Target: a.ID, Organisation: a.Organisation})
		case !chosen[a.ID]:
			nameless = append(nameless, a)
		}
	}
	slices.SortFunc(named, func(a, b AccountName) int { return cmp.Compare(a.Name, b.Name) })
	return named, nameless
}

// accountLabel turns a text into one label of an alias. It is empty if the text makes no label.
func accountLabel(text string) Name {
	n, err := MakeName(text)
	if err != nil {
		return ""
	}
	// Without its dots it may look like an id, or begin like one of the labels below.
	n, _ = ParseName(strings.ReplaceAll(string(n), ".", "-"))
	return n
}

// mayName reports whether one of the account's applications may have a name.
func (c *Config) mayName(n Name, t Target) bool {
	first, _, _ := strings.Cut(string(n), ".")
	if n == "" || IsSelector(first) || "."+string(n) == runLabel || c.GatewayOf(string(n)) != nil {
		return false
	}
	other, taken := c.Gateways[0].Names[n]
	return !taken || other == t
}

// AccountChanges is what changes with a new list of the account's names.
type AccountChanges struct {
	Added   []AccountName
	Gone    []AccountName    // the account no longer has the application
	Renamed []AccountRenamed // the application has another name
	Moved   []NameTaken      // the name now stands for another application
	Held    []NameTaken      // the name would stand for another application, but does not
}

// AccountRenamed is one application with another name, or without a name if New is empty.
type AccountRenamed struct {
	Old AccountName
	New Name
}

// RenewAccount replaces the names from the account. If a name stood for one application and another now asks for it,
// the first keeps it unless replace is set. The list all holds every application of the account, with or without a
// name.
func RenewAccount(old, named []AccountName, all []AccountApplication, replace bool) (list []AccountName, changes AccountChanges) {
	exists := map[Target]bool{}
	for _, a := range all {
		exists[a.ID] = true
	}
	before, names := map[Name]AccountName{}, map[Target]Name{}
	known := map[Target]bool{}
	for _, o := range old {
		before[o.Name] = o
		known[o.Target] = true
	}
	kept := map[Name]bool{}
	for _, n := range named {
		o, taken := before[n.Name]
		if taken = taken && o.Target != n.Target; taken && !replace {
			o.Gone = !exists[o.Target]
			list = append(list, o)
			changes.Held = append(changes.Held, NameTaken{n.Name, o.Target, n.Target})
			kept[n.Name] = true
			continue
		}
		if taken {
			changes.Moved = append(changes.Moved, NameTaken{n.Name, o.Target, n.Target})
		} else if !known[n.Target] {
			changes.Added = append(changes.Added, n)
		}
		list = append(list, n)
		kept[n.Name], names[n.Target] = true, n.Name
	}
	for _, o := range old {
		switch {
		case o.Gone:
		case !exists[o.Target]:
			changes.Gone = append(changes.Gone, o)
		default:
			n := names[o.Target]
			_, told := before[n] // it had this name before, or the name has moved
			if told = told || n == "" && kept[o.Name]; !told {
				changes.Renamed = append(changes.Renamed, AccountRenamed{o, n})
			}
		}
	}
	return list, changes
}
