package sshconfig

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"clever-ssh/internal/pattern"
	"clever-ssh/internal/sshline"
)

// Reading is how ssh read its configuration for one host: which files in which order, and which of their blocks
// applied. ssh prints the values that it ends up with, but not where they came from.
type Reading struct {
	top      []string // the files that it read unprompted
	included map[Place][]string
	applied  map[Place]bool // the Host and Match lines that applied
}

// Place is a line of a file, counted from 1.
type Place struct {
	File string
	Line int
}

func (p Place) String() string { return p.File + " line " + strconv.Itoa(p.Line) }

// readingLines matches the lines of `ssh -vvv` about its configuration. They are the same from OpenSSH 8.0 to 10.5.
// ssh cuts a file's name at 200 bytes there, so nothing in a file with a longer name is found.
var readingLines = pattern.New(`(?m)^debug[1-3]: (?:` +
	`Reading configuration data (?P<read>.+)` +
	`|(?P<host>.+) line (?P<hostLine>\d+): Applying options for .*` +
	`|(?P<include>.+) line (?P<includeLine>\d+): Including file (?P<file>.+) depth \d+(?P<parseOnly> \(parse only\))?` +
	`|(?P<checking>checking match for ).*` +
	`|(?P<match>.+) line (?P<matchLine>\d+): (?:not )?matched '.*' ?` +
	`|(?P<found>match found)` +
	`)$`)

// ParseReading reads what `ssh -vvv -G HOST` wrote to stderr.
func ParseReading(log string) Reading {
	r := Reading{included: map[Place][]string{}, applied: map[Place]bool{}}
	log = strings.ReplaceAll(log, "\r\n", "\n")
	var match Place  // the Match line that ssh is working on
	var inner string // the file that an Include has just named
	seen := map[string]bool{}
	at := func(m map[string]string, name string) Place {
		line, _ := strconv.Atoi(m[name+"Line"])
		return Place{m[name], line}
	}
	names := readingLines().SubexpNames()
	for _, found := range readingLines().FindAllStringSubmatch(log, -1) {
		m := map[string]string{}
		for i, name := range names {
			m[name] = found[i]
		}
		switch {
		case m["read"] != "" && m["read"] == inner:
			inner = ""
		case m["read"] != "":
			if seen[m["read"]] { // ssh starts again, for a Match final
				return r
			}
			seen[m["read"]] = true
			r.top = append(r.top, m["read"])
		case m["host"] != "":
			r.applied[at(m, "host")] = true
		case m["include"] != "":
			inner = m["file"]
			if m["parseOnly"] == "" {
				r.included[at(m, "include")] = append(r.included[at(m, "include")], inner)
			}
		case m["checking"] != "":
			match = Place{}
		case m["match"] != "":
			match = at(m, "match")
		case m["found"] != "":
			r.applied[match] = true
		}
	}
	return r
}

// Includes reports whether ssh read a file for the host because another file includes it.
func (r Reading) Includes(file string) bool {
	for _, files := range r.included {
		if slices.Contains(files, file) {
			return true
		}
	}
	return false
}

// Applied reports whether ssh applied a Host or Match line of a file to the host, and the line contains a word.
func (r Reading) Applied(file, word string, read func(path string) ([]byte, error)) bool {
	text, _ := read(file)
	n := 0
	for line := range bytes.Lines(text) {
		if n++; r.applied[Place{file, n}] && strings.Contains(string(line), word) {
			return true
		}
	}
	return false
}

// otherKeywords maps former names of keywords to the names that ssh -G prints (readconf.c).
var otherKeywords = map[string]string{
	"challengeresponseauthentication": "kbdinteractiveauthentication",
	"skeyauthentication":              "kbdinteractiveauthentication",
	"tisauthentication":               "kbdinteractiveauthentication",
	"dsaauthentication":               "pubkeyauthentication",
	"identityfile2":                   "identityfile",
	"userknownhostsfile2":             "userknownhostsfile",
}

// Setting finds where a keyword, in lower case, got its value: where ssh first met it. It is not ok if the value is
// ssh's own, or if the place cannot be determined.
func (r Reading) Setting(keyword string, read func(path string) ([]byte, error)) (p Place, ok bool) {
	for _, file := range r.top {
		if p, ok = r.settingIn(file, keyword, read, 0); ok {
			return p, true
		}
	}
	return Place{}, false
}

// maxDepth is how deeply ssh follows files that include others (readconf.h).
const maxDepth = 16

func (r Reading) settingIn(file, keyword string, read func(path string) ([]byte, error), depth int) (p Place, ok bool) {
	text, err := read(file)
	if err != nil || depth > maxDepth {
		return Place{}, false
	}
	p, applies := Place{File: file}, true
	for line := range bytes.Lines(text) {
		p.Line++
		directive, ok := sshline.Parse(string(line))
		if !ok {
			continue
		}
		switch word := directive.Keyword; {
		case word == "host" || word == "match":
			applies = r.applied[p] || directive.IsMatchAll() // ssh does not report "Match all"
		case !applies:
		case word == "include":
			for _, inner := range r.included[p] {
				if p, ok := r.settingIn(inner, keyword, read, depth+1); ok {
					return p, true
				}
			}
		case word == keyword || otherKeywords[word] == keyword:
			return p, true
		}
	}
	return Place{}, false
}
