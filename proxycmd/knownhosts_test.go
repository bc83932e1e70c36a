package proxycmd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/test"
)

// lineOf returns the line of known_hosts for a host key.
func lineOf(alias, hostKey string) string {
	keyType, _, _ := takeString([]byte(hostKey))
	return alias + " " + string(keyType) + " " + base64.StdEncoding.EncodeToString([]byte(hostKey)) + "\n"
}

// numberedKey is one of many host keys.
func numberedKey(n int) string {
	return string(fields("ssh-ed25519", fmt.Sprintf("%032d", n)))
}

func TestUpdateKnownHosts(t *testing.T) {
	rsaKey := string(fields("ssh-rsa", "\x01\x00\x01", "modulus"))
	ours, rsa := lineOf("clever-ssh-test", pinnedKey), lineOf("clever-ssh-test", rsaKey)
	stale := lineOf("clever-ssh-test", unpinnedKey)
	other := lineOf("clever-ssh-other", unpinnedKey)
	crlf := func(line string) string { return strings.TrimSuffix(line, "\n") + "\r\n" }
	for _, test := range []struct {
		name, before, add, after string
	}{
		{"no file", "", pinnedKey, ours},
		{"there already", ours, pinnedKey, ours},
		{"there already, among others", rsa + ours + other, pinnedKey, rsa + ours + other},
		{"another pinned key", rsa, pinnedKey, rsa + ours},
		{"a key that is not pinned any more", stale, pinnedKey, ours},
		{"and nothing to add", stale + rsa, "", rsa},
		{"in the middle", other + stale + rsa, pinnedKey, other + rsa + ours},
		{"several", stale + rsa + stale + ours + stale, pinnedKey, rsa + ours},
		{"everything leaves", stale, "", ""},
		{"another alias keeps a key that is not pinned here", other, pinnedKey, other + ours},
		{"the same key under another alias", lineOf("clever-ssh-other", pinnedKey), pinnedKey, lineOf("clever-ssh-other", pinnedKey) + ours},
		{"an alias that ours begins", lineOf("clever-ssh-test2", unpinnedKey), pinnedKey, lineOf("clever-ssh-test2", unpinnedKey) + ours},
		{"an alias that ours ends", lineOf("x-clever-ssh-test", unpinnedKey), pinnedKey, lineOf("x-clever-ssh-test", unpinnedKey) + ours},
		{"comments and empty lines", "# clever-ssh-test x\n\n  \n", pinnedKey, "# clever-ssh-test x\n\n  \n" + ours},
		{"markers", "@revoked " + stale + "@cert-authority " + stale, pinnedKey, "@revoked " + stale + "@cert-authority " + stale + ours},
		{"hashed", "|1|c2FsdA==|aGFzaA== ssh-ed25519 AAAA\n", pinnedKey, "|1|c2FsdA==|aGFzaA== ssh-ed25519 AAAA\n" + ours},
		{"a list of hosts", "a,clever-ssh-test ssh-ed25519 AAAA\n", pinnedKey, "a,clever-ssh-test ssh-ed25519 AAAA\n" + ours},
		{"no final line feed", strings.TrimSuffix(other, "\n"), pinnedKey, other + ours},
		{"no final line feed, a stale line", other + strings.TrimSuffix(stale, "\n"), pinnedKey, other + ours},
		{"no final line feed, nothing to add", strings.TrimSuffix(other, "\n"), "", strings.TrimSuffix(other, "\n")},
		{"CRLF", crlf(other), pinnedKey, crlf(other) + ours},
		{"CRLF, a stale line", crlf(other) + crlf(stale), pinnedKey, crlf(other) + ours},
		{"leading spaces, a stale line", "  " + stale + "\t" + stale, pinnedKey, ours},
		{"a comment after a stale key", strings.TrimSuffix(stale, "\n") + " me@here\n", pinnedKey, ours},
		{"lines of ours without a key", "clever-ssh-test\nclever-ssh-test ssh-ed25519\n", pinnedKey, ours},
		{"lines of ours with a broken key", "clever-ssh-test ssh-ed25519 !!!\nclever-ssh-test ssh-ed25519 AAAA=\n", pinnedKey, ours},
		{"nonsense", "\x00\xff\x1b[2J x y\n" + strings.Repeat("x", 100_000) + "\n", pinnedKey, "\x00\xff\x1b[2J x y\n" + strings.Repeat("x", 100_000) + "\n" + ours},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "known_hosts")
			if test.before != "" {
				if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			g := testGateway(22, pinnedKey, rsaKey)
			var add []byte
			if test.add != "" {
				add = []byte(test.add)
			}
			long := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
			for _, again := range []bool{false, true} {
				if err := UpdateKnownHosts(path, g, add); err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(path)
				if err != nil || string(got) != test.after {
					t.Errorf("%q, error %v, want %q", got, err, test.after)
				}
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("mode %v, error %v", info.Mode(), err)
				} else if again && !info.ModTime().Equal(long) {
					t.Errorf("written again at %v, with nothing to change", info.ModTime())
				}
				if err := os.Chtimes(path, long, long); err != nil {
					t.Fatal(err)
				}
			}
			onlyFiles(t, filepath.Dir(path), "known_hosts", "known_hosts.lock")
		})
	}
}

