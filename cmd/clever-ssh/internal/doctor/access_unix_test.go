//go:build unix

package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// Only a file that begins as a public key is read: a private one may have text before it.
func TestReadPublic(t *testing.T) {
	_, signer := test.NewKey(t)
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	for text, want := range map[string]bool{line: true, "# mine\n" + line: true, "Bag Attributes\n" + line: false, "-----BEGIN": false, "ssh": false, "": false} {
		path := filepath.Join(t.TempDir(), "id")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := readPublic(path); (got != nil) != want {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// chmod does not make a read-only file system writable, so the hint is a different one.
func TestReadOnlyFileSystem(t *testing.T) {
	const folder = "/sys"
	if err := unix.Access(folder, unix.W_OK); !errors.Is(err, unix.EROFS) {
		t.Skipf("%s is not mounted read-only: %v", folder, err)
	}
	if hints := ui.Hints(writeProblem(folder)); len(hints) != 1 || strings.Contains(hints[0], "chmod") {
		t.Errorf("%q", hints)
	}
}
