//go:build linux

package main

import (
	"errors"
	"fmt"
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
)

// newAccountHome makes an account whose home ssh finds by itself, as it does for everybody. The
// home does not exist yet.
func newAccountHome(t *testing.T) *userHome {
	t.Helper()
	needPrograms(t)
	test.NeedRoot(t)
	test.Need(t, "useradd", "userdel")
	base, err := os.MkdirTemp("", "clever-ssh-account-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(base) })
	dir, program := filepath.Join(base, "home"), filepath.Join(base, "bin/clever-ssh")
	name := fmt.Sprintf("clever-files-%d", os.Getpid())
	if out, err := exec.Command("useradd", "-M", "-d", dir, "-s", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() { deleteAccount(t, name) })
	account, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.Atoi(account.Uid)
	gid, errGID := strconv.Atoi(account.Gid)
	if err := errors.Join(errUID, errGID, os.Chmod(base, 0o755), os.MkdirAll(filepath.Dir(program), 0o755), copyProgram(releasedProgram(t), program)); err != nil {
		t.Fatal(err)
	}
	return &userHome{
		dir:      dir,
		standard: true,
		register: []string{"web=" + appWeb},
		command: func(name string, args ...string) *exec.Cmd {
			if name == "clever-ssh" {
				name = program // the account may not reach what is on our own PATH
			}
			cmd := exec.Command(name, args...)
			cmd.Dir = dir
			cmd.Env = []string{"HOME=" + dir, "USER=" + account.Username, "LOGNAME=" + account.Username, "SHELL=/bin/sh",
				"PATH=" + filepath.Dir(program) + ":" + filepath.Dir(os.Getenv(realSSH)) + ":/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			return cmd
		},
		handOver: func() error {
			return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Lchown(path, uid, gid))
			})
		},
	}
}

// empty makes the home a new one, with a few files that have nothing to do with clever-ssh.
func (u *userHome) empty(t *testing.T) {
	t.Helper()
	err := errors.Join(
		os.RemoveAll(u.dir),
		os.MkdirAll(filepath.Join(u.dir, ".ssh"), 0o700),
		os.Chmod(filepath.Join(u.dir, ".ssh"), 0o700),
		users.Put(u.dir, ".ssh/known_hosts", 0o644, "example.com ssh-ed25519 AAAA\n"),
		users.Put(u.dir, ".config/other/settings", 0o600, "not ours\n"))
	if err != nil {
		t.Fatal(err)
	}
}

// What TestUserFiles checks also holds in a home that ssh itself finds, where a relative path leads
// to the entries. Its files have no Include line, have it, or have it where it is not enough.
func TestUserFilesOfAnAccount(t *testing.T) {
	t.Parallel()
	u := newAccountHome(t)
	files := usersFiles(t, "a comment first", "the Include is there with CRLF", "the Include inside a Host block", "an Include of the config in every folder")
	for i, f := range files {
		p := users.Placements[(i+3)%len(users.Placements)]
		t.Run(f.Title+"/"+p.Title, func(t *testing.T) {
			u.empty(t)
			u.furnish(t, p, f)
			u.check(t, f.Ours, someHosts(i))
		})
	}
	t.Run("no file", func(t *testing.T) {
		u.empty(t)
		u.furnish(t, users.NoFile, users.File{})
		u.check(t, false, someHosts(0))
	})
	t.Run("a file that nobody may write, with the line in it", func(t *testing.T) {
		u.empty(t)
		u.furnish(t, users.Placement{Place: users.Plain(0o444)}, users.File{Text: "Include clever/config\nHost *\n    Port 2222\n"})
		u.check(t, true, someHosts(1))
	})
	for _, r := range []refusal{
		{users.Placement{Title: "a file that others can write to", Place: users.Plain(0o666)}, "Host *\n    Port 2222\n", "chmod go-w " + u.userFile()},
		{users.Placement{Title: "a file that nobody may write", Place: users.Plain(0o444)}, "Host *\n", "put this line at its top yourself"},
		{users.Placement{Title: "a file that nobody may read", Place: users.Plain(0)}, "Host *\n", "permission denied"},
		{users.Placement{Title: "a folder that nobody may write", Place: func(home, text string) error {
			return errors.Join(users.Plain(0o600)(home, text), os.Chmod(filepath.Join(home, ".ssh"), 0o500))
		}}, "Host *\n", "permission denied"},
		{users.Placement{Title: "a file in a folder that nobody may write, behind a link", Place: func(home, text string) error {
			return errors.Join(users.Chain(home, text), os.Chmod(filepath.Join(home, "store/deep"), 0o500))
		}}, "Host *\n", "put this line at its top yourself"},
	} {
		t.Run(r.Title, func(t *testing.T) {
			u.empty(t)
			u.checkRefusal(t, r)
		})
	}
}
