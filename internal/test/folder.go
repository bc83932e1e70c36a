package test

import (
	"os"
	"testing"
)

// longest is how long the path of the temporary folder may be. The path of a socket below it has room for about a
// hundred bytes, and the tests add to it: their titles, homes, and the names of the sockets.
const longest = 20

// ShortFolder makes the temporary folder one with a short path, and one that other accounts can use, as some tests
// need it, whatever $TMPDIR is. The function that it returns removes it.
func ShortFolder() (remove func()) {
	info, err := os.Stat(os.TempDir())
	if err == nil && len(os.TempDir()) <= longest && info.Mode().Perm()&0o007 == 0o007 {
		return func() {}
	}
	folder, err := os.MkdirTemp("/tmp", "t-")
	if err != nil { // if there is no /tmp, for example: then it stays what it is
		return func() {}
	}
	os.Chmod(folder, 0o777|os.ModeSticky)
	os.Setenv("TMPDIR", folder)
	return func() { os.RemoveAll(folder) }
}

// InShortFolder runs tests, for a TestMain, with such a folder. The caller must exit with the status.
func InShortFolder(run func() int) (status int) {
	defer ShortFolder()()
	return run()
}

// SocketFolder makes a folder with a path that is short enough for sockets, for as long as the test runs.
func SocketFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}
