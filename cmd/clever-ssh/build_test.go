//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/internal/test"
)

// released is the clever-ssh that tests start. It is built as for a release, once, when the first
// test needs it: it starts in two thirds of the time that testscript's copy of the test program
// takes, and tests start it some thousand times. That copy still runs with the race detector, and
// where calls must fail as faultVariable says. Either both carry the outposts, or neither does.
var released struct {
	sync.Once
	dir string // in a folder that can be opened to other accounts
	err error
}

// releasedProgram returns its path. The first call builds it.
func releasedProgram(t testing.TB) string {
	t.Helper()
	r := &released
	r.Do(func() {
		if r.dir, r.err = os.MkdirTemp("", "clever-ssh-test-"); r.err != nil {
			return
		}
		program := filepath.Join(r.dir, "bin", "clever-ssh")
		if r.err = os.Mkdir(filepath.Dir(program), 0o755); r.err != nil {
			return
		}
		outposts := filepath.Join(r.dir, "outposts")
		if r.err = writeOutposts(outposts); r.err != nil {
			return
		}
		build := exec.Command("../../scripts/build.sh", program)
		build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "OUTPOSTS="+outposts)
		if out, err := build.CombinedOutput(); err != nil {
			r.err = fmt.Errorf("%v: %w\n%s", build.Args, err, out)
			return
		}
		r.err = errors.Join(os.Chmod(r.dir, 0o755), os.Chmod(filepath.Dir(program), 0o755), os.Chmod(program, 0o755))
		if onPath, err := exec.LookPath("clever-ssh"); err == nil && !raceDetector {
			r.err = errors.Join(r.err, os.Remove(onPath), os.Link(program, onPath))
		}
	})
	if r.err != nil {
		t.Fatal(r.err)
	}
	return filepath.Join(r.dir, "bin", "clever-ssh")
}

// writeOutposts writes the outposts that this program carries to a folder, as scripts/build.sh
// expects them.
func writeOutposts(folder string) error {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return err
	}
	place, err := filepath.Abs("internal/line/programs")
	if err != nil {
		return err
	}
	replace := map[string]string{}
	for machine, program := range line.Programs() {
		name := machine + "-" + program.Hash + ".gz"
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, program.Gzip, 0o644); err != nil {
			return err
		}
		replace[filepath.Join(place, name)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "overlay.json"), text, 0o644)
}

// needOutposts skips a test of the outpost if this program carries none: all tests run both with
// and without outposts.
func needOutposts(t testing.TB) {
	t.Helper()
	if !haveOutposts() {
		t.Skip("this program carries no outposts; they come with go test -overlay")
	}
	needPrograms(t)
}

func haveOutposts() bool { return line.HasPrograms() }

func removeReleasedProgram() { os.RemoveAll(released.dir) }

// needPrograms ends a test that starts clever-ssh and ssh under -short, or if ssh is not installed.
func needPrograms(t testing.TB) {
	t.Helper()
	test.Slow(t)
	if os.Getenv(realSSH) == "" {
		test.Missing(t, "ssh")
	}
	releasedProgram(t)
}

// copyProgram copies a program so that it can be run at once.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	// If another test starts a program meanwhile, its process has the file open for writing until
	// it calls exec, and until then nobody can run the file.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}