// onlyFiles fails if a folder holds anything else.
func onlyFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+e.Name()+" ") {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

// A line spelled differently from ours stays; ours is added once.
func TestKnownHostsInAnotherSpelling(t *testing.T) {
	ours := lineOf("clever-ssh-test", pinnedKey)
	line := strings.TrimSuffix(ours, "\n")
	for name, before := range map[string]string{
		"CRLF": line + "\r\n", "a comment": line + " me@here\n", "spaces": strings.ReplaceAll(line, " ", "  ") + "\n",
	} {
		path := filepath.Join(t.TempDir(), "known_hosts")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := UpdateKnownHosts(path, testGateway(22, pinnedKey), []byte(pinnedKey)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != before+ours {
			t.Errorf("%s: %q, error %v, want %q", name, got, err, before+ours)
		}
	}
}

// The type of a key is written into a line of its own: it must not be able to write more.
func TestKnownHostsRefusesInvalidTypes(t *testing.T) {
	for _, hostKey := range []string{
		"", "x", "\x00\x00\x00\x09ssh", string(fields("", "k")), string(fields("ssh ed25519", "k")), string(fields("a\nexample.com ssh-ed25519 AAAA\n", "k")),
		string(fields("\x1b[2J", "k")), string(fields("é", "k")), string(fields("\x7f", "k")),
	} {
		path := filepath.Join(t.TempDir(), "known_hosts")
		err := UpdateKnownHosts(path, testGateway(22, hostKey), []byte(hostKey))
		if err == nil {
			t.Errorf("%q is written", hostKey)
		}
		onlyFiles(t, filepath.Dir(path))
	}
}

func TestKnownHostsBehindALink(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "elsewhere")
	path := filepath.Join(dir, "known_hosts")
	if err := os.Symlink("elsewhere", path); err != nil {
		t.Fatal(err)
	}
	for n := range 2 { // the target is created, then changed
		g := testGateway(22, numberedKey(0), numberedKey(1))
		if err := UpdateKnownHosts(path, g, []byte(numberedKey(n))); err != nil {
			t.Fatal(err)
		}
	}
	if to, err := os.Readlink(path); err != nil || to != "elsewhere" {
		t.Errorf("the link leads to %q, error %v", to, err)
	}
	want := lineOf("clever-ssh-test", numberedKey(0)) + lineOf("clever-ssh-test", numberedKey(1))
	if got, err := os.ReadFile(target); err != nil || string(got) != want {
		t.Errorf("%q, error %v, want %q", got, err, want)
	}
}

// If somebody holds the lock for too long, that delays a connection, but not forever.
func TestKnownHostsLocked(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	path := filepath.Join(t.TempDir(), "known_hosts")
	unlock, err := atomicfile.Lock(path, test.Patience)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	began := time.Now()
	err = UpdateKnownHosts(path, testGateway(22, pinnedKey), []byte(pinnedKey))
	if err == nil || !strings.Contains(err.Error(), "another process has held it for 5s") || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("given up after %v", took)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("known_hosts: %v", err)
	}
}

func TestKnownHostsInAFolderThatIsNone(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"absent/known_hosts", "file/known_hosts", "folder"} {
		if err := UpdateKnownHosts(filepath.Join(dir, path), testGateway(22, pinnedKey), []byte(pinnedKey)); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	onlyFiles(t, dir, "file", "folder", "folder.lock")
	onlyFiles(t, filepath.Join(dir, "folder"))
}

const (
	writers       = 4 // processes in addition to the test's own
	keysPerWriter = 5 // goroutines in each
	keysOfTest    = 50
)

// addsVariable makes this test binary, started again, one of the writers of TestKnownHostsOfManyAtOnce.
const addsVariable = "PROXYCMD_TEST_ADDS_KNOWN_HOSTS" // "path first-key"

func init() {
	value := os.Getenv(addsVariable)
	if value == "" {
		return
	}
	var path string
	var first int
	if _, err := fmt.Sscan(value, &path, &first); err != nil {
		panic(err)
	}
	addKnownHosts(path, first, keysPerWriter, func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	})
	os.Exit(0)
}

// addKnownHosts adds some of many keys at once, and keeps trying: all of them need patience at the same time here.
func addKnownHosts(path string, first, n int, failed func(error)) {
	var keys []string
	for i := range writers*keysPerWriter + keysOfTest {
		keys = append(keys, numberedKey(i))
	}
	g := testGateway(22, keys...)
	var all sync.WaitGroup
	for _, k := range keys[first : first+n] {
		all.Go(func() {
			var err error
			for range 10 {
				if err = UpdateKnownHosts(path, g, []byte(k)); err == nil {
					return
				}
			}
			failed(err)
		})
	}
	all.Wait()
}

func TestKnownHostsOfManyAtOnce(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	path := filepath.Join(t.TempDir(), "known_hosts")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	for i := range writers {
		others.Go(func() {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", addsVariable, path, i*keysPerWriter), "GORACE=atexit_sleep_ms=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	addKnownHosts(path, writers*keysPerWriter, keysOfTest, func(err error) { t.Error(err) })
	others.Wait()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range writers*keysPerWriter + keysOfTest {
		if bytes.Count(got, []byte(lineOf("clever-ssh-test", numberedKey(n)))) != 1 {
			t.Errorf("key %d is lost, or twice there", n)
		}
	}
	onlyFiles(t, filepath.Dir(path), "known_hosts", "known_hosts.lock")
}
