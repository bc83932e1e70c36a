//go:build unix

package proxycmd_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hostile"

	"golang.org/x/crypto/ssh"
)

// The keys of all tests. The gateway holds the pinned ones; the attacker knows their public halves.
var (
	pinned    = sync.OnceValue(func() ssh.Signer { return newSigner(ed25519.GenerateKey(rand.Reader)) })
	pinnedRSA = sync.OnceValue(func() ssh.Signer { return newSignerOf(rsa.GenerateKey(rand.Reader, 2048)) })

	attackers      = sync.OnceValue(func() ssh.Signer { return newSigner(ed25519.GenerateKey(rand.Reader)) })
	attackersRSA   = sync.OnceValue(func() ssh.Signer { return newSignerOf(rsa.GenerateKey(rand.Reader, 2048)) })
	attackersECDSA = sync.OnceValue(func() ssh.Signer { return newSignerOf(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
)

func newSigner(_ ed25519.PublicKey, key ed25519.PrivateKey, err error) ssh.Signer {
	return newSignerOf(key, err)
}

func newSignerOf[K any](key K, err error) ssh.Signer {
	if err != nil {
		panic(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
}

func keys() []ssh.Signer {
	return []ssh.Signer{pinned(), pinnedRSA(), attackers(), attackersRSA(), attackersECDSA()}
}

func pin(key ssh.Signer) config.Pin { return config.Fingerprint(key.PublicKey().Marshal()) }

// A client is an SSH client that is told to accept every host key, so that only the proxy stands in an attacker's
// way.
type client struct {
	program string
	// arguments makes the client connect through the proxy command, or to the port of 127.0.0.1 if that is empty. dir
	// is a folder of its own.
	arguments func(t *testing.T, dir, proxy string, port int) []string
	// disconnect is how it shows the reason of an SSH_MSG_DISCONNECT; empty if it does not.
	disconnect string
	// refused is its exit status when there was no connection.
	refused int
}

// anyStatus is for a client whose status does not distinguish a refusal from an end.
const anyStatus = -1

var openssh = client{
	program:    "ssh",
	disconnect: `Received disconnect from UNKNOWN port 65535:(9|11): `,
	refused:    255,
	arguments: func(t *testing.T, dir, proxy string, port int) []string {
		options := []string{"IdentityFile=" + userKey(t, dir)}
		if proxy != "" {
			options = append(options, "ProxyCommand="+strings.ReplaceAll(proxy, "%", "%%"))
		}
		return append(test.SSHArguments(test.Alone, test.AnyHostKey, options), "-l", "ssh", "-p", strconv.Itoa(port), "127.0.0.1", "true")
	},
}

// userKey makes a key for the client to offer, the same for all.
func userKey(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "id")
	if err := os.WriteFile(path, userKeyFile(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var userKeyFile = sync.OnceValue(func() []byte {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(block)
})

// outcome is the result of one connection.
type outcome struct {
	status    int    // of the client
	said      string // by the client, on stdout and stderr
	proxySaid string
	record    hostile.Record
}

// authenticated reports whether the client went on to authenticate to the server.
func (o outcome) authenticated() bool { return o.record.NewKeys && o.record.After > 0 }

// connect makes the client connect to a server with the script, through the proxy or not. It waits until client,
// proxy and connection have ended.
func (c client) connect(t *testing.T, script func(*hostile.Conn), throughProxy bool, timeout time.Duration, options ...string) outcome {
	t.Helper()
	server, err := hostile.Listen(script)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var proxy string
	var diary *os.File
	if throughProxy {
		// The proxy's stderr is a pipe of its own: whatever the client shows arrived as SSH_MSG_DISCONNECT, and the
		// pipe ends with the proxy.
		fifo := filepath.Join(dir, "stderr")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		if diary, err = os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
			t.Fatal(err)
		}
		defer diary.Close()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		proxy = fmt.Sprintf("'%s' 2>'%s'", self, fifo)
	}
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.program, append(options, c.arguments(t, dir, proxy, server.Port())...)...)
	knownHosts := filepath.Join(dir, "known_hosts")
	cmd.Env = append(os.Environ(),
		"SHELL=/bin/sh", "HOME="+dir, "LC_ALL=C",
		"PUTTYDIR="+dir, // plink falls back on the account's home where $HOME has no .putty
		gatewayVariable+"="+server.Addr(),
		pinsVariable+"="+pin(pinned()).String()+","+pin(pinnedRSA()).String(),
		knownHostsVariable+"="+knownHosts,
		timeoutVariable+"="+timeout.String(),
		// Under -race a program sleeps for a second before it exits.
		"GORACE=atexit_sleep_ms=0",
	)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = test.Patience
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Errorf("%s: %v (%v)\n%s", c.program, err, ctx.Err(), &said)
	}
	o := outcome{status: cmd.ProcessState.ExitCode(), said: said.String()}
	if throughProxy {
		diary.SetReadDeadline(time.Now().Add(test.Patience))
		b, err := io.ReadAll(diary)
		if err != nil {
			t.Errorf("the proxy did not end: %v", err)
		}
		o.proxySaid = string(b)
	}
	if err := server.Close(test.Patience); err != nil {
		t.Error(err)
	}
	records := server.Records()
	if len(records) != 1 {
		t.Fatalf("%d connections\n%s\n%s", len(records), o.said, o.proxySaid)
	}
	o.record = records[0]
	if o.record.Garbled {
		t.Error("the server was sent what is no SSH")
	}
	checkKnownHosts(t, knownHosts)
	return o
}

// checkKnownHosts verifies that only pinned keys were remembered.
func checkKnownHosts(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		return // nothing was remembered
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		key, err := base64.StdEncoding.DecodeString(fields[len(fields)-1])
		if p := config.Fingerprint(key); err != nil || p != pin(pinned()) && p != pin(pinnedRSA()) {
			t.Errorf("known_hosts has %q", line)
		}
	}
}

// An attack is a server that does not hold the private half of a pinned key, or that holds it and breaks a rule. No
// client may send anything after its NEWKEYS.
type attack struct {
	name   string
	script func(*hostile.Conn)
	reason string // a regular expression for what the user sees

	// fools says that the attack is a real one: without the proxy, the client goes on to authenticate.
	fools bool
	// stopped says that the client itself ends the connection, with a reason of its own.
	stopped bool
	// newKeys says that the server holds the pinned key, so the client may accept its reply and send NEWKEYS.
	newKeys bool

	timeout time.Duration // of the proxy; zero means test.Patience: it decides nothing
	options []string      // of the client
}

// proxyLine matches all that the proxy may print: no crash, no data race, nothing left behind, no control characters.
var proxyLine = regexp.MustCompile(`\Aclever-ssh: [ -~]*\n\z`)

func (c client) need(t *testing.T) {
	t.Helper()
	test.Slow(t)
	test.Need(t, c.program)
}

// goesThrough shows that the detector works: with the honest gateway behind the proxy, the client goes on to
// authenticate.
func (c client) goesThrough(t *testing.T, servers map[string]server) {
	t.Parallel()
	c.need(t)
	for name, s := range servers {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			o := c.connect(t, s.script, true, test.Patience)
			if !o.authenticated() || !proxyEnd.MatchString(o.proxySaid) {
				t.Errorf("the client did not go on to authenticate: %+v", o)
			}
		})
	}
}

// proxyEnd matches what the proxy may print once the connection was established: this gateway hangs up.
var proxyEnd = regexp.MustCompile(`\A(clever-ssh: the connection was lost: [ -~]*\n)?\z`)

// attacked runs attacks on a client.
func (c client) attacked(t *testing.T, attacks []attack) {
	t.Parallel()
	c.need(t)
	for _, a := range attacks {
		t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if a.timeout == 0 {
				a.timeout = test.Patience
			}
			c.withstands(t, a)
			if a.fools {
				if o := c.connect(t, a.script, false, a.timeout, a.options...); !o.authenticated() {
					t.Errorf("this is no attack: %s alone does not fall for it: %+v", c.program, o)
				}
			}
		})
	}
}

