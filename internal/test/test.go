// Package test is shared by the tests of all packages: how long they wait, what they need from the machine, and how
// the ssh processes that they start behave.
package test

import (
	"flag"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"
)

// Patience bounds every wait of every test. It only ends a test that hangs: an event decides when a test goes on, and
// a busy machine may take a minute for what takes a millisecond elsewhere.
const Patience = 2 * time.Minute

// Eventually waits for a condition. If it does not come about, the test ends, and says what there is instead.
func Eventually(t testing.TB, what string, condition func() bool, instead ...func() string) {
	t.Helper()
	for deadline := time.Now().Add(Patience); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			for _, text := range instead {
				t.Log(text())
			}
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

// Within waits for a channel, and returns the value that comes. If the channel is closed, that is the zero value.
func Within[T any](t testing.TB, what string, channel <-chan T) (value T) {
	t.Helper()
	select {
	case value = <-channel:
	case <-time.After(Patience):
		t.Fatalf("%s: not within %v", what, Patience)
	}
	return value
}

// Allocated returns how many bytes a function allocates, and whatever else runs meanwhile.
func Allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// HugeFile makes a file of 256 MiB that begins with a text and takes no room on the disk.
func HugeFile(t testing.TB, path, text string) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil {
		err = os.Truncate(path, 256<<20)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Parallel lets more of a package's tests run at once than there are processors, as they mostly wait. -parallel on the
// command line has precedence. Call it in TestMain.
func Parallel(perProcessor int) {
	flag.Parse()
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		flag.Set("test.parallel", strconv.Itoa(perProcessor*runtime.GOMAXPROCS(0)))
	}
}

// Slow skips a test under go test -short, which is what a developer runs after each edit.
func Slow(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("not with -short")
	}
}

// Long skips a test unless all tests are wanted, as in scripts/test.sh. Such a test takes long for what it adds to go
// test ./..., which a developer runs before each commit.
func Long(t testing.TB) {
	t.Helper()
	Slow(t)
	if os.Getenv("CLEVER_SSH_TESTS") != "all" {
		t.Skip("not without CLEVER_SSH_TESTS=all")
	}
}

// Missing ends a test because this machine lacks something that it needs. If $CI is set, everything must be there,
// and the test fails: a test that nothing runs is not a test.
func Missing(t testing.TB, what string) {
	t.Helper()
	leaveOut(t, what, "the test")
	t.SkipNow()
}

// leaveOut reports that this machine lacks something. With $CI set, the test fails.
func leaveOut(t testing.TB, missing, part string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Errorf("missing here: %s; with $CI set nothing may be", missing)
	}
	t.Logf("missing here: %s; left out: %s", missing, part)
}

// Find looks for a program on PATH, and for sftp-server, which is on no PATH, in its usual places.
func Find(program string) (path string, err error) {
	if path, err = exec.LookPath(program); err != nil && program == "sftp-server" {
		for _, folder := range []string{"/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec"} {
			if path, err := exec.LookPath(folder + "/" + program); err == nil {
				return path, nil
			}
		}
	}
	return path, err
}

// Need ends a test unless Find finds all of its programs. It returns the path of the first.
func Need(t testing.TB, programs ...string) (path string) {
	t.Helper()
	for _, p := range slices.Backward(programs) {
		var err error
		if path, err = Find(p); err != nil {
			Missing(t, p)
		}
	}
	return path
}

// Lacks reports whether one of the programs that a part of a test needs is missing. The test then leaves that part
// out, or fails if $CI is set.
func Lacks(t testing.TB, part string, programs ...string) bool {
	t.Helper()
	for _, p := range programs {
		if _, err := Find(p); err != nil {
			leaveOut(t, p, part)
			return true
		}
	}
	return false
}

// LacksFile is like Lacks, for a file.
func LacksFile(t testing.TB, part, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil {
		leaveOut(t, path, part)
	}
	return err != nil
}

// NeedFile ends a test unless a file exists.
func NeedFile(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		Missing(t, path)
	}
}

// NeedSSHFS ends a test unless sshfs can be used. Many containers have no /dev/fuse, whatever is installed in them, so
// this alone is never a failure.
func NeedSSHFS(t testing.TB) {
	t.Helper()
	Need(t, "sshfs", "fusermount3")
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	device.Close()
}

// NeedRoot ends a test unless root runs it.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root's rights")
	}
}
