//go:build unix

package bridge

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

func (w *world) fingerprint(t *testing.T) string {
	t.Helper()
	_, _, key, _, _, err := ssh.ParseKnownHosts([]byte(readFile(t, w.path("known_hosts"))))
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

func TestPuTTY(t *testing.T) {
	t.Parallel()
	test.Need(t, "plink", "pscp", "psftp")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	eachWay(t, func(t *testing.T, w *world) {
		putty := func(program string, args ...string) *exec.Cmd {
			return w.command(program, append([]string{"-batch", "-proxycmd", self, "-hostkey", w.fingerprint(t)}, args...)...)
		}
		cmd := putty("plink", "-ssh", "anybody@web", "cat; echo err >&2; exit 7")
		cmd.Stdin = strings.NewReader("data\x00")
		if got := run(t, cmd); got != (result{"data\x00", "err\n", 7}) {
			t.Errorf("plink: %+v", got)
		}
		s := inTerminal(t, putty("plink", "-ssh", "-t", "anybody@web", "stty size; read x; echo \"<$x>\"; exit 6"))
		s.expect("25 90\r\n")
		s.typeIn("typed\r")
		s.expect("<typed>\r\n")
		if status := s.end(); status != 6 {
			t.Errorf("plink -t: exit status %d, %q", status, s.all())
		}
		s = inTerminal(t, putty("plink", "-ssh", "-t", "anybody@web"))
		s.expect("$ ")
		s.typeIn("exit 5\r")
		if status := s.end(); status != 5 {
			t.Errorf("plink, a shell: exit status %d, %q", status, s.all())
		}
		w.write(t, "file", strings.Repeat("some data\n", 100_000), 0o600)
		for _, protocol := range []string{"-sftp", "-scp"} {
			there := w.path("there" + protocol)
			succeeds(t, putty("pscp", protocol, "-q", "file", "anybody@web:"+there))
			succeeds(t, putty("pscp", protocol, "-q", "anybody@web:"+there, "back"))
			if readFile(t, w.path("back")) != readFile(t, w.path("file")) {
				t.Errorf("pscp %s: the file has changed", protocol)
			}
		}
		w.write(t, "batch", "put file "+w.path("there")+"\nget "+w.path("there")+" back again\n", 0o600)
		succeeds(t, putty("psftp", "-b", "batch", "anybody@web"))
		if readFile(t, w.path("there")) != readFile(t, w.path("file")) {
			t.Error("psftp: the file has changed")
		}
	})
}

func TestParamiko(t *testing.T) {
	t.Parallel()
	test.Slow(t)
	const python = "/usr/bin/python3" // the system's, which has its packages
	if err := exec.Command(python, "-c", "import paramiko").Run(); err != nil {
		test.Missing(t, "paramiko")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := programWorld(t)
	sums := listen(t, sumServer)
	w.write(t, "client.py", `
import hashlib, paramiko, sys
proxy, destination = sys.argv[1:]
for credentials in [{"password": "any"}, {"key_filename": "id", "allow_agent": False, "look_for_keys": False}]:
    c = paramiko.SSHClient()
    c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    c.connect("web", username="anybody", sock=paramiko.ProxyCommand(proxy), **credentials)
    i, o, e = c.exec_command("cat; echo err >&2; exit 7")
    i.write(b"x" * 1000000)
    i.channel.shutdown_write()
    assert o.read() == b"x" * 1000000
    assert e.read() == b"err\n"
    assert o.channel.recv_exit_status() == 7
    i, o, e = c.exec_command("stty size; exit 3", get_pty=True)
    assert o.read() == b"24 80\r\n"
    assert o.channel.recv_exit_status() == 3
    s = c.open_sftp()
    s.put("client.py", s.normalize(".") + "/copy")
    assert s.stat("copy").st_size == len(open("client.py").read())
    s.remove("copy")
    host, port = destination.split(":")
    d = c.get_transport().open_channel("direct-tcpip", (host, int(port)), ("127.0.0.1", 1))
    d.sendall(b"data")
    d.shutdown_write()
    answer = b""
    while True:
        more = d.recv(1000)
        if not more:
            break
        answer += more
    assert answer.decode() == hashlib.sha256(b"data").hexdigest(), answer
    c.close()
print("done")
`, 0o600)
	if got := run(t, w.command(python, "client.py", self, sums)); got.stdout != "done\n" {
		t.Errorf("%+v", got)
	}
}

// Ansible calls ssh in its own ways, over a shared connection.
func TestAnsible(t *testing.T) {
	test.Need(t, "ansible-playbook")
	t.Parallel()
	w := newWorld(t)
	startSSHD(t, w, w.shareMaster()...) // Ansible takes its time, and once is enough
	w.env = append(w.env, "ANSIBLE_SSH_ARGS=-F "+w.path("config")+" -o ControlMaster=auto -o ControlPersist=60s -o ControlPath="+w.path("a"),
		"ANSIBLE_LOCAL_TEMP="+w.path("tmp"), "ANSIBLE_NOCOLOR=1", "ANSIBLE_HOME="+w.path("ansible"), "ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3")
	t.Cleanup(func() { w.command("ssh", "-S", w.path("a"), "-O", "exit", "web").Run() })
	w.write(t, "file", "content\n", 0o600)
	w.write(t, "play.yml", `
- hosts: all
  gather_facts: false
  tasks:
    - raw: echo $((6*7))
      register: answer
    - assert: {that: "'42' in answer.stdout"}
    - ping:
    - copy: {src: `+w.path("file")+`, dest: `+w.path("copied")+`}
`, 0o600)
	succeeds(t, w.command("ansible-playbook", "-i", "web,", "play.yml"))
	if got := readFile(t, w.path("copied")); got != "content\n" {
		t.Errorf("copy: %q", got)
	}
}

func TestSSHFS(t *testing.T) {
	t.Parallel()
	test.NeedSSHFS(t)
	eachWay(t, func(t *testing.T, w *world) {
		there, mount := w.path("there"), w.path("mount")
		for _, dir := range []string{there, mount} {
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if got := run(t, w.command("sshfs", "-F", w.path("config"), "-o", "dir_cache=no", "web:"+there, mount)); got.status != 0 {
			if strings.Contains(got.stderr, "mount failed") {
				test.Missing(t, "the right to mount: "+got.stderr)
			}
			t.Fatalf("%+v", got)
		}
		defer exec.Command("fusermount3", "-u", mount).Run()
		data := strings.Repeat("some data\n", 300_000)
		// Another program writes the file. This process keeps starting others, which also close the file as
		// they begin, and sshfs makes only the first one to close a file wait until everything is written.
		succeeds(t, exec.Command("cp", w.write(t, "data", data, 0o600), filepath.Join(mount, "file")))
		if got := readFile(t, filepath.Join(there, "file")); got != data {
			t.Errorf("%d bytes of %d are on the instance", len(got), len(data))
		}
		if got := readFile(t, filepath.Join(mount, "file")); got != data {
			t.Errorf("%d bytes of %d come back", len(got), len(data))
		}
	})
}

// ssh -J and -W reach another server through the instance.
func TestSSHJump(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	startFake(t, w)
	other := newWorld(t)
	startSSHDWith(t, other, "#!/bin/sh\neval \"$SSH_ORIGINAL_COMMAND\"\n")
	config := strings.ReplaceAll(readFile(t, other.path("inner_config")), "    RemoteCommand "+target+"\n", "")
	w.write(t, "config", config+readFile(t, w.path("config")), 0o600)
	data := strings.Repeat("some data\n", 500_000)
	cmd := w.command("ssh", "-J", "web", "inner", "sha256sum; exit 3")
	cmd.Stdin = strings.NewReader(data)
	if got := run(t, cmd); !strings.HasPrefix(got.stdout, fmt.Sprintf("%x", sha256.Sum256([]byte(data)))) || got.status != 3 {
		t.Errorf("%+v", got)
	}
}
