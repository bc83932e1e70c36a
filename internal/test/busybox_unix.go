//go:build unix

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// BusyboxRoot returns a root file system with nothing but busybox.
func BusyboxRoot(t testing.TB) string {
	t.Helper()
	Slow(t)
	NeedRoot(t)
	Need(t, "busybox")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"bin", "root", "etc", "tmp", "dev"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	CopyProgram(t, root, "busybox", "bin/busybox")
	for _, applet := range strings.Fields(string(applets)) {
		if applet == "busybox" {
			continue
		}
		if err := os.Symlink("busybox", filepath.Join(root, "bin", applet)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mknod(filepath.Join(root, "dev", "null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		Missing(t, "the right to make /dev/null ("+err.Error()+")")
	}
	return root
}

// CopyProgram copies a program and its libraries into another root file system.
func CopyProgram(t testing.TB, root, name, to string) {
	t.Helper()
	Need(t, name)
	program, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	libraries, _ := exec.Command("ldd", program).Output() // fails for a static one
	script := fmt.Sprintf("cp %s %s\n", program, filepath.Join(root, to))
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			script += fmt.Sprintf("mkdir -p %s%s && cp %s %s%s\n", root, filepath.Dir(word), word, root, word)
		}
	}
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
