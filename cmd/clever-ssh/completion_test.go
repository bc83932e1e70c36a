//go:build unix

package main

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

const completed = `
[names]
web = "` + appWeb + `"
pair = "` + appPair + `"

[[gateway]]
suffix  = "staging"
address = "gw.example.com"
pins    = ["SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]

[gateway.names]
api = "app_api"
`

// completionHome is a home with some names, in which nothing else completes clever-ssh.
func completionHome(t *testing.T) *home {
	t.Helper()
	h := testHome(t)
	file := filepath.Join(h.dir, ".config", "clever-cloud", "clever-ssh.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, completed...), 0o600); err != nil {
		t.Fatal(err)
	}
	// The folder keeps fish from making completions of all manual pages.
	if err := os.MkdirAll(filepath.Join(h.dir, "fish", "generated_completions"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file-one", "file two"} {
		if err := os.WriteFile(filepath.Join(h.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(h.env, "XDG_DATA_HOME="+h.dir, "XDG_DATA_DIRS="+h.dir, "LC_ALL=C.UTF-8", "INPUTRC=/dev/null", "ZDOTDIR="+h.dir)
	return h
}

// completionCases are command lines up to the cursor, and the words that fit there. ":files" means that the
// shell offers files itself.
var completionCases = map[string]string{
	"clever-ssh d":                                "doctor db",
	"clever-ssh l":                                "list logs listen",
	"clever-ssh --v":                              "--version",
	"clever-ssh nosuch ":                          "",
	"clever-ssh match ":                           "",
	"clever-ssh list ":                            "",
	"clever-ssh list --":                          "--json --verbose --help",
	"clever-ssh remove ":                          "pair web",
	"clever-ssh remove p":                         "pair",
	"clever-ssh remove web ":                      "pair",
	"clever-ssh remove --suffix staging ":         "api",
	"clever-ssh remove --suffix=staging -v ":      "api",
	"clever-ssh remove --suffix ":                 "clever staging",
	"clever-ssh remove x --suffix=s":              "--suffix=staging",
	"clever-ssh remove --":                        "--all --suffix --verbose --help",
	"clever-ssh exec 0.":                          "0.pair.clever 0.web.clever 0.api.staging",
	"clever-ssh logs all.p":                       "all.pair.clever",
	"clever-ssh doctor any.w":                     "any.web.clever any.web.run.clever",
	"clever-ssh putty --print 12.web.r":           "12.web.run.clever",
	"clever-ssh instances ":                       "pair.clever web.clever api.staging",
	"clever-ssh exec x.":                          "",
	"clever-ssh exec ":                            "pair.clever web.clever api.staging",
	"clever-ssh exec -":                           "--verbose --all --help",
	"clever-ssh exec -v w":                        "web.clever",
	"clever-ssh exec web.clever ":                 ":files",
	"clever-ssh exec web.clever -":                ":files",
	"clever-ssh exec web.clever -- ls fi":         ":files",
	"clever-ssh db w":                             "web.clever",
	"clever-ssh db 1.p":                           "1.pair.clever",
	"clever-ssh db web.clever ":                   "",
	"clever-ssh db web.clever --":                 "--verbose --port --show --exec --help",
	"clever-ssh db web.clever --exec re":          "redis-cli",
	"clever-ssh db --exec=psq":                    "--exec=psql",
	"clever-ssh db --port 5433 w":                 "web.clever",
	"clever-ssh db web.clever --exec psql -f fi":  ":files",
	"clever-ssh db web.clever --exec=psql ":       ":files",
	"clever-ssh logs w":                           "web.clever",
	"clever-ssh logs web.clever ":                 "",
	"clever-ssh listen --port 2200 pair.clever ":  "web.clever api.staging",
	"clever-ssh proxy ":                           "clever pair.clever web.clever staging api.staging",
	"clever-ssh putty --print w":                  "web.clever web.run.clever",
	"clever-ssh putty --print web.clever ":        "",
	"clever-ssh doctor w":                         "web.clever web.run.clever",
	"clever-ssh doctor --j":                       "--json",
	"clever-ssh doctor web.clever --g":            "--gateway",
	"clever-ssh completion ":                      "bash zsh fish",
	"clever-ssh completion bash ":                 "",
	"clever-ssh setup ":                           "",
	"clever-ssh setup web=":                       "",
	"clever-ssh setup --pu":                       "--putty",
	"clever-ssh setup --account ":                 "",
	"clever-ssh setup --account=":                 "--account=yes --account=no",
	"clever-ssh setup --dry-run=":                 "",
	"clever-ssh setup --putty ":                   "auto yes no",
	"clever-ssh setup --putty=":                   "--putty=auto --putty=yes --putty=no",
	"clever-ssh setup --putty=y":                  "--putty=yes",
	"clever-ssh setup --putty=no --no":            "--no-include",
	"clever-ssh setup --identity ":                ":files",
	"clever-ssh setup --ssh-config=fi":            ":files",
	"clever-ssh setup --pin ":                     "",
	"clever-ssh setup -- --pu":                    "",
	"clever-ssh 'remove'  \"pair\" w":             "web",
	`clever-ssh rem\ove 'w`:                       "web",
	"clever-ssh remove $(touch pwned) `touch x` ": "pair web",
}

// The same words fit whichever shell asks.
func TestFitting(t *testing.T) {
	t.Parallel()
	h := completionHome(t)
	for line, want := range completionCases {
		words := wordsOf(line)
		for _, shell := range []string{"zsh", "fish"} {
			out := runs(t, h.command("clever-ssh", append([]string{"complete", shell}, words...)...))
			var got []string
			for l := range strings.Lines(out) {
				l = strings.TrimSuffix(l, "\n")
				if l != anyFile.word {
					l, _, _ = strings.Cut(l, map[string]string{"zsh": ":", "fish": "\t"}[shell])
				}
				got = append(got, l)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %s: %q, want %q", shell, line, got, want)
			}
		}
	}
	if left, _ := filepath.Glob(filepath.Join(h.dir, "[px]*")); left != nil {
		t.Errorf("there is %v", left)
	}
}

// Whatever the settings are, TAB prints nothing about them and changes nothing.
func TestFittingWithBrokenSettings(t *testing.T) {
	t.Parallel()
	h := completionHome(t)
	file := filepath.Join(h.dir, ".config", "clever-cloud", "clever-ssh.toml")
	for _, text := range []string{"nonsense", "[names]\nweb = \"$(touch pwned)\"\n", "[names]\n\"$(touch pwned)\" = \"app_x\"\n",
		"[[gateway]]\nsuffix = \"`touch pwned`\"\naddress = \"gw.example.com\"\npins = [\"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"]\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"zsh", "clever-ssh", "remove", ""}, {"fish", "clever-ssh", "exec", "w"}, {"bash", "=:", "clever-ssh remove --suffix "}} {
			cmd := h.command("clever-ssh", append([]string{"complete"}, args...)...)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%q: %v, %q", args, err, out)
			}
		}
	}
	for _, args := range [][]string{{}, {"bash"}, {"bash", "x"}, {"zsh"}, {"nosuch", "a"}, {"fish", ""}} {
		cmd := h.command("clever-ssh", append([]string{"complete"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
}

// The function that bash calls, with bash's own arguments: one bash for all lines, each without the answer to
// the one before, as at a prompt.
func TestCompletionInBash(t *testing.T) {
	t.Parallel()
	h := completionHome(t)
	const script = `eval "$(clever-ssh completion bash)"
compopt() { [ "$1 $2" = "+o default" ] || exit 9; none=none; }
COMP_WORDBREAKS=$1
shift
set -u
for line; do
	unset COMPREPLY
	COMP_LINE="$line and more" COMP_POINT=${#line} none=:files
	_clever_ssh clever-ssh || exit 8
	echo "${COMPREPLY[*]:-$none}"
done`
	lines := slices.Sorted(maps.Keys(completionCases))
	for _, breaks := range []string{" \t\n\"'><=;|&(:", " \t\n"} {
		out := runs(t, h.command("bash", append([]string{"-c", script, "bash", breaks}, lines...)...))
		got := strings.Split(out, "\n")
		if len(got) != len(lines)+1 {
			t.Fatalf("breaks %q: %d answers to %d lines:\n%s", breaks, len(got)-1, len(lines), out)
		}
		for i, line := range lines {
			want := cmp.Or(completionCases[line], "none")
			if begun := "--putty="; strings.Contains(breaks, "=") {
				want = strings.NewReplacer(begun, "", "--suffix=", "", "--account=", "", "--exec=", "").Replace(want)
			}
			if got[i] != want {
				t.Errorf("breaks %q: %s: %q, want %q", breaks, line, got[i], want)
			}
		}
	}
}

func TestCompletionInFish(t *testing.T) {
	test.Need(t, "fish")
	t.Parallel()
	h := completionHome(t)
	lines := slices.DeleteFunc(slices.Sorted(maps.Keys(completionCases)), func(line string) bool {
		return strings.ContainsAny(line, "'\"\\`") // which it writes as itself
	})
	const answered = "--- answered\n"
	out := runs(t, h.command("fish", append([]string{"-c", "clever-ssh completion fish | source; for line in $argv; complete -C $line; echo '" + strings.TrimSpace(answered) + "'; end"}, lines...)...))
	answers := strings.SplitAfter(out, answered)
	if len(answers) != len(lines)+1 {
		t.Fatalf("%d answers to %d lines:\n%s", len(answers)-1, len(lines), out)
	}
	for i, line := range lines {
		want := completionCases[line]
		var got []string
		for l := range strings.Lines(strings.TrimSuffix(answers[i], answered)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
			got = append(got, word)
		}
		wanted := strings.Fields(want)
		if want == ":files" {
			begun := line[1+strings.LastIndexByte(line, ' '):]
			option, _, joined := strings.Cut(begun, "=")
			if joined {
				option += "="
			} else {
				option = ""
			}
			if file := option + "file-one"; strings.HasPrefix(file, begun) && !slices.Contains(got, file) {
				t.Errorf("%s: no %s among %q", line, file, got)
			}
			continue
		}
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(wanted, got) {
			t.Errorf("%s: %q, want %q", line, got, wanted)
		}
	}
	out = runs(t, h.command("fish", "-c", "clever-ssh completion fish | source; complete -C 'clever-ssh log'"))
	if out != "logs\tfollow an application's log\n" {
		t.Errorf("fish has %q", out)
	}
}

// shells are interactive shells that read no configuration of the machine or of a person.
var shells = map[string][]string{
	"bash": {"bash", "--norc", "--noprofile", "-i"},
	"zsh":  {"zsh", "-f", "-i"},
	"fish": {"fish", "-i"},
}

// A person presses TAB.
func TestTab(t *testing.T) {
	t.Parallel()
	for shell, load := range map[string]string{
		"bash": `eval "$(clever-ssh completion bash)"`,
		"zsh":  "autoload -Uz compinit && compinit -u -D; source <(clever-ssh completion zsh)",
		"fish": "clever-ssh completion fish | source",
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			testTab(t, completionHome(t), shell, load)
		})
	}
	t.Run("zsh from fpath", func(t *testing.T) {
		t.Parallel()
		h := completionHome(t)
		if err := os.WriteFile(filepath.Join(h.dir, "_clever-ssh"), []byte(zshCompletion), 0o600); err != nil {
			t.Fatal(err)
		}
		testTab(t, h, "zsh", "fpath=($HOME $fpath); autoload -Uz compinit && compinit -u -D")
	})
}

func testTab(t *testing.T, h *home, shell, load string) {
	term := startShell(t, h, shell, load)
	for begun, want := range map[string]string{
		"clever-ssh compl":                    "clever-ssh completion",
		"clever-ssh remove w":                 "clever-ssh remove web",
		"clever-ssh exec a":                   "clever-ssh exec api.staging",
		"clever-ssh setup --putty=a":          "clever-ssh setup --putty=auto",
		"clever-ssh setup --putty y":          "clever-ssh setup --putty yes",
		"clever-ssh setup --identity ./file-": "clever-ssh setup --identity ./file-one",
	} {
		tab(t, term, begun, want)
	}
	for _, begun := range []string{"true; clever-ssh remove p", "true | clever-ssh remove p", "X=1 clever-ssh remove p", "clever-ssh remove \"$(touch pwned)\" p"} {
		term.send(t, begun+"\t")
		term.expect(t, "air")
		term.send(t, "\x15echo 'd'one\r")
		term.expect(t, `\ndone|\rdone`)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "pwned")); err == nil {
		t.Error("what stands before the cursor was run")
	}
}

// startShell starts an interactive shell in a terminal, and loads something.
func startShell(t *testing.T, h *home, shell, load string) *terminal {
	t.Helper()
	test.Need(t, shell)
	term := start(t, h.command(shells[shell][0], shells[shell][1:]...))
	term.send(t, load+"; echo loa''ded\r")
	term.expect(t, `\nloaded|\rloaded`)
	return term
}

// tab types the beginning of a line, has the shell complete it, and compares the result.
func tab(t *testing.T, term *terminal, begun, want string) {
	t.Helper()
	term.send(t, begun+"\t")
	_, rest, _ := strings.Cut(want, begun)
	term.expect(t, rest)
	term.send(t, "\x01echo 'g'ot: \r")
	term.expect(t, "got: "+want)
}

// ssh's own completion knows the aliases from the entries. For bash it comes in a package of its own.
func TestTabOfSSH(t *testing.T) {
	t.Parallel()
	for shell, load := range map[string]string{
		"bash": ". /usr/share/bash-completion/bash_completion",
		"zsh":  "autoload -Uz compinit && compinit -u -D",
		"fish": "true",
	} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if shell == "bash" {
				test.NeedFile(t, "/usr/share/bash-completion/bash_completion")
			}
			h := completionHome(t)
			if out, err := h.command("clever-ssh", "setup").CombinedOutput(); err != nil {
				t.Fatalf("setup: %v\n%s", err, out)
			}
			term := startShell(t, h, shell, load)
			tab(t, term, "ssh pair.c", "ssh pair.clever")
			tab(t, term, "ssh api.st", "ssh api.staging")
		})
	}
}
