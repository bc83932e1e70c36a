//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/users"
)

// newAccountHome makes an account whose home ssh finds by itself, as it does everybody's. Nothing is in it.
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
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v\n%s", err, out)
		}
	})
	account, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, errUID := strconv.Atoi(account.Uid)
	gid, errGID := strconv.Atoi(account.Gid)
	if err := errors.Join(errUID, errGID, os.Chmod(base, 0o755), os.MkdirAll(filepath.Dir(program), 0o755), copyProgram(plainProgram(t), program)); err != nil {
		t.Fatal(err)
	}
	return &userHome{
		dir:      dir,
		standard: true,
		register: []string{"web=" + appWeb},
		command: func(name string, args ...string) *exec.Cmd {
			if name == "clever-ssh" {
				name = program // what is on our own PATH may be out of the account's reach
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

// copyProgram copies a program.
func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Chmod(0o755), out.Close())
}

// empty makes the home what a new one is, with a little in it that is nobody's business.
func (u *userHome) empty(t *testing.T) {
	t.Helper()
	err := errors.Join(
		os.RemoveAll(u.dir),
		os.MkdirAll(filepath.Join(u.dir, ".ssh"), 0o700),
		os.Chmod(filepath.Join(u.dir, ".ssh"), 0o700),
		put(u.dir, ".ssh/known_hosts", 0o644, "example.com ssh-ed25519 AAAA\n"),
		put(u.dir, ".config/other/settings", 0o600, "not ours\n"))
	if err != nil {
		t.Fatal(err)
	}
}

// TestUserFilesOfAnAccount does what TestUserFiles does in a home that ssh itself takes for the account's, with other placements.
func TestUserFilesOfAnAccount(t *testing.T) {
	t.Parallel()
	u := newAccountHome(t)
	for i, f := range append(slices.Clone(users.Files), users.Large()) {
		if f.Unread || i%5 != 0 && !strings.Contains(f.Text, "clever/config") {
			continue // TestUserFiles has them all, and ssh reads a file in the same way wherever it is; only a relative path is another
		}
		p := placements[(i+3)%len(placements)]
		t.Run(f.Title+"/"+p.title, func(t *testing.T) {
			u.empty(t)
			u.furnish(t, p, f)
			// TestUserFiles asks for all that the file names.
			u.check(t, f.Ours, someOf(users.ForeignHosts, 4*i, 4))
		})
	}
	for i, p := range absences {
		t.Run(p.title, func(t *testing.T) {
			u.empty(t)
			u.furnish(t, p, users.File{})
			u.check(t, false, someOf(users.ForeignHosts, 4*i, 4))
		})
	}
	t.Run("a file that nobody may write, with the line in it", func(t *testing.T) {
		u.empty(t)
		u.furnish(t, placement{place: plain(0o444)}, users.File{Text: "Include clever/config\nHost *\n    Port 2222\n"})
		u.check(t, true, users.ForeignHosts[:2])
	})
	for _, r := range slices.Concat(refusals, []refusal{
		{placement{"a file that others can write to", plain(0o666)}, "Host *\n    Port 2222\n", "chmod go-w " + u.userFile()},
		{placement{"a file that nobody may write", plain(0o444)}, "Host *\n", "put this line at its top yourself"},
		{placement{"a file that nobody may read", plain(0)}, "Host *\n", "permission denied"},
		{placement{"a folder that nobody may write", func(home, text string) error {
			return errors.Join(plain(0o600)(home, text), os.Chmod(filepath.Join(home, ".ssh"), 0o500))
		}}, "Host *\n", "permission denied"},
		{placement{"a file in a folder that nobody may write, behind a link", func(home, text string) error {
			return errors.Join(chain(home, text), os.Chmod(filepath.Join(home, "store/deep"), 0o500))
		}}, "Host *\n", "put this line at its top yourself"},
	}) {
		t.Run(r.title, func(t *testing.T) {
			u.empty(t)
			u.checkRefusal(t, r)
		})
	}
}
