//go:build unix

package sshconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/users"

	"github.com/google/go-cmp/cmp"
)

// Unlike TestKevinburkeReadsOn, these tests let the library open the files that it is led to, and also ask an old
// version.

// reader is testdata/kevinburke12, built with one version of the library.
type reader struct {
	program string

	// home is the $HOME, below which relative includes are looked up, of an account that is in no database. It is
	// empty for the account of the tests.
	home string
}

// nobodysID is the account of a reader with a home. The library asks the account database first, and uses $HOME only
// if that knows nothing.
const nobodysID = 1_234_567_890

// buildReader builds the program in its own module, or in this one, whose version of the library is newer.
func buildReader(t *testing.T, newer bool) string {
	t.Helper()
	dir, source := "testdata/kevinburke12", "."
	if newer {
		dir, source = ".", "./testdata/kevinburke12/main.go"
	}
	program := filepath.Join(tempDir(t), "reader")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", program, source)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	if err := os.Chmod(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	return program
}

type readerAnswer struct {
	Values map[string][]string
	Said   string
}

// read makes the program read files.
func (r reader) read(t *testing.T, files []string, hosts ...string) []readerAnswer {
	t.Helper()
	given, err := json.Marshal(map[string][]string{"Files": files, "Hosts": hosts, "Keywords": keywords})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(r.program)
	cmd.Stdin = bytes.NewReader(given)
	if r.home != "" {
		err := filepath.WalkDir(filepath.Dir(r.home), func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, nobodysID, nobodysID))
		})
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = []string{"HOME=" + r.home, "USER=nobody-at-all"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobodysID, Gid: nobodysID}}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []readerAnswer
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(files) {
		t.Fatalf("%d answers to %d files: %v", len(answers), len(files), err)
	}
	return answers
}

func TestKevinburkeReadsFilesOn(t *testing.T) {
	test.Slow(t)
	for _, version := range []struct {
		title string
		newer bool
	}{{"1.2.0", false}, {"of this module", true}} {
		t.Run(version.title, func(t *testing.T) {
			t.Parallel()
			program := buildReader(t, version.newer)
			t.Run("standard", func(t *testing.T) {
				test.NeedRoot(t)
				if u, err := user.LookupId(strconv.Itoa(nobodysID)); err == nil {
					t.Skipf("%d is %s", nobodysID, u.Username)
				}
				home := filepath.Join(tempDir(t), "home")
				testReader(t, reader{program, home}, Layout{UserFile: filepath.Join(home, ".ssh/config"), Standard: true, Program: someProgram, RSA: true})
			})
			t.Run("elsewhere", func(t *testing.T) {
				testReader(t, reader{program: program}, newLayout(t, "home"))
			})
		})
	}
}

// testReader writes each user file twice, as it was and as setup leaves it. It has both read: the first while there
// are no entries, the second when there are.
func testReader(t *testing.T, r reader, l Layout) {
	dir := filepath.Dir(l.UserFile)
	included := filepath.Join(dir, "included")
	if err := os.MkdirAll(included, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := users.WriteIncluded(included); err != nil {
		t.Fatal(err)
	}
	var titles, before, after []string
	var added []bool
	for i, f := range userFiles {
		if f.Unread {
			continue
		}
		text := f.In(filepath.Dir(dir), included)
		edited, err := editUserFile(text, l)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, strconv.Itoa(i))
		write(t, path+".before", text)
		write(t, path+".after", string(edited))
		titles, before, after = append(titles, f.Title), append(before, path+".before"), append(after, path+".after")
		added = append(added, string(edited) != text)
	}
	answersBefore := r.read(t, before, foreignHosts...)
	c := parse(t, twoGateways)
	write(t, l.ConfigFile(), string(Config(c, l)))
	write(t, l.MatchFile(), string(Match(c, l)))
	write(t, l.DirectFile(), string(formatDirect(numbered("x", 3, 0, noon))))
	answersAfter := r.read(t, after, foreignHosts...)
	answersOurs := r.read(t, after, "web.clever")

	reached := 0
	for i, title := range titles {
		if diff := cmp.Diff(answersBefore[i], answersAfter[i]); diff != "" && answersBefore[i].Said == "" {
			t.Errorf("%s:\n%s", title, diff)
		}
		if answersBefore[i].Said != "" { // the library does not know Match
			if answersAfter[i].Said == "" {
				t.Errorf("%s: it said %q before, and nothing after", title, answersBefore[i].Said)
			}
			continue
		}
		command := answersOurs[i].Values["web.clever RemoteCommand"]
		found := len(command) > 0 && command[0] == string(webTarget)
		if added[i] && !found {
			t.Errorf("%s: it does not follow the Include line: %q", title, command)
		}
		if found {
			reached++
		}
	}
	if reached < 55 {
		t.Errorf("the entries were read through %d of %d files only", reached, len(titles))
	}
}
