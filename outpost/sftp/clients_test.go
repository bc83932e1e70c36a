//go:build linux

package sftp

import (
	"bytes"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// asServer has this test program be an SFTP server on its stdin and stdout.
const asServer = "CLEVER_SSH_TEST_SFTP_HOME"

func TestMain(m *testing.M) {
	if home := os.Getenv(asServer); home != "" {
		server := New(home, func(packets []byte) error {
			_, err := os.Stdout.Write(packets)
			return err
		})
		data := make([]byte, 64<<10)
		for {
			n, err := os.Stdin.Read(data)
			if server.writeAll(data[:n]) != nil {
				os.Exit(1)
			}
			if err != nil {
				os.Exit(0)
			}
		}
	}
	os.Exit(m.Run())
}

// place is a folder that the real clients work in, and the server's home in it.
type place struct {
	t          *testing.T
	here, home string
}

func newPlace(t *testing.T, client string) *place {
	t.Helper()
	test.Need(t, client)
	p := &place{t, t.TempDir(), t.TempDir()}
	// On some systems the temporary folder is a link.
	if real, err := filepath.EvalSymlinks(p.home); err == nil {
		p.home = real
	}
	return p
}

func (p *place) run(name string, arguments ...string) (string, error) {
	p.t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir = p.here
	command.Env = append(os.Environ(), asServer+"="+p.home, "LC_ALL=C.UTF-8")
	out, err := command.CombinedOutput()
	return string(out), err
}

// sftp runs a batch of commands, which ends at the first that fails unless it begins with a hyphen.
func (p *place) sftp(batch string) (string, error) {
	p.t.Helper()
	file := filepath.Join(p.here, "batch")
	p.write(file, batch)
	return p.run("sftp", "-q", "-b", file, "-D", os.Args[0])
}

func (p *place) must(out string, err error) string {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func (p *place) write(path, text string) {
	p.t.Helper()
	write(p.t, path, text)
}

func (p *place) is(path, text string) {
	p.t.Helper()
	read(p.t, path, text)
}

// mount mounts the server's home with sshfs and returns the folder where it is.
func (p *place) mount(options ...string) string {
	p.t.Helper()
	p.write(p.here+"/ssh", "#!/bin/sh\nexec "+os.Args[0]+"\n")
	os.Chmod(p.here+"/ssh", 0o700)
	there := p.t.TempDir()
	p.must(p.run("sshfs", append(options, "-o", "ssh_command="+p.here+"/ssh", "x:", there)...))
	p.t.Cleanup(func() { p.run("fusermount3", "-u", there) })
	return there
}

func (p *place) stat(path string) *syscall.Stat_t {
	p.t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		p.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

func TestSftp(t *testing.T) {
	p := newPlace(t, "sftp")
	data := random(3<<20 + 17)
	p.write(p.here+"/data", data)
	out := p.must(p.sftp(`put data
put -p data copy
get copy back
mkdir folder
ls -l
rename copy folder/moved
symlink folder/moved link
ln data hard
chmod 640 data
-chmod 600 missing
rm hard
ls -a folder
df
pwd
`))
	p.is(p.home+"/data", data)
	p.is(p.here+"/back", data)
	p.is(p.home+"/folder/moved", data)
	if target, err := os.Readlink(p.home + "/link"); err != nil || target != "folder/moved" {
		t.Errorf("the link leads to %q (%v)", target, err)
	}
	if mode := p.stat(p.home+"/data").Mode & 0o777; mode != 0o640 {
		t.Errorf("the mode is %o", mode)
	}
	for _, part := range []string{"Remote working directory: " + p.home, "drwx", "folder/..", "%Capacity"} {
		if !strings.Contains(out, part) {
			t.Errorf("there is no %q in:\n%s", part, out)
		}
	}
}

func TestResume(t *testing.T) {
	p := newPlace(t, "sftp")
	data := random(1 << 20)
	p.write(p.here+"/up", data)
	p.write(p.home+"/up", data[:300000])
	p.write(p.home+"/down", data)
	p.write(p.here+"/down", data[:70000])
	p.must(p.sftp("reput up\nreget down\n"))
	p.is(p.home+"/up", data)
	p.is(p.here+"/down", data)
}

// The draft's rename does not replace a file; OpenSSH's does.
func TestRename(t *testing.T) {
	p := newPlace(t, "sftp")
	p.write(p.home+"/a", "a")
	p.write(p.home+"/b", "b")
	if out, err := p.sftp("rename -l a b\n"); err == nil {
		t.Errorf("the rename replaced a file: %s", out)
	}
	p.is(p.home+"/b", "b")
	p.must(p.sftp("rename a b\n"))
	p.is(p.home+"/b", "a")
}

func TestNames(t *testing.T) {
	p := newPlace(t, "sftp")
	p.write(p.here+"/data", "text")
	for _, name := range []string{"\xff\xfe", "a b", "ü", "-x", "new\nline", strings.Repeat("n", 255)} {
		p.write(p.here+"/"+name, "text")
	}
	p.must(p.run("scp", "-q", "-r", "-s", "-D", os.Args[0], p.here, "x:there"))
	entries, err := os.ReadDir(p.home + "/there")
	if err != nil || len(entries) != 7 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	p.must(p.run("scp", "-q", "-r", "-s", "-D", os.Args[0], "x:there", "back"))
	p.is(p.here+"/back/\xff\xfe", "text")
	p.is(p.here+"/back/new\nline", "text")
}

func TestManyNames(t *testing.T) {
	test.Slow(t)
	p := newPlace(t, "sftp")
	const many = 10000
	for n := range many {
		p.write(p.home+"/"+strconv.Itoa(n), "")
	}
	if out := p.must(p.sftp("ls -1\n")); strings.Count(out, "\n") != many+1 {
		t.Errorf("%d lines", strings.Count(out, "\n"))
	}
}

func TestScp(t *testing.T) {
	p := newPlace(t, "scp")
	data := random(1 << 20)
	p.write(p.here+"/data", data)
	os.Chtimes(p.here+"/data", time.Unix(1e9, 0), time.Unix(1e9, 0))
	p.must(p.run("scp", "-q", "-p", "-s", "-D", os.Args[0], "data", "x:~/there"))
	p.is(p.home+"/there", data)
	if s := p.stat(p.home + "/there"); s.Mtim.Sec != 1e9 || s.Mode&0o777 != 0o600 {
		t.Errorf("%+v", s)
	}
	p.must(p.run("scp", "-q", "-s", "-D", os.Args[0], "x:there", "back"))
	p.is(p.here+"/back", data)
	if out, err := p.run("scp", "-q", "-s", "-D", os.Args[0], "x:missing", "back"); err == nil {
		t.Error(out)
	}
}

func TestLarge(t *testing.T) {
	p := newPlace(t, "sftp")
	const size = 4<<30 + 5
	if err := os.WriteFile(p.home+"/large", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(p.home+"/large", size-4); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(p.home+"/large", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("last")
	f.Close()
	// What was there before is not sent again.
	p.write(p.here+"/large", "")
	os.Truncate(p.here+"/large", size-100)
	out := p.must(p.sftp("ls -l large\nreget large\n"))
	if !strings.Contains(out, strconv.Itoa(size)) {
		t.Error(out)
	}
	f, err = os.Open(p.here + "/large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 5)
	if n, err := f.ReadAt(b, size-5); n != 5 || !bytes.Equal(b, []byte("\x00last")) {
		t.Errorf("%q %v", b, err)
	}
	// What lies beyond the first four gigabytes can be written, too.
	if err := os.Truncate(p.home+"/large", size-3); err != nil {
		t.Fatal(err)
	}
	p.must(p.sftp("reput large\n"))
	f, err = os.Open(p.home + "/large")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := f.ReadAt(b, size-5); n != 5 || !bytes.Equal(b, []byte("\x00last")) {
		t.Errorf("%q %v", b, err)
	}
}

func TestSshfs(t *testing.T) {
	test.Slow(t)
	test.NeedSSHFS(t)
	p := newPlace(t, "sshfs")
	there := p.mount()
	data := random(1 << 20)
	p.write(there+"/data", data)
	p.is(p.home+"/data", data)
	for _, err := range []error{
		os.Rename(there+"/data", there+"/moved"), os.Symlink("moved", there+"/link"), os.Link(there+"/moved", there+"/hard"),
		os.Truncate(there+"/moved", 10), os.Chmod(there+"/moved", 0o640), os.Mkdir(there+"/folder", 0o700),
		os.Chtimes(there+"/moved", time.Unix(1e9, 0), time.Unix(1e9, 0)), os.Remove(there + "/hard"), os.Remove(there + "/folder"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	p.is(p.home+"/link", data[:10])
	if s := p.stat(p.home + "/moved"); s.Mode&0o777 != 0o640 || s.Mtim.Sec != 1e9 {
		t.Errorf("%+v", s)
	}
	f, err := os.OpenFile(there+"/moved", os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("more")
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	f.Close()
	p.is(p.home+"/moved", data[:10]+"more")
	var s syscall.Statfs_t
	if err := syscall.Statfs(there, &s); err != nil || s.Blocks == 0 {
		t.Errorf("%+v %v", s, err)
	}
}
