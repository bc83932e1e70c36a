package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// helpers returns the processes of a home that serve one of our clients, as ps(1) shows them.
func helpers(t *testing.T, h *home) (list []string) {
	t.Helper()
	test.Need(t, "ps")
	out, err := exec.Command("ps", "-A", "-ww", "-o", "pid=,args=").Output()
	must(t, err)
	for line := range strings.Lines(string(out)) {
		var pid int
		fmt.Sscan(line, &pid)
		if (strings.Contains(line, "clever-ssh bridge") || strings.Contains(line, "clever-ssh proxy")) && ofHome(pid, h) {
			list = append(list, strings.TrimSpace(line))
		}
	}
	return list
}

func expectNoHelper(t *testing.T, h *home, serves string) {
	t.Helper()
	var left string
	test.Eventually(t, "no helper is left", func() bool {
		left = strings.Join(helpers(t, h), "\n")
		return !strings.Contains(left, serves)
	}, func() string { return "left behind:\n" + left })
}

// libsshSleeper runs a command through the bridge, with libssh, and waits.
const libsshSleeper = `
import ctypes, sys, time
ssh = ctypes.CDLL("libssh.so.4")
for name in "ssh_new", "ssh_channel_new", "ssh_get_error":
    getattr(ssh, name).restype = ctypes.c_void_p
HOST, PROXYCOMMAND, PROCESS_CONFIG = 0, 19, 38
s = ctypes.c_void_p(ssh.ssh_new())
off = ctypes.c_bool(False)
ssh.ssh_options_set(s, PROCESS_CONFIG, ctypes.byref(off))
ssh.ssh_options_set(s, HOST, b"web.clever")
ssh.ssh_options_set(s, PROXYCOMMAND, sys.argv[1].encode())
def check(what, status):
    if status != 0:
        sys.exit("%s: %d: %s" % (what, status, ctypes.string_at(ssh.ssh_get_error(s)).decode()))
check("connect", ssh.ssh_connect(s))
check("none", ssh.ssh_userauth_none(s, None))
c = ctypes.c_void_p(ssh.ssh_channel_new(s))
check("session", ssh.ssh_channel_open_session(c))
check("exec", ssh.ssh_channel_request_exec(c, b"echo begun; exec sleep 600"))
b = ctypes.create_string_buffer(100)
n = ssh.ssh_channel_read(c, b, 6, 0)
print(b.raw[:n].decode().strip(), flush=True)
time.sleep(600)
`

// The bridge ends with a program that is killed, although libssh left the program's end of the pair open in the
// bridge.
func TestLibsshIsKilled(t *testing.T) {
	needPrograms(t)
	t.Parallel()
	const python = "/usr/bin/python3" // the system's, which finds the system's libraries
	needs(t, "libssh", exec.Command(python, "-c", `import ctypes; ctypes.CDLL("libssh.so.4")`))
	for _, shell := range []string{"/bin/sh", "/bin/bash"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			h, _, _ := programHome(t)
			h.env = append(h.env, "SHELL="+shell)
			must(t, os.WriteFile(h.path("client.py"), []byte(libsshSleeper), 0o600))
			cmd := h.command(python, h.path("client.py"), "clever-ssh bridge web.clever")
			var said strings.Builder
			cmd.Stderr = &said
			out, err := cmd.StdoutPipe()
			must(t, err, cmd.Start())
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
				cmd.Process.Kill()
				cmd.Wait()
				t.Fatalf("%q, %v\n%s", line, err, said.String())
			}
			if len(helpers(t, h)) == 0 {
				t.Error("no bridge is seen")
			}
			cmd.Process.Kill()
			cmd.WaitDelay = time.Millisecond // whoever has its stderr
			cmd.Wait()
			expectNoHelper(t, h, "clever-ssh bridge")
		})
	}
}

// A caller's end of the pair that is left open in its helper does not make the helper wait.
func TestCallersEndIsLeaked(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	for _, helper := range []string{"bridge", "proxy"} {
		pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		must(t, err)
		theirs, ours := os.NewFile(uintptr(pair[0]), "theirs"), os.NewFile(uintptr(pair[1]), "ours")
		cmd := h.command("clever-ssh", helper, "web.clever")
		cmd.Stdin, cmd.Stdout = theirs, theirs
		cmd.ExtraFiles = []*os.File{ours}
		must(t, cmd.Start())
		defer cmd.Process.Kill()
		theirs.Close()
		if _, err := ours.WriteString("SSH-2.0-test\r\n"); err != nil {
			t.Error(err)
		}
		if line, err := bufio.NewReader(ours).ReadString('\n'); !strings.HasPrefix(line, "SSH-2.0-") {
			t.Errorf("%s: %q, %v", helper, line, err)
		}
		ours.Close()
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		test.Within(t, "the end of "+helper, ended)
	}
}

// listingGateway is an application with two instances, whose list never comes once the file "hold" is there.
const listingGateway = `#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
app_*)
	while [ -e "%s" ]; do sleep 0.1; done
	echo "1) Brave Eevee - Instance 0 - UP (11281f38-31ff-43a7-8595-a2d82630c32b)"
	echo "2) Quiet Abra - Instance 1 - UP (22281f38-31ff-43a7-8595-a2d82630c32b)"
	printf "Your choice: "
	exec cat >/dev/null ;;
esac
` + forceCommand

// The end of ssh's output is that of ssh itself, also while the bridge reads the list again for later commands.
func TestOutputEndsWithSSH(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	hold := h.path("hold")
	s := startSSHDWith(t, h, fmt.Sprintf(listingGateway, hold))
	runs(t, h.command("clever-ssh", "setup", "--gateway", s.address, "--pin", s.pins[0], "--pin", s.pins[1], "pair="+appPair))
	runs(t, h.command("ssh", "pair.clever", "true"))
	must(t, os.WriteFile(hold, nil, 0o600))
	// The bridge begins to read the list once it is old. That ends after some seconds at most: on a busy machine they
	// may be over before the test looks.
	test.Eventually(t, "the output ends, and the bridge is still there", func() bool {
		if out, err := h.command("ssh", "pair.clever", "echo yes").CombinedOutput(); err != nil || !strings.Contains(string(out), "yes\n") {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.Contains(strings.Join(helpers(t, h), "\n"), "clever-ssh bridge")
	})
}

// A shared connection of the user's own outlives the ssh that opened it, and keeps its bridge.
func TestPersistedMasterKeepsItsBridge(t *testing.T) {
	t.Parallel()
	h, _, _ := programHome(t)
	socket := test.SocketFolder(t) + "/s"
	share := func(args ...string) *exec.Cmd {
		return h.command("ssh", append([]string{"-o", "ControlMaster=auto", "-o", "ControlPath=" + socket, "-o", "ControlPersist=60"}, args...)...)
	}
	runs(t, share("web.clever", "true"))
	time.Sleep(time.Second) // the ssh that opened it has ended long before
	before := helpers(t, h)
	if out := runs(t, share("web.clever", "echo yes")); out != "yes\n" {
		t.Errorf("%q", out)
	}
	if after := helpers(t, h); len(before) == 0 || strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("of %q there are %q", before, after)
	}
	runs(t, share("-O", "exit", "web.clever"))
	expectNoHelper(t, h, "clever-ssh bridge")
}
