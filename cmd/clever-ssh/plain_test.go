//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// plainPrograms is a folder with a clever-ssh that never has the race detector, and that can be made to fail as
// faultVariable says. The tests of what it does to files, and of what it completes, start it a thousand times. These commands do
// one thing after the other, so that there is nothing to detect, and with the detector a start takes four times as long.
var plainPrograms struct {
	sync.Once
	dir string // to be removed
	bin string
	err error
}

// plainProgram is its clever-ssh.
func plainProgram(t *testing.T) string {
	t.Helper()
	p := &plainPrograms
	p.Do(func() {
		if !raceDetector {
			var path string
			path, p.err = exec.LookPath("clever-ssh")
			p.bin = filepath.Dir(path)
			return
		}
		if p.dir, p.err = os.MkdirTemp("", "clever-ssh-plain-"); p.err != nil {
			return
		}
		p.bin = filepath.Join(p.dir, "bin") // below a folder that is to be opened to other accounts, as testscript's
		if p.err = os.Mkdir(p.bin, 0o755); p.err != nil {
			return
		}
		if out, err := exec.Command("go", "test", "-c", "-race=false", "-o", filepath.Join(p.bin, "clever-ssh"), ".").CombinedOutput(); err != nil {
			p.err = fmt.Errorf("building clever-ssh without the race detector: %w\n%s", err, out)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return filepath.Join(p.bin, "clever-ssh")
}

// plainHome is a home for one test, where clever-ssh is the plain program.
func plainHome(t *testing.T) *home {
	t.Helper()
	h := testHome(t)
	h.usePlainProgram(t)
	return h
}

func (h *home) usePlainProgram(t *testing.T) {
	t.Helper()
	h.program = plainProgram(t)
	h.env = append(h.env, "PATH="+filepath.Dir(h.program)+string(filepath.ListSeparator)+os.Getenv("PATH"))
}

func removePlainPrograms() { os.RemoveAll(plainPrograms.dir) }
