//go:build unix

package openssh

import (
	"os"
	"path/filepath"
	"testing"
)

// fakeProgram writes a shell script to a folder of its own, and returns its path.
func fakeProgram(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	writeFile(t, path, "#!/bin/sh\n"+script+"\n", 0o700)
	return path
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
