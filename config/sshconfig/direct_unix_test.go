//go:build unix

package sshconfig

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// If others can write to a file that ssh includes, ssh stops for every host.
func TestDirectIsTheUsersAlone(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "direct.conf")
	for _, alias := range []string{"app_x.clever", "app_x.staging"} { // made, then replaced
		if err := RegisterDirect(path, alias, "app_x"); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{path, path + ".lock"} {
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v", file, info.Mode())
			}
		}
	}
}
