//go:build linux

package outpost

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	CloseOnExec()
	os.Exit(m.Run())
}
