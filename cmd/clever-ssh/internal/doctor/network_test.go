package doctor

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

// hostKeys returns an ED25519 and an RSA key, made once: the latter takes a while.
var hostKeys = sync.OnceValues(gateway.NewHostKeys)

// startGateway starts a gateway with these pins, and returns it in the form of the settings.
func startGateway(t *testing.T, g *gateway.Gateway, pins ...string) *config.Gateway {
	t.Helper()
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return gatewayAt(t, g.Addr(), pins...)
}

func gatewayAt(t *testing.T, address string, pins ...string) *config.Gateway {
	t.Helper()
	a, err := config.ParseAddress("ssh@" + address)
	if err != nil {
		t.Fatal(err)
	}
	g := &config.Gateway{Suffix: "test", Address: a}
	for _, text := range pins {
		pin, err := config.ParsePin(text)
		if err != nil {
			t.Fatal(err)
		}
		g.Pins = append(g.Pins, pin)
	}
	return g
}

// checkNetwork runs the network checks, and returns a line for each: status, check, what was found, and the
// hints.
func checkNetwork(ctx context.Context, gateways ...*config.Gateway) (lines []string, blocked string) {
	e := &examination{report: reportTo(new(bytes.Buffer), false), gateways: gateways}
	e.checkGateways(ctx)
	for _, f := range e.findings {
		lines = append(lines, fmt.Sprintf("%s %s: %s %q", f.Status, f.Check, f.Found, f.Hints))
	}
	return lines, e.blocked
}

// matchLines compares lines with patterns, one each.
func matchLines(t *testing.T, title string, lines []string, patterns ...string) {
	t.Helper()
	text := strings.Join(lines, "\n")
	if !regexp.MustCompile("^" + strings.Join(patterns, "\n") + "$").MatchString(text) {
		t.Errorf("%s:\n%s\nis not\n%s", title, text, strings.Join(patterns, "\n"))
	}
}

const connected = `(ok|warning) address: 127\.0\.0\.1:\d+: connected in \d+ ms .*`

func TestHostKeys(t *testing.T) {
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	neither, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	strange, err := ssh.NewSignerFromKey(neither)
	if err != nil {
		t.Fatal(err)
	}
	ed25519, rsa := ssh.FingerprintSHA256(keys[0].PublicKey()), ssh.FingerprintSHA256(keys[1].PublicKey())
	other := "SHA256:" + strings.Repeat("A", 43)
	pinned := func(kind, fingerprint string) string {
		return "(ok|warning) host key: test " + kind + ": " + regexp.QuoteMeta(fingerprint) + ", which is pinned.*"
	}
	const none, foreign = `skipped host key: test RSA: 127\.0\.0\.1:\d+ has none .*`, `failed host key: test (ED25519|RSA): host key SHA256:.* is not pinned.*one of those: clever-ssh setup --suffix test --pin.*`
	for _, c := range []struct {
		title    string
		keys     []ssh.Signer
		pins     []string
		patterns []string
		blocked  string
	}{
		{"both pinned", keys, []string{ed25519, rsa}, []string{pinned("ED25519", ed25519), pinned("RSA", rsa)}, ""},
		{"one kind only", keys[:1], []string{ed25519}, []string{pinned("ED25519", ed25519), none}, ""},
		{"one pinned of two", keys, []string{ed25519}, []string{pinned("ED25519", ed25519), foreign}, "the gateway cannot be trusted"},
		{"another gateway", keys, []string{other}, []string{foreign, foreign}, "the gateway cannot be trusted"},
		{"none that the entries allow", []ssh.Signer{strange}, []string{ed25519}, []string{"failed host key: test ED25519: .*", "failed host key: test RSA: .*"}, "the gateway cannot be trusted"},
		{"another gateway of one kind", keys[:1], []string{other}, []string{foreign, none}, "the gateway cannot be trusted"},
	} {
		g := startGateway(t, &gateway.Gateway{HostKeys: c.keys}, c.pins...)
		lines, blocked := checkNetwork(context.Background(), g)
		matchLines(t, c.title, lines, append([]string{connected}, c.patterns...)...)
		if blocked != c.blocked {
			t.Errorf("%s: %q, want %q", c.title, blocked, c.blocked)
		}
	}
}

// A gateway that closes each connection shows no host key.
func TestHostKeysCutOff(t *testing.T) {
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	g := startGateway(t, &gateway.Gateway{HostKeys: keys, Fail: gateway.AtKeyExchange}, ssh.FingerprintSHA256(keys[0].PublicKey()))
	lines, blocked := checkNetwork(context.Background(), g)
	const failed = `failed host key: test (ED25519|RSA): .+ \[".+"\]`
	matchLines(t, "cut off", lines, connected, failed, failed)
	if blocked != "the gateway cannot be trusted" {
		t.Errorf("%q", blocked)
	}
}

// silentGateway accepts connections and sends nothing. After some number of them it calls a function.
func silentGateway(t *testing.T, connections int, then func()) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			if n == connections {
				then()
			}
		}
	}()
	return l.Addr()
}

func TestSilentGateway(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	late := errors.New("time is up")
	address := silentGateway(t, 1+len(hostKeyKinds), func() { cancel(late) }) // one to see whether it is there
	lines, blocked := checkNetwork(ctx, gatewayAt(t, address.String(), "SHA256:"+strings.Repeat("A", 43)))
	const silent = `failed host key: test (ED25519|RSA): 127\.0\.0\.1:\d+: time is up \[".*" "or a firewall.*"\]`
	matchLines(t, "silent", lines, connected, silent, silent)
	if blocked != "the gateway did not show its host keys in time" {
		t.Errorf("%q", blocked)
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	lines, blocked := checkNetwork(context.Background(), gatewayAt(t, address))
	matchLines(t, "nobody listens", lines, `failed address: 127\.0\.0\.1:\d+: .*refused.*`,
		`skipped host key: test: nothing can be reached; is the network up, and does it let SSH \(port \d+\) out\? .*`)
	if blocked != "the gateway cannot be reached" {
		t.Errorf("%q", blocked)
	}
}

// The findings about one gateway come after those about the gateways before it, whichever answers first.
func TestSeveralGateways(t *testing.T) {
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	good := startGateway(t, &gateway.Gateway{HostKeys: keys[:1]}, ssh.FingerprintSHA256(keys[0].PublicKey()))
	good.Suffix = "good"
	proxy, err := config.ParseVia("socks5://proxy.invalid:1080")
	if err != nil {
		t.Fatal(err)
	}
	unresolved := &config.Gateway{Suffix: "bad", Address: good.Address, Via: proxy, Pins: good.Pins}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // so that nothing waits for a name server
	lines, blocked := checkNetwork(ctx, unresolved)
	matchLines(t, "a proxy without an address", lines, `failed name: the proxy socks5://proxy\.invalid:1080: .* \["the via setting in clever-ssh\.toml names that proxy: is it right\?"\]`)
	if blocked != "the gateway cannot be reached" {
		t.Errorf("%q", blocked)
	}
	gone := gatewayAt(t, "127.0.0.1:1")
	gone.Suffix = "gone"
	lines, blocked = checkNetwork(context.Background(), good, gone)
	matchLines(t, "two gateways", lines, connected, "ok host key: good ED25519: .*", "skipped host key: good RSA: .*",
		`failed address: 127\.0\.0\.1:1: .*`, "skipped host key: gone: .*")
	if blocked != "the gateway cannot be reached" {
		t.Errorf("%q", blocked)
	}
}
