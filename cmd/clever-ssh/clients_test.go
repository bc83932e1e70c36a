//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// PuTTY's programs find in the saved session of a run alias all that they need: no key of the user's, and no question.
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

// entry is what ssh_config says of an alias.
func (h *home) entry(t *testing.T, alias, keyword string) string {
	t.Helper()
	return optionOf(runs(t, h.command("ssh", "-G", alias)), keyword)
}

// Libraries that start the ProxyCommand of the entry are served, too.
func TestLibraries(t *testing.T) {
	t.Parallel()
	h, _, far := programHome(t)
	proxy := h.entry(t, "web.run.clever", "proxycommand")
	if !strings.HasSuffix(proxy, " bridge web.clever") {
		t.Fatalf("the ProxyCommand of web.run.clever is %q", proxy)
	}
	t.Run("paramiko", func(t *testing.T) {
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
	t.Run("ssh2", func(t *testing.T) {
		dir := filepath.Join(h.dir, "node")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath("npm"); err != nil {
			t.Fatal("npm is missing: install nodejs and npm")
		}
		runs(t, h.command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "ssh2@1.16.0"))
		if err := put(dir, "client.js", 0o600, `
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
