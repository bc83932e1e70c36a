//go:build unix

package proxycmd_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/config"

	"golang.org/x/crypto/ssh"
)

// The methods that are refused for what they are. A client that has another one which is refused needs a look at it:
// either it belongs on the list, or here.
var refusedMethods = []string{"diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1", "sntrup4591761x25519-sha512@tinyssh.org"}

// account is an account at OpenSSH's server, as the tests' own user, with the keys to it.
type account struct {
	name           string
	dir            string
	authorizedKeys string
	hostKeys       []string          // files
	pins           map[string]string // of the host keys, by their files
}

// newAccount makes the keys that the connections of a test share. keyFile is the client's key in OpenSSH's format.
func newAccount(t *testing.T, hostKeyTypes ...string) (a account, keyFile string) {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	generate := func(name, keyType string) (file string, line []byte) {
		file = filepath.Join(dir, name)
		mustRun(t, "ssh-keygen", "-q", "-t", keyType, "-N", "", "-f", file)
		line, err := os.ReadFile(file + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		return file, line
	}
	a = account{name: u.Username, dir: dir, authorizedKeys: filepath.Join(dir, "authorized_keys"), pins: map[string]string{}}
	keyFile, line := generate("id", "ed25519")
	a.allow(t, line)
	for i, keyType := range hostKeyTypes {
		file, line := generate(fmt.Sprintf("host_%s_%d", keyType, i), keyType)
		key, _, _, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			t.Fatal(err)
		}
		a.hostKeys = append(a.hostKeys, file)
		a.pins[file] = config.Fingerprint(key.Marshal()).String()
	}
	return a, keyFile
}

// allow lets the holder of a key in; line is its public half.
func (a account) allow(t *testing.T, line []byte) {
	t.Helper()
	if err := os.WriteFile(a.authorizedKeys, line, 0o600); err != nil {
		t.Fatal(err)
	}
}

func mustRun(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

// sshd is OpenSSH's server, started for each connection, as inetd did.
type sshd struct {
	net.Listener
	log     string // file
	running *sync.WaitGroup
}

func (s sshd) port() int { return s.Addr().(*net.TCPAddr).Port }

func startSSHD(t *testing.T, a account, options ...string) sshd {
	t.Helper()
	program, err := exec.LookPath("/usr/sbin/sshd") // it insists on an absolute path, and is in nobody's PATH
	if err != nil {
		t.Skip(err)
	}
	if os.Geteuid() == 0 {
		// Its empty folder, which the system's start-up makes.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	lines := []string{
		"AuthorizedKeysFile " + a.authorizedKeys, "StrictModes no", "PermitRootLogin yes", "UsePAM no", "PermitUserRC no",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel DEBUG1",
		"SetEnv SHLVL=9", // or bash reads the account's ~/.bashrc, whatever that does and says (bash(1), INVOCATION)
	}
	for _, f := range a.hostKeys {
		lines = append(lines, "HostKey "+f)
	}
	configFile := filepath.Join(dir, "sshd_config")
	if err := os.WriteFile(configFile, []byte(strings.Join(append(lines, options...), "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s := sshd{l, filepath.Join(dir, "log"), new(sync.WaitGroup)}
	s.running.Go(func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		f, err := conn.(*net.TCPConn).File()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		cmd := exec.Command(program, "-i", "-f", configFile, "-E", s.log)
		cmd.Stdin, cmd.Stdout = f, f
		cmd.Run() // its status is that of the client's leaving
	})
	return s
}

// negotiated reads from the server's log what was agreed on, once the connection has ended.
func (s sshd) negotiated(t *testing.T) (method, hostKeyAlgorithm string) {
	t.Helper()
	s.Close()
	s.running.Wait()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Errorf("no connection: %v", err)
	}
	for line := range strings.Lines(string(log)) {
		line = strings.TrimSuffix(strings.TrimSpace(line), " [preauth]")
		if _, after, ok := strings.Cut(line, "kex: algorithm: "); ok {
			method = after
		}
		if _, after, ok := strings.Cut(line, "kex: host key algorithm: "); ok {
			hostKeyAlgorithm = after
		}
	}
	return method, hostKeyAlgorithm
}

// passThrough has a client run cat behind the proxy, and expects back what it was sent.
func passThrough(t *testing.T, a account, s sshd, dir string, name string, args ...string) (said string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var pins []string
	for _, p := range a.pins {
		pins = append(pins, p)
	}
	cmd.Env = append(os.Environ(),
		"SHELL=/bin/sh", "HOME="+dir, "LC_ALL=C", "GORACE=atexit_sleep_ms=0",
		fmt.Sprintf("%s=%s@127.0.0.1:%d", gatewayVariable, a.name, s.port()),
		pinsVariable+"="+strings.Join(pins, ","),
		knownHostsVariable+"="+filepath.Join(dir, "known_hosts"),
	)
	// As much as a pipe holds: dbclient does not notice the end when it comes while its stdout is full.
	sent := make([]byte, 60_000)
	rand.NewChaCha8([32]byte{}).Read(sent)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(sent), &stdout, &stderr
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Errorf("%s does not end: %s", name, &stderr)
	}
	return stderr.String(), err == nil && bytes.Equal(stdout.Bytes(), sent)
}

// proxyItself is a shell command that starts this test binary as the proxy.
func proxyItself(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "'" + self + "'"
}

// opensshArguments have ssh trust nothing but the known_hosts that the proxy writes.
func opensshArguments(t *testing.T, a account, dir, key string, options ...string) []string {
	args := []string{"-F", "none", "-l", a.name}
	for _, o := range append(options,
		"ProxyCommand="+proxyItself(t), "HostKeyAlias=clever-ssh-clever", "StrictHostKeyChecking=yes",
		"UserKnownHostsFile="+filepath.Join(dir, "known_hosts"), "GlobalKnownHostsFile=/dev/null",
		"BatchMode=yes", "IdentityAgent=none", "IdentitiesOnly=yes", "IdentityFile="+key,
	) {
		args = append(args, "-o", o)
	}
	return append(args, "gateway.test", "cat")
}

// Every method that both OpenSSH's client and its server have.
func TestMethodsOfOpenSSH(t *testing.T) {
	t.Parallel()
	a, key := newAccount(t, "ed25519")
	methods := strings.Fields(string(mustRun(t, "ssh", "-Q", "kex")))
	if len(methods) < 8 {
		t.Errorf("only the methods %q", methods)
	}
	for _, method := range methods {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a, "KexAlgorithms "+method)
			dir := t.TempDir()
			said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, a, dir, key, "KexAlgorithms="+strings.Join(methods, ","))...)
			if slices.Contains(refusedMethods, method) {
				if want := fmt.Sprintf("the key exchange method %q is not one that can be checked", method); ok || !strings.Contains(said, want) {
					t.Errorf("passed %v: %s", ok, said)
				}
				return
			}
			got, algorithm := s.negotiated(t)
			if !ok || got != method || algorithm != "ssh-ed25519" || strings.Contains(said, "clever-ssh") {
				t.Errorf("passed %v with %q and %q: %s", ok, got, algorithm, said)
			}
		})
	}
}

