//go:build unix

package bridge

import (
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// However the other side shows its input, nobody sees the script.
func TestScriptIsNotShown(t *testing.T) {
	t.Parallel()
	ours := regexp.MustCompile(`printf|exec|stty|eval|bin/sh|profile|\\\\?[0-7]{3}|[0-9a-f]{16}`)
	instances := []struct{ name, script, shown string }{
		{"stdin comes back", "head -n 1; exit 1", ""},
		{"on both streams, after words", "echo Welcome; head -n 1 | tee /dev/stderr; exit 1", "Welcome"},
		{"in a message", `IFS= read -r line; echo "Unknown choice: $line!"; printf 'Error: "%s"\r\n' "$line" >&2; exit 1`, "Unknown choice: …!\nError: \"…\""},
		{"in part", `echo; head -c 600; echo; echo Sorry; exit 1`, "Sorry"},
		{"quoted", `IFS= read -r line; printf '%s\n' "$line" | sed "s/[\\\\']/\\\\&/g"; exit 1`, ""},
		{"traced", `echo; head -n 1 | sh -vn; exit 1`, ""},
		{"in colours", `IFS= read -r line; printf '%s\n' "$line" | sed "s/[a-z]*/$(printf '\033')[32m&$(printf '\033')[0m/g"; exit 1`, ""},
		{"wrapped", `IFS= read -r line; printf '%s' "$line" | fold -w 79 | sed "s/\$/ $(printf '\r')/" | tr -d '\n'; exit 1`, ""},
	}
	for _, command := range []string{"echo never", "echo " + strings.Repeat("never say 'never'; ", 200)} {
		for _, row := range instances {
			t.Run(row.name, func(t *testing.T) {
				t.Parallel()
				o, _ := instanceShell(t, row.script+"\n")
				_, err := runCommand(t, o, command, "")
				noisy, ok := err.(interface{ noise() string })
				if !ok {
					t.Fatalf("%v", err)
				}
				if row.shown != "" && noisy.noise() != row.shown {
					t.Errorf("%q", noisy.noise())
				}
				if ours.MatchString(noisy.noise()) {
					t.Errorf("%q", noisy.noise())
				}
			})
		}
		for name, shell := range map[string]string{
			"head": "stty -icanon -echo && exec head -n 1", "bash": "exec bash --norc --noprofile -i",
			"zsh": "exec zsh -f -i", "fish": "exec fish --no-config -i",
		} {
			t.Run("in a terminal/"+name, func(t *testing.T) {
				t.Parallel()
				test.Slow(t)
				test.NeedRoot(t)
				test.Need(t, name, "unshare")
				// With /bin/false as /bin/sh no marker comes, whatever the shell.
				o, _ := instanceShell(t, "exec unshare -m bash -c 'mount --bind /bin/false /bin/sh && "+shell+"'\n")
				err := runInTestTerminal(t, o, command)
				noisy, ok := err.(interface{ noise() string })
				if !ok {
					t.Fatalf("%v", err)
				}
				if ours.MatchString(noisy.noise()) {
					t.Errorf("%q", noisy.noise())
				}
			})
		}
	}
	// The gateway's own words about the command and the language stay.
	s := newScript("cat /home/bas/app_facade42-cafe-babe-cafe-deadf00dbaad", []string{"LC_PAPER=a very long value that is kept"})
	const words = "Error: no app_facade42-cafe-babe-cafe-deadf00dbaad\nno a very long value that is kept\n"
	if got := s.echoes().cut(words); got != words {
		t.Errorf("%q", got)
	}
}
