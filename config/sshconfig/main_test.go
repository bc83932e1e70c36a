package sshconfig

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"clever-ssh/config"
)

// registerVariable makes the test binary register aliases instead of running tests: another process, with its own
// locks.
const registerVariable = "SSHCONFIG_TEST_REGISTER"

func TestMain(m *testing.M) {
	if path := os.Getenv(registerVariable); path != "" {
		os.Exit(registerAll(path, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func registerAll(path string, targets []string) (status int) {
	for _, target := range targets {
		if err := RegisterDirect(path, target+".clever", config.Target(target)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

// fakeProgram makes a fake clever-ssh in a folder of that name, below a fresh one. It is a link to
// testdata/clever-ssh. If a test wrote the program itself, a child of another test might still have it open, between
// its fork and its exec, and it could not run until that is over ("text file busy"). The program says no to `match
// command`; to anything else it exits with the status.
func fakeProgram(t *testing.T, folder string, status int) (program string) {
	t.Helper()
	script, err := filepath.Abs("testdata/clever-ssh")
	if err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(tempDir(t), folder, "clever-ssh")
	write(t, filepath.Join(filepath.Dir(program), "command"), "1")
	write(t, filepath.Join(filepath.Dir(program), "status"), fmt.Sprint(status))
	if err := os.Symlink(script, program); err != nil {
		t.Fatal(err)
	}
	return program
}

// wantBridge makes a fake program say yes to `match command`.
func wantBridge(t *testing.T, program string) {
	t.Helper()
	write(t, filepath.Join(filepath.Dir(program), "command"), "0")
}

// calls returns what a fake program was called with, each argument in <>.
func calls(program string) string {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), "record"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}
