//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// The examples in docs/libraries.md do what the page says, and refuse another host key.
func TestLibrariesPage(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	page, err := os.ReadFile("../../docs/libraries.md")
	must(t, err)
	examples := regexp.MustCompile("(?s)\n## ([^\n]+)\n\n(?:[^`][^\n]*\n)*\n?```(\\w+)\n(.*?)```\n").FindAllStringSubmatch(string(page), -1)
	var listenAt string // the port that the example for Java connects to
	run := map[string]func(t *testing.T, title, file string) *exec.Cmd{
		"python": func(t *testing.T, title, file string) *exec.Cmd {
			module := strings.ToLower(title)
			needs(t, module, exec.Command("/usr/bin/python3", "-c", "import "+module))
			return h.command("/usr/bin/python3", file)
		},
		"javascript": func(t *testing.T, _, file string) *exec.Cmd {
			test.Need(t, "node", "npm")
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), "node_modules")); err != nil {
				runs(t, h.command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", filepath.Dir(file), "ssh2@1.16.0"))
			}
			return h.command("node", file)
		},
		"go": func(t *testing.T, _, file string) *exec.Cmd {
			test.Need(t, "go")
			program := file + ".program"
			if out, err := exec.Command("go", "build", "-o", program, file).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return h.command(program)
		},
		"java": func(t *testing.T, _, file string) *exec.Cmd {
			const jsch = "/usr/share/java/jsch.jar"
			test.Need(t, "javac")
			test.NeedFile(t, jsch)
			if listenAt == "" {
				runs(t, h.command("ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", "", "-f", h.path("id_ecdsa")))
				must(t, os.WriteFile(h.path("config"), []byte(readText(t, h.path("config"))+"\nHost *\n    IdentityFile "+h.path("id_ecdsa")+"\n"), 0o600))
				listenAt = listenIn(t, h).port
			}
			must(t, os.WriteFile(file, []byte(strings.ReplaceAll(readText(t, file), "2222", listenAt)), 0o600))
			return h.command("java", "-Duser.home="+h.dir, "-cp", jsch, file)
		},
	}
	if len(examples) != 6 {
		t.Errorf("the page has %d examples", len(examples))
	}
	for _, e := range examples {
		title, language, text := e[1], e[2], e[3]
		t.Run(strings.Fields(title)[0], func(t *testing.T) {
			t.Parallel()
			start := run[language]
			if start == nil {
				t.Fatal("nobody knows how to run ", language)
			}
			file := filepath.Join(t.TempDir(), "main."+map[string]string{"python": "py", "javascript": "js", "go": "go", "java": "java"}[language])
			must(t, os.WriteFile(file, []byte(text), 0o600))
			cmd := start(t, title, file)
			if out := runs(t, cmd); strings.TrimSpace(out) != "Linux" && strings.TrimSpace(out) != "Darwin" {
				t.Errorf("%q", out)
			}
			// With another key in its place the example fails.
			otherKey := h.path("other_known_hosts")
			key, err := os.ReadFile(h.path("clever/known_hosts"))
			must(t, err)
			fields := strings.Fields(strings.SplitN(string(key), "\n", 2)[0])
			must(t, os.WriteFile(otherKey, []byte("clever-ssh-bridge "+strings.Join(fields[1:], " ")+"\n"), 0o600))
			must(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "clever/bridge_known_hosts", "other_known_hosts")), 0o600))
			cmd = start(t, title, file)
			if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "Linux") {
				t.Errorf("with another host key: %v\n%s", err, out)
			}
		})
	}
}
