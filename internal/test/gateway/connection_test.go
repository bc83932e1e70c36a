package gateway_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

func TestAuthentication(t *testing.T) {
	unknown := newKey(t)
	g, key := start(t)
	known, stranger := ssh.FingerprintSHA256(key.PublicKey()), ssh.FingerprintSHA256(unknown.PublicKey())
	for _, test := range []struct {
		name     string
		user     string
		methods  []ssh.AuthMethod
		accepted bool
		want     []gateway.Attempt
	}{
		{"registered key", "ssh", []ssh.AuthMethod{ssh.PublicKeys(key)}, true, []gateway.Attempt{
			{Method: "none", User: "ssh"},
			{Method: "publickey", User: "ssh", Fingerprint: known, Accepted: true},
		}},
		{"second key", "ssh", []ssh.AuthMethod{ssh.PublicKeys(unknown, key)}, true, []gateway.Attempt{
			{Method: "none", User: "ssh"},
			{Method: "publickey", User: "ssh", Fingerprint: stranger},
			{Method: "publickey", User: "ssh", Fingerprint: known, Accepted: true},
		}},
		{"unregistered key", "ssh", []ssh.AuthMethod{ssh.PublicKeys(unknown)}, false, []gateway.Attempt{
			{Method: "none", User: "ssh"},
			{Method: "publickey", User: "ssh", Fingerprint: stranger},
		}},
		{"other user", "bas", []ssh.AuthMethod{ssh.PublicKeys(key)}, false, []gateway.Attempt{
			{Method: "none", User: "bas"},
			{Method: "publickey", User: "bas", Fingerprint: known},
		}},
		{"password", "ssh", []ssh.AuthMethod{ssh.Password("")}, false, []gateway.Attempt{
			{Method: "none", User: "ssh"},
			{Method: "password", User: "ssh"},
		}},
		{"nothing", "ssh", nil, false, []gateway.Attempt{{Method: "none", User: "ssh"}}},
	} {
		before := len(g.Events().Attempts)
		config := clientConfig(test.methods...)
		config.User = test.user
		client, err := ssh.Dial("tcp", g.Addr(), config)
		if err == nil {
			client.Close()
		}
		if (err == nil) != test.accepted {
			t.Errorf("%s: %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, g.Events().Attempts[before:]); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}

// Like the real gateway, this one offers passwords beside public keys; a client that asks for one gets nowhere.
func TestPasswordIsOffered(t *testing.T) {
	g, _ := start(t)
	asked := 0
	password := ssh.RetryableAuthMethod(ssh.PasswordCallback(func() (string, error) {
		asked++
		return "secret", nil
	}), 3)
	if _, err := ssh.Dial("tcp", g.Addr(), clientConfig(password)); err == nil {
		t.Error("a password was accepted")
	}
	if asked != 3 {
		t.Errorf("asked for a password %d times", asked)
	}
}

func TestOtherHostKeys(t *testing.T) {
	hostKey := newKey(t)
	g, key := start(t, func(g *gateway.Gateway) { g.HostKeys = []ssh.Signer{hostKey} })
	config := clientConfig(ssh.PublicKeys(key))
	config.HostKeyCallback = ssh.FixedHostKey(hostKey.PublicKey())
	client, err := ssh.Dial("tcp", g.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	config.HostKeyCallback = ssh.InsecureIgnoreHostKey()
	config.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	if _, err := ssh.Dial("tcp", g.Addr(), config); err == nil {
		t.Error("an RSA host key was presented")
	}
}

func TestKeyExchanges(t *testing.T) {
	only := ssh.KeyExchangeDHGEXSHA256
	g, key := start(t, func(g *gateway.Gateway) { g.KeyExchanges = []string{only} })
	config := clientConfig(ssh.PublicKeys(key))
	config.KeyExchanges = []string{ssh.KeyExchangeCurve25519}
	var mismatch *ssh.AlgorithmNegotiationError
	if _, err := ssh.Dial("tcp", g.Addr(), config); !errors.As(err, &mismatch) {
		t.Errorf("another key exchange: %v", err)
	}
	config.KeyExchanges = append(config.KeyExchanges, only)
	client, err := ssh.Dial("tcp", g.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
}

func TestFailEarly(t *testing.T) {
	for _, c := range []struct {
		stage          gateway.Stage
		identification bool
		hostKey        bool
	}{
		{gateway.AtAccept, false, false},
		{gateway.AtIdentification, true, false},
		{gateway.AtKeyExchange, true, false},
		{gateway.AtAuthentication, true, true},
	} {
		g, key := start(t, func(g *gateway.Gateway) { g.Fail = c.stage })

		// A client that only sends its identification sees this.
		conn, err := net.Dial("tcp", g.Addr())
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(test.Patience))
		io.WriteString(conn, "SSH-2.0-test\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		if got := strings.HasPrefix(line, "SSH-2.0-"); got != c.identification || !got && err != io.EOF {
			t.Errorf("stage %d: identification %q, %v", c.stage, line, err)
		}
		conn.Close()

		// A client that goes on sees this.
		hostKey := false
		config := clientConfig(ssh.PublicKeys(key))
		config.HostKeyCallback = func(string, net.Addr, ssh.PublicKey) error { hostKey = true; return nil }
		if client, err := ssh.Dial("tcp", g.Addr(), config); err == nil {
			client.Close()
			t.Errorf("stage %d: connected", c.stage)
		}
		if hostKey != c.hostKey {
			t.Errorf("stage %d: host key %t", c.stage, hostKey)
		}
		if events := g.Events(); events.Connections != 2 || c.stage != gateway.AtAuthentication && len(events.Attempts) != 0 {
			t.Errorf("stage %d: %+v", c.stage, events)
		}
	}
}

func TestFailAtSession(t *testing.T) {
	g, key := start(t, func(g *gateway.Gateway) { g.Fail = gateway.AtSession })
	terminal := openTerminal(t, dial(t, g, key), "app_single")
	terminal.expect(prompt(single) + "$")
	var missing *ssh.ExitMissingError
	if err := terminal.Wait(); !errors.As(err, &missing) {
		t.Errorf("with a terminal: %v", err)
	}

	session, err := dial(t, g, key).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	session.Stdin = strings.NewReader("echo ran\n")
	stdout, err := session.Output(single)
	if !errors.As(err, &missing) || !strings.Contains(string(stdout), "Opening an ssh shell") || strings.Contains(string(stdout), "ran") {
		t.Errorf("without a terminal: %q, %v", stdout, err)
	}
	for _, session := range g.Events().Sessions {
		if !session.Ended || session.ExitStatus != -1 || session.Instance != single {
			t.Errorf("%+v", session)
		}
	}
}
