package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// One name is known only to the proxies, the other to nobody.
const (
	gatewayName = "gateway.test"
	unknownName = "unknown.test"
)

// realProxy is a proxy from the distribution.
type realProxy struct {
	scheme   string
	user     string
	password string // as the proxy is told
	escaped  string // as written in the URL
	start    func(t *testing.T, dir string, port int, credentials bool) *exec.Cmd
}

var realProxies = []realProxy{
	{"socks5", "me", "s3cr3t:p@ss/w%rd é", "s3cr3t%3Ap%40ss%2Fw%25rd%20%C3%A9", func(t *testing.T, dir string, port int, credentials bool) *exec.Cmd {
		listen := fmt.Sprintf("exec microsocks -i 127.0.0.1 -p %d", port)
		if credentials { // it wipes them from its command line; no other may have them
			listen += ` -u me -P "$(cat "$1")"`
		}
		return knowing(t, dir, "microsocks", "sh", "-c", listen, "sh", filepath.Join(dir, "password"))
	}},
	{"http", "me", "s3cr3t-p4ssw0rd", "s3cr3t%2Dp4ssw0rd", func(t *testing.T, dir string, port int, credentials bool) *exec.Cmd {
		text := fmt.Sprintf("Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\nFilter %q\n", port, filepath.Join(dir, "filter"))
		if credentials {
			text += "BasicAuth me s3cr3t-p4ssw0rd\n"
		}
		must(t, os.WriteFile(filepath.Join(dir, "filter"), []byte("^forbidden\\.test\n"), 0o644),
			os.WriteFile(filepath.Join(dir, "conf"), []byte(text), 0o600))
		return knowing(t, dir, "tinyproxy", "tinyproxy", "-d", "-c", filepath.Join(dir, "conf"))
	}},
}

// knowing returns a command that can find the gateway by its name, which nothing else on this
// machine can, and that looks up no other name elsewhere.
func knowing(t *testing.T, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	test.Need(t, program)
	hosts, sources := filepath.Join(dir, "hosts"), filepath.Join(dir, "nsswitch.conf")
	must(t, os.WriteFile(hosts, []byte("127.0.0.1 "+gatewayName+" forbidden.test\n"), 0o644), os.WriteFile(sources, []byte("hosts: files\n"), 0o644))
	namespace := []string{"-m", "sh", "-c", `mount --bind "$0" /etc/hosts && mount --bind "$1" /etc/nsswitch.conf && shift && exec "$@"`, hosts, sources}
	needs(t, "a mount namespace", exec.Command("unshare", append(namespace, "true")...))
	return exec.Command("unshare", append(namespace, args...)...)
}

// run starts the proxy and returns its address.
func (p *realProxy) run(t *testing.T, credentials bool) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "password"), []byte(p.password), 0o600))
	l := loopback(t)
	address := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := p.start(t, dir, address.Port, credentials)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	test.Eventually(t, cmd.Args[0]+" listens", func() bool {
		select {
		case <-ended:
			t.Fatalf("%v: %v\n%s", cmd.Args, cmd.ProcessState, log.String())
		default:
		}
		conn, err := net.Dial("tcp", address.String())
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address.String()
}

// secrets returns all forms of the passwords that the tests use.
func (p *realProxy) secrets() (list []string) {
	for _, password := range []string{p.password, "wr0ng-p4ssw0rd"} {
		list = append(list, password, url.QueryEscape(password), url.PathEscape(password), base64.StdEncoding.EncodeToString([]byte(p.user+":"+password)))
	}
	return append(list, p.escaped, "s3cr3t")
}

// expectNoSecret fails if a text contains one of the passwords.
func (p *realProxy) expectNoSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range p.secrets() {
		if strings.Contains(text, s) {
			t.Errorf("%s has the password:\n%s", where, text)
			return
		}
	}
}

// expectNoSecrets checks the command lines of all processes, and everything in the home except the
// settings.
func (p *realProxy) expectNoSecrets(t *testing.T, h *home) {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	looked := false
	for _, path := range processes {
		text, _ := os.ReadFile(path) // the process may have ended
		looked = looked || strings.Contains(string(text), "clever-ssh\x00proxy\x00")
		p.expectNoSecret(t, path, string(text))
	}
	if !looked {
		t.Error("no proxy runs that could be looked at")
	}
	must(t, filepath.WalkDir(h.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == "clever-ssh.toml" {
			return err
		}
		text, err := os.ReadFile(path)
		p.expectNoSecret(t, path, string(text))
		return err
	}))
}

// through sets a home up for a gateway behind a proxy.
func through(t *testing.T, h *home, g *gateway.Gateway, host, port, via string) {
	t.Helper()
	if via != "" {
		via = fmt.Sprintf("via = %q\n", via)
	}
	settings := fmt.Sprintf("ssh-config = %q\n[[gateway]]\nsuffix = \"clever\"\naddress = \"ssh@%s:%s\"\npins = [%q, %q]\n%s[names]\nweb = %q\n",
		h.path("config"), host, port, pinOf(g, 0), pinOf(g, 1), via, appWeb)
	must(t, os.WriteFile(filepath.Join(h.dir, ".config", "clever-cloud", "clever-ssh.toml"), []byte(settings), 0o600))
	runs(t, h.command("clever-ssh", "setup"))
}

