//go:build unix

package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clever-ssh/bridge"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/users"
)

// programHome is a home with names, and a folder on the instance, which is this machine.
func programHome(t *testing.T) (h *home, g *gateway.Gateway, far string) {
	t.Helper()
	h = testHome(t)
	g = startGateway(t, h)
	h.setup(t, g, "web="+appWeb, "pair="+appPair, "down=app_down")
	far = filepath.Join(h.dir, "far")
	if err := os.Mkdir(far, 0o700); err != nil {
		t.Fatal(err)
	}
	return h, g, far
}

// sameFiles compares two files.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	x, errX := os.ReadFile(a)
	y, errY := os.ReadFile(b)
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("%s (%d bytes, %v) and %s (%d bytes, %v) differ", a, len(x), errX, b, len(y), errY)
	}
}

// Whatever $SHELL is, which runs the commands of the entries, a program that needs the bridge gets it, and
// works. The shell matters before anything looks at the program's arguments, and does not know them: so one
// shell has all programs, and the others have ssh and scp.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "dash", "fish", "tcsh", ""} {
		t.Run("SHELL="+shell, func(t *testing.T) {
			if shell != "" {
				test.Long(t)
			}
			t.Parallel()
			testPrograms(t, shell, shell == "bash")
		})
	}
}

func testPrograms(t *testing.T, shell string, all bool) {
	h, g, far := programHome(t)
	h.env = append(h.env, "GIT_SSH_COMMAND=ssh", "ANSIBLE_HOST_KEY_CHECKING=True", "ANSIBLE_LOCAL_TEMP="+h.dir+"/ansible", "LC_ALL=C.UTF-8")
	path := ""
	if shell != "" {
		path = test.Need(t, shell)
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := h.command(name, args...)
		cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "SHELL=") })
		if shell != "" {
			cmd.Env = append(cmd.Env, "SHELL="+path)
		}
		return cmd
	}
	near := filepath.Join(h.dir, "near")
	content := make([]byte, 300_000)
	rand.Read(content)
	for _, name := range []string{"near/tree/a b/file", "near/tree/c"} {
		if err := users.Put(h.dir, name, 0o640, string(content)); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(near, "tree/c")
	if err := users.Put(h.dir, "batch", 0o600, "put "+file+" "+far+"/by-sftp\nls "+far+"\n"); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		t.Helper()
		return runs(t, command(name, args...))
	}
	if got := run("ssh", "web.clever", `printf '%s|' "a  b" $HOME '$HOME' | wc -c`); strings.TrimSpace(got) == "" {
		t.Errorf("ssh says %q", got)
	}
	if !test.Lacks(t, "scp", "sftp-server") {
		run("scp", "-S", "ssh", "-p", file, "web.clever:"+far+"/by-scp")
		sameFiles(t, file, far+"/by-scp")
	}

	// The interactive session is unchanged: it never goes through the bridge.
	cmd := command("ssh", "-v", "web.clever")
	cmd.Stdin = strings.NewReader("exit 6\n")
	out, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 6 || !bytes.Contains(out, []byte("proxy --ssh clever")) || bytes.Contains(out, []byte("bridge_known_hosts")) {
		t.Errorf("ssh web.clever: %v\n%s", cmd.ProcessState, out)
	}
	if !all {
		return
	}

	run("scp", "-S", "ssh", "-O", "-r", near+"/tree", "web.clever:"+far+"/by-old-scp")
	sameFiles(t, file, far+"/by-old-scp/a b/file")
	run("scp", "-S", "ssh", "-r", "web.clever:"+far+"/by-old-scp", h.dir+"/back")
	sameFiles(t, file, h.dir+"/back/a b/file")
	if got := run("sftp", "-S", "ssh", "-b", h.dir+"/batch", "web.clever"); !strings.Contains(got, "by-sftp") {
		t.Errorf("sftp says %q", got)
	}
	sameFiles(t, file, far+"/by-sftp")
	run("rsync", "-a", "-e", "ssh", near+"/tree/", "web.clever:"+far+"/by-rsync/")
	run("rsync", "-a", "-e", "ssh", "web.clever:"+far+"/by-rsync/", h.dir+"/rsynced/")
	sameFiles(t, file, h.dir+"/rsynced/a b/file")
	repository := filepath.Join(far, "repository.git")
	run("git", "init", "-q", "--bare", repository)
	run("git", "clone", "-q", "ssh://web.clever"+repository, h.dir+"/clone")
	run("git", "clone", "-q", "web.clever:"+repository, h.dir+"/clone2")
	for _, module := range []string{"ping", "raw"} {
		if got := run("ansible", "-i", "web.clever,", "-e", "ansible_python_interpreter=/usr/bin/python3", "-m", module, "-a", map[string]string{"ping": "", "raw": "echo pong"}[module], "all"); !strings.Contains(got, "pong") {
			t.Errorf("ansible -m %s says %q", module, got)
		}
	}

	// Tunnels: an echo service beside the instance.
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.(*net.TCPConn).CloseWrite() }()
		}
	}()
	through := command("ssh", "-W", echo.Addr().String(), "web.clever")
	through.Stdin = bytes.NewReader(content)
	if out, err := through.Output(); err != nil || !bytes.Equal(out, content) {
		t.Errorf("ssh -W: %d bytes, %v", len(out), err)
	}

	// Through the instance to another host: it is the gateway again, which both can reach.
	_, port, err := net.SplitHostPort(g.Addr())
	if err != nil {
		t.Fatal(err)
	}
	jump := command("ssh", append(test.SSHOptions(test.AnyHostKey), "-J", "web.clever", "-p", port, "-tt", "ssh@127.0.0.1", appWeb)...)
	jump.Stdin = strings.NewReader("exit 6\n")
	if out, _ := jump.CombinedOutput(); jump.ProcessState.ExitCode() != 6 || !bytes.Contains(out, []byte("bas@"+instanceWeb)) {
		t.Errorf("ssh -J: %v\n%s", jump.ProcessState, out)
	}

	t.Run("sshfs", func(t *testing.T) {
		test.NeedSSHFS(t)
		mounted := filepath.Join(h.dir, "mounted")
		if err := os.Mkdir(mounted, 0o700); err != nil {
			t.Fatal(err)
		}
		runs(t, command("sshfs", "web.clever:"+far, mounted))
		defer exec.Command("fusermount3", "-u", mounted).Run()
		sameFiles(t, file, mounted+"/by-scp")
	})

	// The two ways of an editor: a shell without a terminal, with a forward beside it.
	for _, last := range [][]string{nil, {"bash"}} {
		args := append([]string{"-T", "-D", freeAddress(t), "-o", "RemoteCommand=none", "web.clever"}, last...)
		cmd := command("ssh", args...)
		cmd.Stdin = strings.NewReader("echo from-$((40+2)); tty; exit 5\n")
		out, err := cmd.Output()
		if cmd.ProcessState.ExitCode() != 5 || string(out) != "from-42\nnot a tty\n" {
			t.Errorf("ssh %v: %v, %q", args, err, out)
		}
	}
}

