//go:build unix

package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// quotedMessages lists the messages of clever-ssh that docs/troubleshooting.md explains: those in the headings, and in the
// first columns of the tables. … is for the parts that vary.
func quotedMessages(t *testing.T) (list []string) {
	t.Helper()
	_, ours, _ := strings.Cut(contentOf(t, "../../docs/troubleshooting.md"), "\n## What clever-ssh says\n")
	ours, _, _ = strings.Cut(ours, "\n## What PuTTY says\n")
	for line := range strings.Lines(ours) {
		if cell, ok := strings.CutPrefix(line, "| "); ok {
			cell, _, _ = strings.Cut(cell, " | ")
			list = append(list, codeOf(cell)...)
		} else if strings.HasPrefix(line, "### ") {
			list = append(list, codeOf(line)...)
		}
	}
	if len(list) < 200 {
		t.Fatalf("there are %d messages: %q", len(list), list)
	}
	return list
}

// sourceText is a string in the program's source, with … for each verb of fmt.
type sourceText struct {
	place   string // the file, and the line
	text    string
	isError bool // it is an error's text
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// sourceTexts lists the strings in the source of the program that people run.
func sourceTexts(t *testing.T) (list []sourceText) {
	t.Helper()
	files := token.NewFileSet()
	for _, folder := range []string{"cmd/clever-ssh", "bridge", "proxycmd", "config", "internal"} {
		must(t, filepath.WalkDir("../../"+folder, func(path string, _ os.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "internal/test/") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			errorTexts := map[ast.Node]bool{}
			ast.Inspect(file, func(n ast.Node) bool {
				switch part := errorText(n); lit := n.(type) {
				case *ast.BasicLit:
					if text, err := strconv.Unquote(lit.Value); err == nil && lit.Kind == token.STRING {
						place := strings.TrimPrefix(files.Position(lit.Pos()).String(), "../../")
						list = append(list, sourceText{place, verb.ReplaceAllString(text, "…"), errorTexts[lit]})
					}
				default:
					if part != nil {
						ast.Inspect(part, func(n ast.Node) bool {
							errorTexts[n] = true
							return true
						})
					}
				}
				return true
			})
			return nil
		}))
	}
	return list
}

// errorText returns the part of a node that holds an error's text, or nil: the argument of errors.New or fmt.Errorf, the
// body of a method Error, the fields of a type whose name ends in Error.
func errorText(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok {
			if p, ok := f.X.(*ast.Ident); ok && (p.Name+"."+f.Sel.Name == "errors.New" || p.Name+"."+f.Sel.Name == "fmt.Errorf") {
				return n.Args[0]
			}
		}
	case *ast.FuncDecl:
		if n.Recv != nil && n.Name.Name == "Error" {
			return n.Body
		}
	case *ast.CompositeLit:
		name := ""
		switch kind := n.Type.(type) {
		case *ast.Ident:
			name = kind.Name
		case *ast.SelectorExpr:
			name = kind.Sel.Name
		}
		if strings.HasSuffix(name, "Error") && name != "PathError" {
			return n
		}
	}
	return nil
}

// messagePattern matches the texts that an entry of the page is about.
func messagePattern(entry string) *regexp.Regexp {
	var parts []string
	for part := range strings.SplitSeq(entry, "…") {
		parts = append(parts, regexp.QuoteMeta(strings.TrimSpace(part)))
	}
	return regexp.MustCompile(strings.Join(parts, ".*"))
}

// The messages that people look up, in docs/troubleshooting.md and in the manual page, are ones that the program prints.
func TestQuotedMessages(t *testing.T) {
	t.Parallel()
	quoted := quotedMessages(t)
	_, manual, _ := strings.Cut(contentOf(t, "../../docs/clever-ssh.1"), "\n.Sh DIAGNOSTICS\n")
	manual, _, _ = strings.Cut(manual, "\n.Sh ")
	for line := range strings.Lines(manual) {
		if text, ok := strings.CutPrefix(line, ".It Li "); ok {
			quoted = append(quoted, strings.ReplaceAll(strings.TrimSpace(text), "...", "…"))
		}
	}
	var all strings.Builder
	all.WriteString(contentOf(t, "../../bridge/relays/relay.sh"))
	for _, s := range sourceTexts(t) {
		all.WriteString(strings.ReplaceAll(s.text, "\n", " ") + "\n")
	}
	for _, entry := range quoted {
		if !messagePattern(entry).MatchString(all.String()) {
			t.Errorf("the program has no message %q", entry)
		}
	}
}

// unexplained are the errors that docs/troubleshooting.md does not explain, by the beginning of their files' names or of their
// texts.
var unexplained = map[string]string{
	"internal/caller/":                 `they follow "cannot tell which alias is meant"`,
	"config/handwritten/":              `they follow "reading" and a file's name`,
	"cmd/clever-ssh/internal/survey/":  "the page of doctor --gateway has them beside what was expected",
	"flag needs an argument: -":        "flagError turns it into a usage error",
	"flag provided but not defined: -": "flagError turns it into a usage error",
	"…; the known aliases are …":       `it follows "unknown alias"`,
	"… before it said anything":        `it follows "the server closed the connection"`,
	"… during the handshake":           `it follows "the server closed the connection"`,
	"… with a malformed DISCONNECT":    `it follows "the server closed the connection"`,
	"…: it is too long":                `it follows "is neither an application id"`,
	"the outpost is running now":       "the bridge tells itself that",
	"the key is known now":             "the examination tells itself that",
	"the client has gone":              "the bridge tells itself that",
}

// An error's text is explained in docs/troubleshooting.md, unless
//
//   - it is about a wrong command line: ui.Usagef has those, and they say what to type;
//   - it begins with "it" or "its", and so goes on from a file or a variable that is named before it;
//   - it has fewer than three words of its own, such as "reading …: …", and what it frames is explained;
//   - it is among those in unexplained.
func TestMessagesExplained(t *testing.T) {
	t.Parallel()
	var entries []*regexp.Regexp
	for _, entry := range quotedMessages(t) {
		entries = append(entries, messagePattern(entry))
	}
	word, used := regexp.MustCompile(`[A-Za-z]{2,}`), map[string]bool{}
next:
	for _, s := range sourceTexts(t) {
		if !s.isError || len(word.FindAllString(s.text, -1)) < 3 || strings.HasPrefix(s.text, "it ") || strings.HasPrefix(s.text, "its ") {
			continue
		}
		for begun := range unexplained {
			if strings.HasPrefix(s.place, begun) || strings.HasPrefix(s.text, begun) {
				used[begun] = true
				continue next
			}
		}
		for _, entry := range entries {
			if entry.MatchString(s.text) {
				continue next
			}
		}
		t.Errorf("%s: docs/troubleshooting.md has no entry for %q", s.place, s.text)
	}
	for begun := range unexplained {
		if !used[begun] {
			t.Errorf("no error needs the exception for %q", begun)
		}
	}
}
