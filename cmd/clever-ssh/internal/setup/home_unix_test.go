//go:build unix

package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"

	"github.com/google/go-cmp/cmp"
)

const (
	app      = config.Target("app_facade42-cafe-babe-cafe-deadf00dbaad")
	otherApp = config.Target("app_0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10")
	otherPin = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// home is a folder with everything that setup reads and writes, and an ssh that is a script.
type home struct {
	*testing.T
	dir      string // everything but the programs
	bin      string // the programs
	userFile string
}

// newHome makes a home whose user has no ssh_config, and no folder for one.
func newHome(t *testing.T) home {
	t.Helper()
	dir := t.TempDir()
	h := home{T: t, dir: filepath.Join(dir, "home"), bin: filepath.Join(dir, "bin")}
	h.userFile = filepath.Join(h.dir, "ssh", "config")
	for _, folder := range []string{h.dir, h.bin, filepath.Join(h.dir, "settings")} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.answerAs(accepting)
	h.redirect(&os.Stdout, "stdout")
	h.redirect(&os.Stderr, "stderr")
	t.Chdir(h.dir)
	for name, value := range map[string]string{
		"PATH": h.bin, "XDG_CONFIG_HOME": filepath.Join(h.dir, "settings"), "PUTTYDIR": filepath.Join(h.dir, "putty"), "SSH_AUTH_SOCK": "",
		"APP_CONFIGURATION_FILE": "", "SSH_GATEWAY": "", "SUDO_USER": "",
	} {
		t.Setenv(name, value)
	}
	return h
}

// Scripts for the ssh of a home. $file is the configuration that it reads, $host the host that it
// is asked about.
const (
	accepting = `echo "hostname $host"
case $host in *clever) echo "hostkeyalias clever-ssh-clever" ;; *staging) echo "hostkeyalias clever-ssh-staging" ;; esac
case $host in web.*|api.*) echo "remotecommand ` + string(app) + `" ;; esac`

	refusing = `echo "$file: line 3: Bad configuration option: nosuchoption" >&2; exit 255`

	// This refuses a configuration with our entries, and accepts it as it was before.
	refusingEntries = `if grep -q "^Include" "$file"; then ` + refusing + `; fi`
)

// newHomeWith makes a home whose user has an ssh_config.
func newHomeWith(t *testing.T, text string) home {
	t.Helper()
	h := newHome(t)
	h.write(h.userFile, text)
	return h
}

// redirect sends everything that is printed to a file of this home.
func (h home) redirect(stream **os.File, name string) {
	h.Helper()
	f, err := os.Create(filepath.Join(h.bin, name))
	if err != nil {
		h.Fatal(err)
	}
	before := *stream
	*stream = f
	h.Cleanup(func() { *stream = before; f.Close() })
}

// said returns what was printed to a stream, with DIR in place of this home.
func (h home) said(name string) string {
	h.Helper()
	text, err := os.ReadFile(filepath.Join(h.bin, name))
	if err != nil {
		h.Fatal(err)
	}
	return strings.ReplaceAll(string(text), h.dir, "DIR")
}

// answerAs gives the home another ssh.
func (h home) answerAs(script string) {
	h.Helper()
	text := `#!/bin/sh
PATH=/usr/bin:/bin
[ "$1" != -Q ] || { echo ssh-ed25519; echo ssh-rsa; exit 0; }
[ "$1" = -F ] || exit 1
file=$2
while [ $# -gt 1 ]; do shift; done
host=$1
echo "$host" >>'` + h.asked() + `'
` + script + "\n"
	if err := os.WriteFile(filepath.Join(h.bin, "ssh"), []byte(text), 0o700); err != nil {
		h.Fatal(err)
	}
}

// withoutSSH removes the ssh, for a test that does not need its answer: starting it takes longer
// than everything else.
func (h home) withoutSSH() {
	h.Helper()
	if err := os.Remove(filepath.Join(h.bin, "ssh")); err != nil {
		h.Fatal(err)
	}
}

// asked returns the file that lists the hosts that ssh was asked about.
func (h home) asked() string { return filepath.Join(h.bin, "asked") }

func (h home) write(path, text string) {
	h.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		h.Fatal(err)
	}
}

// edit returns an edit of the gateway clever that stays within this home.
func (h home) edit(names map[config.Name]config.Target) config.Edit {
	return config.Edit{SSHConfig: h.userFile, Suffix: config.DefaultSuffix, Names: names}
}

// plan plans an edit of the settings as they are.
func (h home) plan(edit config.Edit) *Plan {
	h.Helper()
	s, err := settings.Load()
	if err != nil {
		h.Fatal(err)
	}
	p, err := NewPlan(s, edit, true)
	if err != nil {
		h.Fatal(err)
	}
	return p
}

// setup carries out a request, which must succeed.
func (h home) setup(edit config.Edit) {
	h.Helper()
	if err := (&Request{Edit: edit}).CarryOut(); err != nil {
		h.Fatal(err)
	}
}

// snapshot returns everything in the home: path, mode, time and content. It leaves out a folder's
// time, which changes with every attempt.
func (h home) snapshot() map[string]string {
	h.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, h.dir)
		if d.IsDir() {
			found[name] = info.Mode().String()
			return nil
		}
		read := os.ReadFile
		if info.Mode()&fs.ModeSymlink != 0 {
			read = func(path string) ([]byte, error) { to, err := os.Readlink(path); return []byte(to), err }
		}
		text, err := read(path)
		found[name] = fmt.Sprintf("%v %v\n%s", info.Mode(), info.ModTime(), text)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return found
}

// contents returns a snapshot without times: a file that was written back is a new file.
func (h home) contents() map[string]string {
	h.Helper()
	found := h.snapshot()
	for name, text := range found {
		if first, rest, isFile := strings.Cut(text, "\n"); isFile {
			mode, _, _ := strings.Cut(first, " ")
			found[name] = mode + "\n" + rest
		}
	}
	return found
}

// expectContents compares the home with what it held before.
func (h home) expectContents(before map[string]string) {
	h.Helper()
	if diff := cmp.Diff(before, h.contents()); diff != "" {
		h.Errorf("not as before (-before +now):\n%s", diff)
	}
}

// expectWritten compares the files with a plan that was carried out.
func (h home) expectWritten(p *Plan) {
	h.Helper()
	for _, c := range p.files() {
		text, err := atomicfile.Read(c.Path)
		if diff := cmp.Diff(string(c.New), string(text)); err != nil || diff != "" || (text == nil) != (c.New == nil) {
			h.Errorf("%s: %v (-planned +written)\n%s", c.Path, err, diff)
		}
	}
	for _, c := range p.sessions.List {
		now, err := p.sessions.Store.Read(c.Name)
		if diff := cmp.Diff(c.New.Text(), now.Text()); err != nil || diff != "" {
			h.Errorf("session %s: %v (-planned +written)\n%s", c.Name, err, diff)
		}
	}
}
