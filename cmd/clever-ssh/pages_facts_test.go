//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The pages and the help say that the source is where homepage.txt says.
func TestHomepage(t *testing.T) {
	said := "Source and releases: " + homepage + "."
	for _, page := range []string{"README.md", "SECURITY.md", "docs/setup.md", "docs/clever-ssh.1"} {
		if !strings.Contains(contentOf(t, "../../"+page), said) {
			t.Errorf("%s does not say %q", page, said)
		}
	}
	if !strings.Contains(help, homepage) {
		t.Errorf("the help does not say %q", homepage)
	}
}

var pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// packagedPage matches a line of nfpm.yaml about a page, or a file that pages link to.
var packagedPage = regexp.MustCompile(`(?m)^    dst: /usr/share/doc/clever-ssh/(\S*)`)

// Each link leads to a file that exists, here and in the packages, and, if it has an anchor, to a heading in it.
func TestPageLinks(t *testing.T) {
	all := pages(t)
	var packaged []string
	for _, m := range packagedPage.FindAllStringSubmatch(contentOf(t, "../../scripts/release/nfpm.yaml"), -1) {
		packaged = append(packaged, m[1])
	}
	for page := range all {
		if strings.HasPrefix(page, "docs/") && slices.Contains(packaged, "docs/") {
			packaged = append(packaged, page)
		}
	}
	for page, text := range all {
		for _, m := range pageLink.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			if slices.Contains(packaged, page) && !slices.Contains(packaged, filepath.Clean(file)) {
				t.Errorf("%s: the packages have no %s", page, file)
			}
			if anchor != "" && !slices.Contains(anchorsOf(all[file]), anchor) {
				t.Errorf("%s: %s has no heading for #%s", page, file, anchor)
			}
		}
	}
}

var notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchorsOf lists the anchors that GitHub gives the headings of a page.
func anchorsOf(text string) (list []string) {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			list = append(list, strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return list
}
