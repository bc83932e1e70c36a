//go:build unix

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
)

// script runs scripts/demo.sh from a folder other than its own.
func script(t *testing.T, env []string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := exec.Command("../../scripts/demo.sh", args...)
	cmd.Env = append(os.Environ(), env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
		status = exit.ExitCode()
	}
	return out.String(), said.String(), status
}

// The demo prints its own help, and its own message about unknown arguments.
func TestUsage(t *testing.T) {
	for _, option := range []string{"--help", "-h"} {
		out, said, status := script(t, nil, option)
		if status != 0 || said != "" || !strings.Contains(out, "scripts/demo.sh --check") || strings.Contains(out, "PATH-OF") || strings.Contains(out, "#") {
			t.Errorf("%s: status %d\n%s%s", option, status, out, said)
		}
	}
	for _, args := range [][]string{{"--nosuch"}, {"web"}, {"--check", "web"}, {""}} {
		out, said, status := script(t, nil, args...)
		if status != 2 || out != "" || !strings.HasPrefix(said, "demo.sh: ") || !strings.Contains(said, "scripts/demo.sh --help") || strings.Count(said, "\n") != 1 {
			t.Errorf("%q: status %d\n%s%s", args, status, out, said)
		}
	}
}

// The commands that it shows can be pasted.
func TestTyped(t *testing.T) {
	shown := typed([]string{"ssh", "all.pair.clever", "echo this is $INSTANCE_ID"})
	if want := "ssh all.pair.clever 'echo this is $INSTANCE_ID'"; shown != want {
		t.Errorf("%s, want %s", shown, want)
	}
}

// If Go is too old and cannot fetch a newer one, the demo says which version it found.
func TestOldGo(t *testing.T) {
	test.Slow(t)
	// The real Go may be as new as the module needs. This one is not, and fetches nothing.
	old := "#!/bin/sh\n" + `case $* in
'env GOVERSION') echo go1.19.8 ;;
env*) exec '` + test.Need(t, "go") + `' "$@" ;;
*) exit 1 ;;
esac
`
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "go"), []byte(old), 0o755); err != nil {
		t.Fatal(err)
	}
	_, said, status := script(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, "--check")
	if status != 1 || !strings.Contains(said, " or later is needed, and go1.") {
		t.Errorf("status %d\n%s", status, said)
	}
}

// The demo announces what the gateway's own ssh will say about the instance. To a reader that looks as if a host key
// had been accepted.
func TestCheck(t *testing.T) {
	test.Slow(t)
	out, said, status := script(t, nil, "--check")
	for _, want := range []string{"\nthis is instance 0 of app_demo\n", "\nhello from your machine\n", " says: hello from port "} {
		if !strings.Contains(out, want) {
			t.Errorf("it shows no %q:\n%s", want, out)
		}
	}
	announced, added := strings.Index(out, `"Permanently added" below is`), strings.Index(out, "Warning: Permanently added")
	if status != 0 || announced < 0 || added < announced || !strings.HasSuffix(out, "demo: the prompt appeared\n") {
		t.Errorf("status %d\n%s%s", status, out, said)
	}
	if !strings.HasPrefix(said, "demo.sh: building clever-ssh\n") {
		t.Errorf("stderr begins with %.200q", said)
	}
}