// freeAddress is an address where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Obstacles are described in a few words, with a status that scp and rsync understand, and stdout stays empty.
func TestCommandsRefused(t *testing.T) {
	t.Parallel()
	h, g, far := programHome(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ssh", "2.pair.clever", "ls"}, `(?s)the application has no instance 2; it has:.*11281f38-31ff-43a7-8595-a2d82630c32b.*\nhint: .*clever-ssh instances pair\.clever`},
		{[]string{"scp", "-S", "ssh", "/etc/hosts", "2.pair.clever:" + far}, `clever-ssh instances pair\.clever`},
		{[]string{"rsync", "-e", "ssh", "/etc/hosts", "2.pair.clever:" + far + "/"}, `clever-ssh instances pair\.clever`},
		{[]string{"ssh", "down.clever", "ls"}, `(?s)the gateway refuses: .*no instances you can ssh to.*\nhint: `},
		{[]string{"ssh", "nosuch.clever", "ls"}, `unknown alias "nosuch.clever"`},
		{[]string{"ssh", "nosuch.run.clever", "ls"}, `unknown alias "nosuch.run.clever"`},
		{[]string{"ssh", "clever", "ls"}, `clever is the gateway's menu, which runs no commands`},
		{[]string{"scp", "-S", "ssh", "/etc/hosts", "clever:" + far}, `clever is the gateway's menu, which runs no commands`},
		{[]string{"ssh", "-N", "-L", "1:localhost:1", "clever"}, `clever is the gateway's menu, which runs no commands`},
		{[]string{"ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:localhost:1", "web.clever"}, `remote port forwarding failed`},
	} {
		if slices.Contains(c.args, "-R") && haveOutposts() {
			continue // an outpost listens
		}
		cmd := h.command(c.args[0], c.args[1:]...)
		expectFailure(t, cmd, c.want)
	}
	closeForGood(t, g)
	expectFailure(t, h.command("ssh", "down.clever", "ls"), `cannot connect to`)
}

// expectFailure runs a command that must fail as ssh does, with a reason on stderr and nothing on stdout.
func expectFailure(t *testing.T, cmd *exec.Cmd, pattern string) {
	t.Helper()
	needProgram(t, cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil || len(out) > 0 || !matches(pattern, stderr.String()) {
		t.Errorf("%v: %v, stdout %q, want on stderr %s:\n%s", cmd.Args, err, out, pattern, stderr.String())
	}
	if cmd.Args[0] == "ssh" && cmd.ProcessState.ExitCode() != bridge.StatusFailed {
		t.Errorf("%v: %v", cmd.Args, cmd.ProcessState)
	}
}

// Several commands share one connection to the gateway, which ends a minute after the last one. ssh's own
// sharing works over the bridge, also for the interactive session.
func TestCommandsShare(t *testing.T) {
	t.Parallel()
	h, g, _ := programHome(t)
	for i := range 3 {
		if got := runs(t, h.command("ssh", "web.clever", fmt.Sprint("echo ", i))); got != fmt.Sprintln(i) {
			t.Errorf("command %d: %q", i, got)
		}
	}
	if n := len(g.Events().Attempts); n != 2 {
		t.Errorf("three commands made %d attempts to log in: %v", n, g.Events().Attempts)
	}
	if sockets := controlSockets(t, filepath.Join(h.dir, "run")); len(sockets) != 1 {
		t.Errorf("the sockets are %q", sockets)
	}
	own := []string{"-o", "ControlMaster=auto", "-o", "ControlPersist=20", "-o", "ControlPath=" + filepath.Join(h.dir, "m")}
	defer h.command("ssh", append(own, "-O", "exit", "web.clever")...).Run()
	for i := range 2 {
		runs(t, h.command("ssh", append(own, "web.clever", "true")...))
		cmd := h.command("ssh", append(own, "-tt", "web.clever")...)
		cmd.Stdin = strings.NewReader("tty; exit 6\n")
		out, _ := cmd.Output()
		if cmd.ProcessState.ExitCode() != 6 || !bytes.Contains(out, []byte("/dev/pts/")) {
			t.Errorf("session %d over a master: %v\n%s", i, cmd.ProcessState, out)
		}
	}
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
