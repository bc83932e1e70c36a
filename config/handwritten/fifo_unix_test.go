//go:build unix

package handwritten

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Find opens only regular files, and does not read ours even through a link.
func TestSpecialFiles(t *testing.T) {
	home := t.TempDir()
	ssh := filepath.Join(home, ".ssh")
	write(t, filepath.Join(ssh, "config"), "Include conf.d/*\n"+entry("a"))
	write(t, filepath.Join(ssh, "clever/config"), entry("ours"))
	write(t, filepath.Join(ssh, "conf.d/2"), entry("b"))
	if err := syscall.Mkfifo(filepath.Join(ssh, "conf.d/1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"3": "1", "4": "2", "5": "../clever/config", "6": "/dev/zero", "7": "nosuch", "8": "..", "9": "9"} {
		if err := os.Symlink(target, filepath.Join(ssh, "conf.d", link)); err != nil {
			t.Fatal(err)
		}
	}
	got, unread := findIn(t, home)
	if diff := cmp.Diff([]string{".ssh/conf.d/2:3 b", ".ssh/config:4 a"}, got); diff != "" || unread != nil {
		t.Error(diff, unread)
	}
}