// The gateway has an RSA host key, too, for clients that prefer it.
func TestRSAHostKey(t *testing.T) {
	t.Parallel()
	a, key := newAccount(t, "rsa")
	for _, method := range []string{"curve25519-sha256", "diffie-hellman-group-exchange-sha256"} {
		for _, algorithm := range []string{"rsa-sha2-512", "rsa-sha2-256"} {
			t.Run(method+"/"+algorithm, func(t *testing.T) {
				t.Parallel()
				s := startSSHD(t, a, "KexAlgorithms "+method)
				dir := t.TempDir()
				said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, a, dir, key, "HostKeyAlgorithms=ssh-ed25519,"+algorithm)...)
				if got, gotAlgorithm := s.negotiated(t); !ok || got != method || gotAlgorithm != algorithm {
					t.Errorf("passed %v with %q and %q: %s", ok, got, gotAlgorithm, said)
				}
			})
		}
	}
}

// An sshd whose keys are being changed, or that has a small and a large RSA key, names each type once for each of its keys, and shows the
// first.
func TestTwoHostKeysOfOneType(t *testing.T) {
	t.Parallel()
	a, key := newAccount(t, "ed25519", "ed25519", "rsa", "rsa")
	for _, algorithm := range []string{"ssh-ed25519", "rsa-sha2-512"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a)
			dir := t.TempDir()
			said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, a, dir, key, "HostKeyAlgorithms="+algorithm)...)
			if _, got := s.negotiated(t); !ok || got != algorithm {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
	t.Run("the first is not pinned", func(t *testing.T) {
		t.Parallel()
		s := startSSHD(t, a)
		second := a
		second.pins = map[string]string{"": a.pins[a.hostKeys[1]]}
		dir := t.TempDir()
		said, ok := passThrough(t, second, s, dir, "ssh", opensshArguments(t, a, dir, key)...)
		if ok || !strings.Contains(said, "host key "+a.pins[a.hostKeys[0]]+" of") {
			t.Errorf("passed %v: %s", ok, said)
		}
	})
}

// PuTTY has its own implementation of everything, and the second lock in its list of host keys.
func TestMethodsOfPuTTY(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("plink"); err != nil {
		t.Skip(err)
	}
	a, key := newAccount(t, "ed25519", "rsa")
	ppk := filepath.Join(a.dir, "id.ppk")
	mustRun(t, "puttygen", key, "-O", "private", "-o", ppk)
	for _, method := range []string{
		"sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "curve25519-sha256@libssh.org",
		"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
		"diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
		"diffie-hellman-group-exchange-sha256",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a, "KexAlgorithms "+method)
			args := []string{"-batch", "-ssh", "-l", a.name, "-i", ppk, "-proxycmd", proxyItself(t)}
			for _, p := range a.pins {
				args = append(args, "-hostkey", p)
			}
			said, ok := passThrough(t, a, s, t.TempDir(), "plink", append(args, "gateway.test", "cat")...)
			if got, _ := s.negotiated(t); !ok || got != method {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
}

// Dropbear guesses the method: it sends its first message without having seen the server's list.
func TestMethodsOfDropbear(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"dbclient", "dropbearkey"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	a, _ := newAccount(t, "ed25519")
	key := filepath.Join(a.dir, "dropbear")
	for line := range strings.Lines(string(mustRun(t, "dropbearkey", "-t", "ed25519", "-f", key))) {
		if strings.HasPrefix(line, "ssh-ed25519 ") {
			a.allow(t, []byte(line))
		}
	}
	for _, method := range []string{
		"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
		"diffie-hellman-group14-sha256",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a, "KexAlgorithms "+method)
			// -y twice: the host key is for the proxy to check.
			said, ok := passThrough(t, a, s, t.TempDir(), "dbclient", "-y", "-y", "-i", key, "-l", a.name, "-J", proxyItself(t), "gateway.test", "cat")
			if got, _ := s.negotiated(t); !ok || got != method {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
}
