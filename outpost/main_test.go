//go:build linux

package outpost

import (
	"fmt"
	"os"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hangup"
)

func TestMain(m *testing.M) {
	CloseOnExec()
	hangup.Restore()
	os.Exit(test.InShortFolder(func() int { return atHome(m) }))
}

// atHome runs the tests in a home of their own: login shells would otherwise read the developer's login files.
func atHome(m *testing.M) int {
	home, err := os.MkdirTemp("", "outpost-test-")
	if err == nil {
		defer os.RemoveAll(home)
		err = os.Setenv("HOME", home)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
