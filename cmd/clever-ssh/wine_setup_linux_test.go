package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

func testWineSetup(t *testing.T, w *prefix) {
	sshFile := func(names ...string) string { return filepath.Join(w.home, ".ssh", filepath.Join(names...)) }
	text := func(path string) string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(content)
	}
	for _, c := range []struct {
		title, folder string
		user, edited  string // the user's own configuration, before and after
		proxy         string
		match         string // a pattern, empty if there can be no Match lines
	}{
		{"a plain folder", "plain", "Host *\r\n    Port 2222\r\n", "Include clever/config\r\nHost *\r\n    Port 2222\r\n",
			`"C:/plain/clever-ssh.exe"`, `C:/plain/clever-ssh\.exe`},
		{"a folder with a short name", "mes outils été", "", "Include clever/config\n",
			`"C:/mes outils été/clever-ssh.exe"`, `C:/[A-Z0-9_~]{1,8}/[A-Z0-9_~]{1,8}\.EXE`},
		{"a folder that Match cannot name", "it's a & (b) 100% é", "Host *\n", "Include clever/config\nHost *\n",
			`"C:/it's a & (b) 100%% é/clever-ssh.exe"`, ``},
	} {
		t.Run(c.title, func(t *testing.T) {
			program := w.install(t, c.folder)
			if c.user != "" {
				if err := os.MkdirAll(sshFile(), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(sshFile("config"), []byte(c.user), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := w.files(t, false)
			args := []string{"setup", "web=" + appWeb}
			if out := runs(t, w.wine(program, args...)); !strings.Contains(out, "ssh web.clever ") {
				t.Errorf("setup says\n%s", out)
			}
			if got := text(sshFile("config")); got != c.edited {
				t.Errorf("the user's configuration is %q, want %q", got, c.edited)
			}
			config := text(sshFile("clever", "config"))
			for _, want := range []string{"\n    ProxyCommand " + c.proxy + " proxy --ssh clever\n", "\nHost web.clever\n    RemoteCommand " + appWeb + "\n",
				"\nHost web.run.clever\n    ProxyCommand " + c.proxy + " bridge web.clever\n"} {
				if !strings.Contains(config, want) {
					t.Errorf("the entries lack %q:\n%s", want, config)
				}
			}
			settings := filepath.Join(w.home, "AppData", "Roaming", "clever-cloud", "clever-ssh.toml")
			if got := text(settings); !strings.Contains(got, `web = "`+appWeb+`"`) {
				t.Errorf("clever-ssh.toml is\n%s", got)
			}
			matches := strings.Contains(config, "Include \"clever/match\"\n")
			switch _, err := os.Stat(sshFile("clever", "match")); {
			case c.match == "" && (matches || !errors.Is(err, fs.ErrNotExist)):
				t.Errorf("there are Match lines: %v\n%s", err, config)
			case c.match != "" && !matches:
				t.Errorf("there are no Match lines:\n%s", config)
			case c.match != "":
				match := text(sshFile("clever", "match"))
				found := regexp.MustCompile(` exec "(` + c.match + `) match direct"\n    Include clever/direct.conf\n`).FindStringSubmatch(match)
				if found == nil {
					t.Fatalf("the match file is\n%s", match)
				}
				if out := runs(t, w.wine(found[1], "list")); !strings.Contains(out, "web.clever") {
					t.Errorf("%s list:\n%s", found[1], out)
				}
			}

			once := w.files(t, true)
			runs(t, w.wine(program, args...))
			w.expectFiles(t, "after setup twice", true, once)
			runs(t, w.wine(program, "remove", "web"))
			if out := runs(t, w.wine(program, "list")); strings.Contains(out, "web") || strings.Contains(text(sshFile("clever", "config")), "web") {
				t.Errorf("after remove web:\n%s", out)
			}
			runs(t, w.wine(program, "remove", "--all"))
			w.expectFiles(t, "after remove --all", false, before)
			if err := os.RemoveAll(sshFile()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Windows neither replaces nor removes an open file, so commands that run at once get in each
// other's way. All of them still succeed.
func testWineManyAtOnce(t *testing.T, w *prefix) {
	program := w.install(t, "many")
	before := w.files(t, false)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			for round := range 2 {
				cmd := w.wine(program, "setup", fmt.Sprintf("n%d-%d=%s", round, i, appWeb))
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %v\n%s", cmd.Args, err, out)
				}
			}
		})
	}
	all.Wait()
	if out := runs(t, w.wine(program, "list")); strings.Count(out, appWeb) != 12 {
		t.Errorf("of 12 names there are\n%s", out)
	}
	runs(t, w.wine(program, "remove", "--all"))
	w.expectFiles(t, "after remove --all", false, before)
	if err := os.RemoveAll(filepath.Join(w.home, ".ssh")); err != nil {
		t.Fatal(err)
	}
}

// files returns what the account's folder holds: the content of each file and, if times is set,
// when it was written. Links have only their names: Wine makes them to folders of this machine's
// account.
func (w *prefix) files(t *testing.T, times bool) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(w.home, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if files[path] = d.Type().String(); !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if info, errInfo := d.Info(); times && errInfo == nil {
			files[path] = info.ModTime().String()
		}
		files[path] += string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// expectFiles compares what the account's folder holds with what it held before.
func (w *prefix) expectFiles(t *testing.T, when string, times bool, before map[string]string) {
	t.Helper()
	after := w.files(t, times)
	names := slices.Sorted(maps.Keys(after))
	for name := range before {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if was, is := before[name], after[name]; was != is {
			t.Errorf("%s: %s is\n%s\nand was\n%s", when, name, is, was)
		}
	}
}

// setup understands the output of Windows' ssh, and finds an ssh that is not on PATH.
func testWineSSH(t *testing.T, w *prefix) {
	ssh := filepath.Join(t.TempDir(), "ssh.exe")
	if out, err := w.unix("x86_64-w64-mingw32-gcc", "-O", "-o", ssh, "testdata/wine/ssh.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := w.install(t, "ssh")
	for _, c := range []struct{ folder, note, examined string }{
		{"windows", "", `ok    ssh           C:\windows\ssh.exe, `}, // this folder is on PATH
		{"windows/system32/OpenSSH", `ssh is not on PATH, but there is C:\windows\System32\OpenSSH\ssh.exe: add that folder to Path in Settings`,
			`FAIL  ssh           ssh is not on PATH, but there is C:\windows\System32\OpenSSH\ssh.exe: add that folder to Path in Settings`},
		{"Program Files/Git/usr/bin", `ssh is not on PATH, but there is C:\Program Files\Git\usr\bin\ssh.exe: `,
			`FAIL  ssh           ssh is not on PATH, but there is C:\Program Files\Git\usr\bin\ssh.exe: `},
		{"nowhere", "ssh was not found, so the entries are untested: ", `FAIL  ssh           neither ssh nor plink was found`},
	} {
		if err := os.MkdirAll(w.path(c.folder), 0o700); err != nil {
			t.Fatal(err)
		}
		copyFile(t, ssh, w.path(c.folder, "ssh.exe"))
		for _, args := range [][]string{{"setup"}, {"setup", "web=" + appWeb}} {
			var out []byte
			var err error
			// On a busy machine, Wine sometimes fails to start a program (STATUS_INTERNAL_ERROR).
			for try := 0; try == 0 || try < 3 && bytes.Contains(out, []byte("ssh.exe: Internal error.")); try++ {
				out, err = w.wine(program, args...).CombinedOutput()
			}
			_, said, _ := strings.Cut(string(out), "clever-ssh: ")
			if err != nil || !strings.HasPrefix(said, c.note) || (c.note == "") != (said == "") {
				t.Errorf("with ssh in %s, %v: %v\n%s", c.folder, args, err, out)
			}
		}
		out, err := w.wine(program, "doctor").CombinedOutput()
		for _, want := range []string{c.examined, "\nok    entries       C:\\users\\", "\n--    files ", "\nok    home          C:\\users\\"} {
			if err == nil || !strings.Contains(strings.ReplaceAll(string(out), "\r", ""), want) {
				t.Errorf("with ssh in %s, doctor says no %q: %v\n%s", c.folder, want, err, out)
			}
		}
		runs(t, w.wine(program, "remove", "--all"))
		if err := os.Remove(w.path(c.folder, "ssh.exe")); err != nil {
			t.Fatal(err)
		}
	}
}
