//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command and every flag is in the manual page, and nothing in it is taken for a request of the formatter that is none.
func TestManual(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	page := runs(t, h.command("clever-ssh", "manual"))
	for _, c := range newApp().Commands {
		if section := `.SS "` + roffEscapes.Replace(c.UsageText) + `"` + "\n"; strings.Contains(page, section) == c.Hidden {
			t.Errorf("%s is hidden: %v; there is %q: %v", c.Name, c.Hidden, section, !c.Hidden)
		}
		if c.Hidden {
			continue
		}
		for _, f := range c.Flags {
			for _, name := range f.Names() {
				name = strings.Repeat("-", min(len(name), 2)) + name
				if !regexp.MustCompile(`(?m)^\.B "(.* )?` + regexp.QuoteMeta(roffEscapes.Replace(name)) + `\b`).MatchString(page) {
					t.Errorf("%s %s is missing", c.Name, name)
				}
			}
		}
	}
	request := regexp.MustCompile(`\A\.((TH|SH|SS|B)( "[^"]*")+|PP|TP|EX|EE|nf|fi|nr HY 0|nh|ad l|ss 12 0)\z`)
	for line := range strings.Lines(page) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "'") || line == "" || (line[0] == '.' && !request.MatchString(line)) {
			t.Errorf("the line %q", line)
		}
		if regexp.MustCompile(`\\($|[^&e(-])`).MatchString(line) {
			t.Errorf("an escape in %q", line)
		}
	}
	for _, section := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "FILES", "ENVIRONMENT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"} {
		if !strings.Contains(page, `.SH "`+section+"\"\n") {
			t.Errorf("there is no section %s", section)
		}
	}

	file := filepath.Join(h.dir, "clever-ssh.1")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("man"); err != nil {
		t.Skip("there is no man")
	}
	cmd := h.command("man", "-l", "--warnings", "-E", "UTF-8", file)
	cmd.Env = append(cmd.Env, "MANWIDTH=80", "LC_ALL=C.UTF-8")
	var said strings.Builder
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("man: %v\n%s", err, &said)
	}
	for _, want := range []string{"clever-ssh remove --all", "clever-ssh setup web=app_1a2b3c4d-...   then: ssh web.clever"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("man shows no %q:\n%s", want, text)
		}
	}
}

func TestRoffEscapes(t *testing.T) {
	for text, want := range map[string]string{
		".clever.json":    `\&.clever.json`,
		`'a' "b" --c`:     `\(aqa\(aq \(dqb\(dq \-\-c`,
		`\n ~/x ^ ` + "`": `\en \(ti/x \(ha \(ga`,
		"...":             `\&...`,
	} {
		if got := escapeRoff(text); got != want {
			t.Errorf("%q is written %q, want %q", text, got, want)
		}
	}
}
