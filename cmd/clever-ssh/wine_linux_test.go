package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"clever-ssh/internal/test"
)

// The program for Windows works under Wine: setup writes its files, and proxy carries connections.
// Wine is not Windows: an older Wine does not tell a program its parent's command line, so proxy
// trusts its argument there, and match has nothing to ask.
func TestWine(t *testing.T) {
	test.Long(t)
	needPrograms(t)
	test.Need(t, "wine", "wineserver", "x86_64-w64-mingw32-gcc")
	t.Parallel()
	w := newPrefix(t)
	// One after another, because they share the account.
	t.Run("setup", func(t *testing.T) { testWineSetup(t, w) })
	t.Run("many at once", func(t *testing.T) { testWineManyAtOnce(t, w) })
	t.Run("proxy", func(t *testing.T) { testWineProxy(t, w) })
	t.Run("an ssh", func(t *testing.T) { testWineSSH(t, w) })
	t.Run("registry", func(t *testing.T) { testWineRegistry(t, w) })
}

// prefix is a Windows with one account, as Wine makes it.
type prefix struct {
	dir     string // WINEPREFIX
	env     []string
	program string // the file of clever-ssh.exe, as Linux sees it
	home    string // the account's folder, as Linux sees it
}

// newPrefix makes a Windows that lasts as long as the test, with a clever-ssh.exe that is not yet installed.
func newPrefix(t *testing.T) *prefix {
	t.Helper()
	dir := t.TempDir()
	w := &prefix{dir: filepath.Join(dir, "prefix"), program: filepath.Join(dir, "clever-ssh.exe")}
	// This has nothing of this machine's account. Otherwise Wine would pass its variables on, make
	// links to folders in its home, and open a window to ask whether to download .NET and a
	// browser. TMPDIR is not set, because Wine 10 aborts if it is.
	w.env = []string{"WINEPREFIX=" + w.dir, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "HOME=" + dir,
		"LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	// Neither has a pipe for its output: Windows' services would hold the other end. The second
	// command waits for input and keeps the services running, which would otherwise start and stop
	// with each command.
	boot, idle := w.wine("wineboot", "-i"), w.wine("cmd")
	t.Cleanup(func() {
		w.unix("wineserver", "-k").Run()
		w.unix("wineserver", "-w").Run()
		idle.Wait()
		test.Eventually(t, "the end of all programs", func() bool { return len(w.running("")) == 0 },
			func() string { return fmt.Sprintf("left behind: %q", w.running("")) })
	})

	build := exec.Command("../../scripts/build.sh", w.program)
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "GOFLAGS=-buildvcs=false")
	const random = "bcryptprimitives.dll"
	dll := exec.Command("x86_64-w64-mingw32-gcc", "-O", "-shared", "-o", filepath.Join(dir, random), "testdata/wine/bcryptprimitives.c", "-ladvapi32")
	var work sync.WaitGroup
	for _, cmd := range []*exec.Cmd{build, dll} {
		work.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", cmd.Args, err, out)
			}
		})
	}
	_, errIn := idle.StdinPipe()
	if err := errors.Join(errIn, boot.Run(), idle.Start()); err != nil {
		t.Errorf("starting Windows: %v", err)
	}
	work.Wait()
	if t.Failed() {
		t.FailNow()
	}
	library := w.path("windows", "system32", random)
	if _, err := os.Stat(library); errors.Is(err, fs.ErrNotExist) {
		copyFile(t, filepath.Join(dir, random), library)
	}
	homes, err := filepath.Glob(w.path("users", "*"))
	homes = slices.DeleteFunc(homes, func(path string) bool { return filepath.Base(path) == "Public" })
	if err != nil || len(homes) != 1 {
		t.Fatalf("the accounts are %q, %v", homes, err)
	}
	w.home = homes[0]
	return w
}

// path returns the path on Linux of a file on drive C:.
func (w *prefix) path(names ...string) string {
	return filepath.Join(w.dir, "drive_c", filepath.Join(names...))
}

// unix returns a command of Linux for the prefix.
func (w *prefix) unix(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = w.env
	return cmd
}

// wine returns a command of Windows.
func (w *prefix) wine(program string, args ...string) *exec.Cmd {
	return w.unix("wine", append([]string{program}, args...)...)
}

// install puts the program into a folder of drive C: and returns its path there.
func (w *prefix) install(t *testing.T, folder string) string {
	t.Helper()
	if err := os.MkdirAll(w.path(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(w.program, w.path(folder, "clever-ssh.exe")); err != nil {
		t.Fatal(err)
	}
	return `C:\` + folder + `\clever-ssh.exe`
}

// running lists the command lines of the prefix's processes that contain a word.
func (w *prefix) running(word string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		// A process that has ended meanwhile has neither.
		env, _ := os.ReadFile(file)
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if bytes.Contains(env, []byte("WINEPREFIX="+w.dir+"\x00")) && strings.Contains(string(line), word) {
			list = append(list, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return list
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// registrySessions returns the values of PuTTY's saved sessions, by session name as the registry
// spells it. A number is written as dword:00000016.
func registrySessions(t *testing.T, w *prefix) map[string]map[string]string {
	t.Helper()
	const key = `HKEY_CURRENT_USER\Software\SimonTatham\PuTTY\Sessions`
	// Not reg query: there, characters outside ASCII depend on a code page.
	out, err := w.wine("reg", "export", key, `C:\sessions.reg`, "/y").CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == 1 { // there is no such key
		return nil
	}
	if err != nil {
		t.Fatalf("reg export: %v\n%s", err, out)
	}
	content, err := os.ReadFile(w.path("sessions.reg"))
	if err != nil {
		t.Fatal(err)
	}
	units := make([]uint16, len(content)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(content[2*i:])
	}
	sessions := map[string]map[string]string{}
	var values map[string]string
	line := regexp.MustCompile(`^"(.+?)"=(?:(".*")|(.+))$`) // a value: a string or another type
	for text := range strings.Lines(string(utf16.Decode(units))) {
		text = strings.TrimRight(text, "\r\n")
		if name, ok := strings.CutPrefix(text, "["+key+`\`); ok {
			values = map[string]string{}
			sessions[strings.TrimSuffix(name, "]")] = values
		} else if value := line.FindStringSubmatch(text); value != nil && values != nil {
			values[value[1]] = value[3]
			if value[2] != "" {
				if values[value[1]], err = strconv.Unquote(value[2]); err != nil {
					t.Errorf("reg export writes %s: %v", text, err)
				}
			}
		}
	}
	return sessions
}
