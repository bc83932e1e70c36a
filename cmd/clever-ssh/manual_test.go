//go:build unix

package main

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// The manual page, which is written by hand, documents every command and option that is visible or
// that people start, and no others, and man accepts it.
func TestManual(t *testing.T) {
	t.Parallel()
	const file = "../../docs/clever-ssh.1"
	source, err := os.ReadFile(file)
	must(t, err)
	if strings.Contains(string(source), "\t") {
		t.Error("there is a tab, which mdoc takes for columns")
	}
	// A command's part begins with a line ".It Cm NAME" and ends at the next such line.
	parts := map[string]string{}
	_, commands, _ := strings.Cut(string(source), "\n.Sh COMMANDS\n")
	commands, _, _ = strings.Cut(commands, "\n.Sh ")
	synopsis, _, _ := strings.Cut(string(source), "\n.Sh DESCRIPTION\n")
	for _, part := range strings.Split(commands, "\n.It Cm ")[1:] {
		parts[strings.Fields(part)[0]] = part
	}
	option := regexp.MustCompile(`(?m)^\.It Fl -([a-z-]+)`)
	for _, c := range newApp().Commands {
		part, described := parts[c.Name]
		delete(parts, c.Name)
		// bridge is for programs, so --help does not list it. People write it into their settings.
		wanted := !c.Hidden || c == bridgeCommand
		if described != wanted {
			t.Errorf("%s is described: %v, want %v", c.Name, described, wanted)
		}
		if !wanted {
			continue
		}
		if c.Name != "help" && !strings.Contains(synopsis, "\n.Cm "+c.Name+"\n") {
			t.Errorf("%s is not in the synopsis", c.Name)
		}
		documented := map[string]bool{"verbose": true} // once, for all commands
		for _, m := range option.FindAllStringSubmatch(part, -1) {
			documented[m[1]] = true
		}
		for _, f := range c.VisibleFlags() {
			if name := f.Names()[0]; name != "help" && !documented[name] {
				t.Errorf("%s --%s is missing", c.Name, name)
			} else {
				delete(documented, name)
			}
		}
		delete(documented, "verbose")
		for name := range documented {
			t.Errorf("there is no option %s --%s", c.Name, name)
		}
	}
	for name := range parts {
		t.Errorf("there is no command %s", name)
	}

	test.Need(t, "man")
	cmd := exec.Command("man", "-l", "--warnings", "-E", "UTF-8", file)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8")
	var said strings.Builder
	cmd.Stderr = &said
	text, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Errorf("man: %v\n%s", err, &said)
	}
	for line := range strings.Lines(string(text)) {
		if len([]rune(line)) > 81 {
			t.Errorf("a line is longer than 80 columns: %q", line)
		}
	}
	for _, want := range []string{
		"clever-ssh remove --suffix suffix | --all", "clever-ssh setup web=app_1a2b3c4d-...",
		"clever-ssh exec [-v] [--all] alias", "--ssh-config file",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("man shows no %q:\n%s", want, text)
		}
	}
}

// The manual page's example of settings is valid.
func TestManualSettings(t *testing.T) {
	_, settings, _ := strings.Cut(contentOf(t, "../../docs/clever-ssh.1"), "\n.Sh SETTINGS\n")
	_, settings, _ = strings.Cut(settings, "\n.Bd -literal -offset indent\n")
	settings, _, _ = strings.Cut(settings, "\n.Ed\n")
	for _, key := range []string{"account", "identity", "via", "instances", "outpost", "keep", "address", "pins"} {
		if !strings.Contains(settings, key+" ") {
			t.Errorf("the example has no %s", key)
		}
	}
	checkSettings(t, settings)
}
