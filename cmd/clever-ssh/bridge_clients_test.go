//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/users"
)

// PuTTY's programs find everything that they need in the saved session of a run alias: they use no key of the
// user's and ask no question.
func TestRunSessions(t *testing.T) {
	t.Parallel()
	h, _, far := programHome(t)
	expectOutput(t, h.plink("typed", "web.run.clever", "cat; echo oops >&2; exit 7"), 7, `(?s)typed.*oops|oops.*typed`)
	expectOutput(t, h.plink("tty; exit 5\n", "web.run.clever"), 5, `/dev/pts/`)
	file := filepath.Join(h.dir, "file")
	if err := os.WriteFile(file, []byte(strings.Repeat("content\n", 10_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, h.command("pscp", "-batch", "-q", file, "web.run.clever:"+far+"/by-pscp"))
	sameFiles(t, file, far+"/by-pscp")
	runs(t, h.command("pscp", "-batch", "-q", "web.run.clever:"+far+"/by-pscp", filepath.Join(h.dir, "back")))
	sameFiles(t, file, filepath.Join(h.dir, "back"))
	psftp := h.command("psftp", "-batch", "web.run.clever")
	psftp.Stdin = strings.NewReader("put " + file + " " + far + "/by-psftp\nquit\n")
	runs(t, psftp)
	sameFiles(t, file, far+"/by-psftp")

	line := runs(t, h.command("clever-ssh", "putty", "--print", "web.run.clever"))
	printed := h.command("sh", "-c", strings.TrimSpace(strings.Replace(line, "plink ", "plink -batch ", 1))+" 'exit 4'")
	expectOutput(t, printed, 4, "")

	// The bridge's host key is pinned as strictly as any other.
	edit(t, h.session("web.run.clever"), "^SSHManualHostKeys=.*", "SSHManualHostKeys=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	expectOutput(t, h.plink("", "web.run.clever", "true"), 1, "Host key not in manually configured list")
}

// entry returns what ssh_config says about an alias.
func (h *home) entry(t *testing.T, alias, keyword string) string {
	t.Helper()
	return valueIn(runs(t, h.command("ssh", "-G", alias)), keyword)
}

// The algorithms that a person sets for all hosts are meant for servers. The bridge does not have all of them,
// so its own entries come first.
func TestUsersAlgorithms(t *testing.T) {
	t.Parallel()
	h, g, far := programHome(t)
	g.Close()
	s := startSSHD(t, h) // it has all of them, so the gateway takes those that the bridge lacks
	runs(t, h.command("clever-ssh", "setup", "--gateway", s.address, "--pin", s.pins[0], "--pin", s.pins[1]))
	text, err := os.ReadFile(h.path("config"))
	must(t, err)
	const others = `
    Ciphers aes192-ctr
    MACs umac-128@openssh.com
    HostKeyAlgorithms ecdsa-sha2-nistp256
    Compression yes
`
	for i, methods := range []string{"sntrup761x25519-sha512@openssh.com", "diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256"} {
		t.Run(methods, func(t *testing.T) {
			must(t, os.WriteFile(h.path("config"), append(text, "\nHost *\n    KexAlgorithms "+methods+others...), 0o600))
			for _, alias := range []string{"web.clever", "web.run.clever"} {
				expectOutput(t, h.command("ssh", alias, "echo here; exit 3"), 3, "^here\n$")
			}
			copied := fmt.Sprintf("%s/%d", far, i)
			runs(t, h.command("scp", "-S", "ssh", "-q", h.path("id"), "web.clever:"+copied))
			sameFiles(t, h.path("id"), copied)
		})
	}
}

// Libraries that start the ProxyCommand of the entry work, too.
func TestLibraries(t *testing.T) {
	test.Long(t)
	t.Parallel()
	h, _, far := programHome(t)
	proxy := h.entry(t, "web.run.clever", "proxycommand")
	if !strings.HasSuffix(proxy, " bridge web.clever") {
		t.Fatalf("the ProxyCommand of web.run.clever is %q", proxy)
	}
	t.Run("paramiko", func(t *testing.T) {
		needs(t, "paramiko", exec.Command("/usr/bin/python3", "-c", "import paramiko"))
		cmd := h.command("/usr/bin/python3", "-c", `
import paramiko, sys
proxy, known_hosts, file = sys.argv[1:]
c = paramiko.SSHClient()
c.load_host_keys(known_hosts)
c.connect("clever-ssh-bridge", username="any", password="any", sock=paramiko.ProxyCommand(proxy), look_for_keys=False)
i, o, e = c.exec_command("cat; echo oops >&2; exit 7")
i.write("typed")
i.channel.shutdown_write()
print(o.read(), e.read(), o.channel.recv_exit_status())
c.open_sftp().put(known_hosts, file)
c.close()
`, proxy, h.path("clever/bridge_known_hosts"), far+"/by-paramiko")
		if got := runs(t, cmd); got != "b'typed' b'oops\\n' 7\n" {
			t.Errorf("paramiko says %q", got)
		}
		sameFiles(t, h.path("clever/bridge_known_hosts"), far+"/by-paramiko")
	})
	t.Run("paramiko reads the entries", func(t *testing.T) {
		needs(t, "paramiko", exec.Command("/usr/bin/python3", "-c", "import paramiko"))
		cmd := h.command("/usr/bin/python3", "-c", `
import paramiko, sys
file, known_hosts = sys.argv[1:]
c = paramiko.SSHConfig()
c.parse(open(file))
found = c.lookup("web.run.clever")
s = paramiko.SSHClient()
s.load_host_keys(known_hosts)
s.set_missing_host_key_policy(paramiko.RejectPolicy())
s.connect(found["hostname"], port=int(found.get("port", 22)), username="any", password="any", sock=paramiko.ProxyCommand(found["proxycommand"]), look_for_keys=False, allow_agent=False)
i, o, e = s.exec_command("echo here; exit 7")
print(o.read(), o.channel.recv_exit_status())
s.close()
`, h.path("clever/config"), h.path("clever/bridge_known_hosts"))
		if got := runs(t, cmd); got != "b'here\\n' 7\n" {
			t.Errorf("paramiko says %q", got)
		}
	})
	t.Run("libssh reads the entries", func(t *testing.T) {
		needs(t, "libssh", h.command("/usr/bin/python3", "-c", `import ctypes; ctypes.CDLL("libssh.so.4")`))
		got := runs(t, h.command("/usr/bin/python3", "-c", libsshClient, h.path("config"), "web.run.clever", "echo here; exit 7"))
		if got != "the host key is known\nb'here\\n' 7\n" {
			t.Errorf("libssh says %q", got)
		}
		// It does not send RemoteCommand: the gateway would take its command for a target. The entry is for ssh
		// alone.
		out, err := h.command("/usr/bin/python3", "-c", libsshClient, h.path("config"), "web.clever", "ls").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "cannot tell which alias is meant") || !strings.Contains(string(out), ".run.clever") {
			t.Errorf("libssh with the entry that is for ssh: %v\n%s", err, out)
		}
		// A client that sends the target itself names the alias. The gateway's key is checked on the way:
		// libssh does not know HostKeyAlias.
		own := filepath.Join(h.dir, "own")
		must(t, os.WriteFile(own, []byte("Host gateway\n    User ssh\n    ProxyCommand clever-ssh proxy web.clever\n    IdentityFile "+h.path("id")+"\n"), 0o600))
		got = runs(t, h.command("/usr/bin/python3", "-c", libsshClient, own, "gateway", appWeb))
		if !strings.Contains(got, "Opening an ssh shell") {
			t.Errorf("libssh says %q", got)
		}
	})
	t.Run("ssh2", func(t *testing.T) {
		dir := filepath.Join(h.dir, "node")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		test.Need(t, "node", "npm")
		runs(t, h.command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "ssh2@1.16.0"))
		if err := users.Put(dir, "client.js", 0o600, `
const { Client } = require('ssh2');
const { spawn } = require('child_process');
const { Duplex } = require('stream');
const proxy = spawn('/bin/sh', ['-c', 'exec ' + process.argv[2]], { stdio: ['pipe', 'pipe', 'inherit'] });
const client = new Client();
client.on('ready', () => client.exec('cat; echo oops >&2; exit 7', (err, stream) => {
  if (err) throw err;
  let out = '', said = '';
  stream.on('data', d => out += d).stderr.on('data', d => said += d);
  stream.on('close', code => { console.log(JSON.stringify([out, said, code])); client.end(); proxy.stdin.end(); });
  stream.end('typed');
}));
client.connect({ sock: Duplex.from({ readable: proxy.stdout, writable: proxy.stdin }), username: 'any', password: 'any' });
`); err != nil {
			t.Fatal(err)
		}
		cmd := h.command("node", "client.js", proxy)
		cmd.Dir = dir
		if got := runs(t, cmd); got != `["typed","oops\n",7]`+"\n" {
			t.Errorf("ssh2 says %q", got)
		}
	})
}

// libsshClient runs a command with libssh on the host that a configuration leads to.
const libsshClient = `
import ctypes, sys
lib = ctypes.CDLL("libssh.so.4")
pointer = ctypes.c_void_p
lib.ssh_new.restype = lib.ssh_channel_new.restype = pointer
lib.ssh_get_error.restype = ctypes.c_char_p
file, alias, command = (a.encode() for a in sys.argv[1:])
session = pointer(lib.ssh_new())

def good(status):
    if status != 0:
        sys.exit("libssh: %d: %s" % (status, lib.ssh_get_error(session)))

HOST = 0
good(lib.ssh_options_set(session, HOST, alias))
good(lib.ssh_options_parse_config(session, file))
good(lib.ssh_connect(session))
if lib.ssh_session_is_known_server(session) == 1:
    print("the host key is known", flush=True)
SUCCESS, DENIED = 0, 1
if lib.ssh_userauth_none(session, None) != SUCCESS:
    good(lib.ssh_userauth_publickey_auto(session, None, None))
channel = pointer(lib.ssh_channel_new(session))
good(lib.ssh_channel_open_session(channel))
good(lib.ssh_channel_request_exec(channel, command))
lib.ssh_channel_send_eof(channel)
out, some = b"", ctypes.create_string_buffer(4096)
while (n := lib.ssh_channel_read(channel, some, len(some), 0)) > 0:
    out += some.raw[:n]
print(out, lib.ssh_channel_get_exit_status(channel))
lib.ssh_disconnect(session)
`

// valueIn returns the value of a keyword in the output of ssh -G, or "".
func valueIn(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}