// Through proxies in common use, ssh reaches a gateway that only they can find, and the user is
// told what goes wrong. The password appears nowhere but in the settings.
func TestVia(t *testing.T) {
	test.Long(t)
	t.Parallel()
	if addresses, err := net.LookupHost(gatewayName); err == nil {
		t.Fatalf("%s is known here: %v", gatewayName, addresses)
	}
	for _, p := range realProxies {
		t.Run(p.scheme, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			g := startGateway(t, h)
			_, port, _ := net.SplitHostPort(g.Addr())
			open, closed := p.run(t, false), p.run(t, true)
			credentials := p.user + ":" + p.escaped + "@"

			for name, via := range map[string]string{
				"for everybody": open,
				"for everybody, though there is a password": credentials + open,
				"with a password": credentials + closed,
			} {
				t.Run(name, func(t *testing.T) {
					through(t, h, g, gatewayName, port, p.scheme+"://"+via)
					term := start(t, h.command("ssh", "-vvv", "web.clever"))
					term.expect(t, promptPattern)
					p.expectNoSecrets(t, h)
					term.send(t, "echo id=$APP_ID; exit 5\n")
					term.expect(t, "id="+appWeb+"\r\n")
					if status := term.status(t); status != 5 {
						t.Errorf("exit status %d", status)
					}
					p.expectNoSecret(t, "the screen", term.screen.String())
					for _, args := range [][]string{{"list"}, {"list", "--json"}, {"setup"}, {"setup", "--dry-run", "other=app_other"}} {
						out, err := h.command("clever-ssh", args...).CombinedOutput()
						if err != nil {
							t.Errorf("%v: %v\n%s", args, err, out)
						}
						p.expectNoSecret(t, strings.Join(args, " "), string(out))
					}
					p.expectNoSecret(t, "ssh -G", runs(t, h.command("ssh", "-G", "web.clever")))
				})
			}

			nobody := loopback(t)
			dead := nobody.Addr().String()
			nobody.Close()
			_, deadPort, _ := net.SplitHostPort(dead)
			type message map[string]string // by scheme
			attempts := len(g.Events().Attempts)
			for _, test := range []struct {
				name, host, port, via string
				reason                message
			}{
				{"a wrong password", gatewayName, port, p.user + ":wr0ng-p4ssw0rd@" + closed,
					message{"socks5": `authentication failed|the proxy closed the connection`, "http": `the proxy refused: "HTTP/1.[01] 401 Unauthorized"`}},
				{"no password", gatewayName, port, closed,
					message{"socks5": `no acceptable authentication methods`, "http": `the proxy refused: "HTTP/1.[01] 40[17] `}},
				{"a dead proxy", gatewayName, port, credentials + dead,
					message{"socks5": `connect: connection refused`, "http": `connect: connection refused`}},
				{"a gateway that refuses", gatewayName, deadPort, credentials + closed,
					message{"socks5": `connection refused`, "http": `the proxy refused: "HTTP/1.[01] 50\d `}},
				{"a name that the proxy does not know", unknownName, port, credentials + closed,
					message{"socks5": `host unreachable|general`, "http": `the proxy refused: "HTTP/1.[01] 50\d `}},
				{"a name that the proxy refuses", "forbidden.test", port, credentials + closed,
					message{"http": `the proxy refused: "HTTP/1.[01] 403 `}},
			} {
				if test.reason[p.scheme] == "" {
					continue
				}
				t.Run(test.name, func(t *testing.T) {
					through(t, h, g, test.host, test.port, p.scheme+"://"+test.via)
					cmd := h.command("ssh", "-vvv", "web.clever")
					out, err := cmd.CombinedOutput()
					shown := strings.NewReplacer(p.escaped+"@", "xxxxx@", "wr0ng-p4ssw0rd@", "xxxxx@").Replace(test.via)
					told := fmt.Sprintf(`clever-ssh: cannot connect to %s:%s via %s://%s: .*(%s)(.|\r|\n)*hint: .*via`,
						regexp.QuoteMeta(test.host), test.port, p.scheme, regexp.QuoteMeta(shown), test.reason[p.scheme])
					exit := new(exec.ExitError)
					if !errors.As(err, &exit) || exit.ExitCode() != 255 || !regexp.MustCompile(told).Match(out) {
						t.Errorf("%v, want %s\n%s", err, told, out)
					}
					p.expectNoSecret(t, "ssh -vvv", string(out))
				})
			}
			if n := len(g.Events().Attempts); n != attempts {
				t.Errorf("%d authentication attempts", n-attempts)
			}
			expectGone(t, h)
		})
	}
}
