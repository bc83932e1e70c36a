package bridge

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience bounds every wait, so that a test that fails ends. It decides nothing else: tests wait for events, however busy
// the machine is.
const patience = 2 * time.Minute

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// startsPrograms skips a test with -short, which has only the tests that start none.
func startsPrograms(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("it starts programs")
	}
}

// need skips a test where a program is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			lacks(t, p)
		}
	}
}

// needRoot skips a test that takes root for something.
func needRoot(t *testing.T, what string) {
	t.Helper()
	if os.Getuid() != 0 {
		lacks(t, "root, for "+what+",")
	}
}

// lacks ends a test for which this machine lacks something. Where everything has to be there, that is a failure.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing", what)
	}
	t.Skipf("%s is missing", what)
}
