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

// Each link leads to a file that exists and, if it has an anchor, to a heading in it.
func TestPageLinks(t *testing.T) {
	all := pages(t)
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

// The messages that people look up are ones that the program prints. Each heading about clever-ssh
// in docs/troubleshooting.md quotes some, and so does the manual page, with … or ... for the parts
// that vary.
func TestQuotedMessages(t *testing.T) {
	_, ours, _ := strings.Cut(contentOf(t, "../../docs/troubleshooting.md"), "\n## What clever-ssh says\n")
	ours, _, _ = strings.Cut(ours, "\n## ")
	var quoted []string
	for line := range strings.Lines(ours) {
		if strings.HasPrefix(line, "### ") {
			quoted = append(quoted, codeOf(line)...)
		}
	}
	_, manual, _ := strings.Cut(contentOf(t, "../../docs/clever-ssh.1"), "\n.Sh DIAGNOSTICS\n")
	manual, _, _ = strings.Cut(manual, "\n.Sh ")
	for line := range strings.Lines(manual) {
		if text, ok := strings.CutPrefix(line, ".It Li "); ok {
			quoted = append(quoted, strings.ReplaceAll(strings.TrimSpace(text), "...", "…"))
		}
	}
	if len(quoted) < 20 {
		t.Fatalf("there are %d messages: %q", len(quoted), quoted)
	}
	var source strings.Builder
	must(t, filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "internal/test") {
			source.WriteString(contentOf(t, path))
		}
		return err
	}))
	for _, text := range quoted {
		var parts []string
		for part := range strings.SplitSeq(text, "…") {
			parts = append(parts, regexp.QuoteMeta(strings.TrimSpace(part)))
		}
		// The message must be in a string, on one line, and not in a comment.
		if !regexp.MustCompile(`(?m)^[^/\n]*"[^\n]*` + strings.Join(parts, `[^\n]*`)).MatchString(source.String()) {
			t.Errorf("the program has no message %q", text)
		}
	}
}