// withstands runs one attack through the proxy.
func (c client) withstands(t *testing.T, a attack) {
	t.Helper()
	o := c.connect(t, a.script, true, a.timeout, a.options...)
	if o.record.After > 0 {
		t.Errorf("the client went on to authenticate: %d bytes", o.record.After)
	}
	if o.record.NewKeys && !a.newKeys {
		t.Error("the client sent NEWKEYS")
	}
	if o.status != c.refused && c.refused != anyStatus {
		t.Errorf("exit status %d", o.status)
	}
	shown := c.disconnect + ".*" + a.reason
	if a.stopped || c.disconnect == "" {
		shown = a.reason
	}
	if (a.stopped || c.disconnect != "") && !regexp.MustCompile(shown).MatchString(o.said) {
		t.Errorf("the client did not say %s", shown)
	}
	if !a.stopped && !regexp.MustCompile(a.reason).MatchString(o.proxySaid) {
		t.Errorf("the proxy did not say %s", a.reason)
	}
	if !proxyLine.MatchString(o.proxySaid) && (!a.stopped || o.proxySaid != "") {
		t.Error("the proxy did not say one line")
	}
	if strings.ContainsFunc(o.said, func(r rune) bool { return r != '\r' && r != '\n' && (r < ' ' || r > '~') }) {
		t.Error("control characters reached the terminal")
	}
	if t.Failed() {
		t.Logf("%s: %q\nproxy: %q\nserver: %+v", c.program, o.said, o.proxySaid, o.record)
	}
}
