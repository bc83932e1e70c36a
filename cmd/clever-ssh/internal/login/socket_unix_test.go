//go:build unix

package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"
)

// The socket lies in the first folder that is private, and whose path ssh and the system can take.
func TestSocketPath(t *testing.T) {
	base := test.SocketFolder(t)
	folder := func(name string, mode os.FileMode) string {
		path := filepath.Join(base, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private, derived := folder("run", 0o700), folder("clever", 0o700)
	open, long := folder("open", 0o755), folder(strings.Repeat("l", maxSocket), 0o700)
	odd, quoted := folder("a b", 0o700), folder(`%d`, 0o700)
	link := filepath.Join(base, "link")
	if err := os.Symlink(private, link); err != nil {
		t.Fatal(err)
	}
	a := config.Alias{Gateway: config.Default().Gateways[0], Target: "app_x"}
	for _, c := range []struct{ title, runtime, derived, want string }{
		{"the session's folder", private, derived, private},
		{"none for the session", "", derived, derived},
		{"one that others can enter", open, derived, derived},
		{"one whose path is too long", long, derived, derived},
		{"one whose path ssh would split", odd, derived, derived},
		{"one whose path ssh would expand", quoted, derived, derived},
		{"a link, which may lead elsewhere tomorrow", link, derived, derived},
		{"a relative one", "run", derived, derived},
		{"no entries", private, filepath.Join(base, "absent"), private},
		{"nothing private", open, open, ""},
	} {
		t.Setenv("XDG_RUNTIME_DIR", c.runtime)
		want := ""
		if c.want != "" {
			want = filepath.Join(c.want, socketName("web.clever", a, nil))
		}
		if got := socketPath("web.clever", a, nil, c.derived); got != want {
			t.Errorf("%s: %q, want %q", c.title, got, want)
		}
	}
	if link, err := filepath.Match(socketPrefix+strings.Repeat("[0-9a-f]", 16), socketName("web.clever", a, nil)); !link || err != nil {
		t.Error("EndShared does not find the socket")
	}
}
