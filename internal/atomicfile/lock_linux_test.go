package atomicfile

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"clever-ssh/internal/test"
)

// Root cannot look into every folder: not in a container without that right, nor on some network file systems. Acting
// as the folder's owner, it can.
func TestLockWhereRootCannotLook(t *testing.T) {
	if path := os.Getenv("CLEVER_SSH_TEST_LOCK"); path != "" {
		if _, err := os.Stat(path + ".lock"); !os.IsPermission(err) {
			t.Fatalf("root can look: %v", err)
		}
		unlock, err := Lock(path, test.Patience)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
		return
	}
	needRoot(t)
	setpriv := test.Need(t, "setpriv")
	dir := ordinaryFolder(t)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	const rights = "=-dac_override,-dac_read_search"
	cmd := exec.CommandContext(ctx, setpriv, "--bounding-set"+rights, "--inh-caps"+rights, os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "CLEVER_SSH_TEST_LOCK="+dir+"/file")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
