//go:build unix

package proxycmd_test

import (
	"bytes"
	"context"
	"crypto"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// The methods that are refused for what they are. If a client has another refused method, look at it: either it
// belongs on the list of accepted ones, or here.
var refusedMethods = []string{"diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha1", "sntrup4591761x25519-sha512@tinyssh.org"}

// account is an account at OpenSSH's server, as the tests' own user, with the keys to it.
type account struct {
	dir      string
	key      ssh.PublicKey   // who may log in
	hostKeys []crypto.Signer // of the server
	pins     []string        // of the host keys
}

// newAccount makes the keys that the connections of a test share. keyFile is the client's key in OpenSSH's format.
func newAccount(t *testing.T, hostKeyTypes ...string) (a account, keyFile string) {
	t.Helper()
	test.Slow(t)
	a.dir = t.TempDir()
	keyFile = filepath.Join(a.dir, "id")
	var err error
	if a.key, err = gateway.WriteUserKey(keyFile); err != nil {
		t.Fatal(err)
	}
	for _, kind := range hostKeyTypes {
		key, err := sshd.NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		a.hostKeys = append(a.hostKeys, key)
		a.pins = append(a.pins, config.Fingerprint(public.Marshal()).String())
	}
	return a, keyFile
}

func mustRun(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return out
}

// startSSHD runs OpenSSH's server for an account.
func startSSHD(t *testing.T, a account, lines ...string) *sshd.Server {
	t.Helper()
	return sshd.Start(t, sshd.Options{HostKeys: a.hostKeys, Authorized: []ssh.PublicKey{a.key}, Lines: append(lines,
		"PermitUserRC no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "LogLevel DEBUG1")})
}

// negotiated reads from the server's log what its one connection agreed on.
func negotiated(t *testing.T, s *sshd.Server) (method, hostKeyAlgorithm string) {
	t.Helper()
	test.Eventually(t, "the server's log names the host key algorithm", func() bool { return strings.Contains(s.Log(), "kex: host key algorithm: ") })
	for line := range strings.Lines(s.Log()) {
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

// passThrough makes a client run cat behind the proxy, and expects its input back.
func passThrough(t *testing.T, a account, s *sshd.Server, dir string, name string, args ...string) (said string, ok bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(),
		"SHELL=/bin/sh", "HOME="+dir, "LC_ALL=C", "GORACE=atexit_sleep_ms=0",
		fmt.Sprintf("%s=%s@127.0.0.1:%d", gatewayVariable, s.User, s.Port),
		pinsVariable+"="+strings.Join(a.pins, ","),
		knownHostsVariable+"="+filepath.Join(dir, "known_hosts"),
	)
	// As much as a pipe holds: dbclient does not notice an end that comes while its stdout is full.
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

// proxyItself returns a shell command that starts this test binary as the proxy.
func proxyItself(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "'" + self + "'"
}

// opensshArguments make ssh trust nothing but the known_hosts that the proxy writes.
func opensshArguments(t *testing.T, s *sshd.Server, dir, key string, options ...string) []string {
	return append(test.SSHArguments(test.Alone, options, []string{
		"ProxyCommand=" + proxyItself(t), "HostKeyAlias=clever-ssh-clever", "StrictHostKeyChecking=yes",
		"UserKnownHostsFile=" + filepath.Join(dir, "known_hosts"), "IdentityFile=" + key,
	}), "-l", s.User, "gateway.test", "cat")
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
			said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, s, dir, key, "KexAlgorithms="+strings.Join(methods, ","))...)
			if slices.Contains(refusedMethods, method) {
				if want := fmt.Sprintf("the key exchange method %q is not one that clever-ssh can check", method); ok || !strings.Contains(said, want) {
					t.Errorf("passed %v: %s", ok, said)
				}
				return
			}
			got, algorithm := negotiated(t, s)
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
				said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, s, dir, key, "HostKeyAlgorithms=ssh-ed25519,"+algorithm)...)
				if got, gotAlgorithm := negotiated(t, s); !ok || got != method || gotAlgorithm != algorithm {
					t.Errorf("passed %v with %q and %q: %s", ok, got, gotAlgorithm, said)
				}
			})
		}
	}
}

// An sshd whose keys are being changed, or that has a small and a large RSA key, names each type once for each of its
// keys, and shows the first.
func TestTwoHostKeysOfOneType(t *testing.T) {
	t.Parallel()
	a, key := newAccount(t, "ed25519", "ed25519", "rsa", "rsa")
	for _, algorithm := range []string{"ssh-ed25519", "rsa-sha2-512"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a)
			dir := t.TempDir()
			said, ok := passThrough(t, a, s, dir, "ssh", opensshArguments(t, s, dir, key, "HostKeyAlgorithms="+algorithm)...)
			if _, got := negotiated(t, s); !ok || got != algorithm {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
	t.Run("the first is not pinned", func(t *testing.T) {
		t.Parallel()
		s := startSSHD(t, a)
		second := a
		second.pins = a.pins[1:2]
		dir := t.TempDir()
		said, ok := passThrough(t, second, s, dir, "ssh", opensshArguments(t, s, dir, key)...)
		if ok || !strings.Contains(said, "host key "+a.pins[0]+" of") {
			t.Errorf("passed %v: %s", ok, said)
		}
	})
}

// PuTTY has its own implementation of everything, and the second lock in its list of host keys.
func TestMethodsOfPuTTY(t *testing.T) {
	t.Parallel()
	test.Need(t, "plink", "puttygen")
	a, key := newAccount(t, "ed25519", "rsa")
	ppk := filepath.Join(a.dir, "id.ppk")
	mustRun(t, "puttygen", key, "-O", "private", "-o", ppk)
	// One of each kind: those that differ only in the size of their numbers are among the recordings, which pass
	// through every time.
	for _, method := range []string{
		"sntrup761x25519-sha512@openssh.com", "curve25519-sha256", "ecdh-sha2-nistp384", "diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a, "KexAlgorithms "+method)
			args := []string{"-batch", "-ssh", "-l", s.User, "-i", ppk, "-proxycmd", proxyItself(t)}
			for _, p := range a.pins {
				args = append(args, "-hostkey", p)
			}
			said, ok := passThrough(t, a, s, t.TempDir(), "plink", append(args, "gateway.test", "cat")...)
			if got, _ := negotiated(t, s); !ok || got != method {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
}

// Dropbear guesses the method: it sends its first message before it has seen the server's list.
func TestMethodsOfDropbear(t *testing.T) {
	t.Parallel()
	test.Need(t, "dbclient", "dropbearkey")
	a, _ := newAccount(t, "ed25519")
	key := filepath.Join(a.dir, "dropbear")
	for line := range strings.Lines(string(mustRun(t, "dropbearkey", "-t", "ed25519", "-f", key))) {
		if public, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line)); err == nil {
			a.key = public
		}
	}
	for _, method := range []string{
		"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
		"diffie-hellman-group14-sha256",
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startSSHD(t, a, "KexAlgorithms "+method)
			// -y twice: checking the host key is the proxy's job.
			said, ok := passThrough(t, a, s, t.TempDir(), "dbclient", "-y", "-y", "-i", key, "-l", s.User, "-J", proxyItself(t), "gateway.test", "cat")
			if got, _ := negotiated(t, s); !ok || got != method {
				t.Errorf("passed %v with %q: %s", ok, got, said)
			}
		})
	}
}
