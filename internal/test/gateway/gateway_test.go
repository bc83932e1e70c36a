package gateway_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/hangup"
)

func TestMain(m *testing.M) {
	hangup.Restore()
	os.Exit(m.Run())
}

const (
	ponita   = "11281f38-31ff-43a7-8595-a2d82630c32b"
	caterpie = "b10d19d9-5238-408b-b038-3e32c7a301c2"
	single   = "67fbf787-3518-47bb-abd9-2c2575844edd"
	foreign  = "12cf3e9e-e070-485d-a548-f6b6cee5ab9b"
)

// acme has app_single with one instance, app_double with two, and app_none without; other has app_other.
var (
	acme = []gateway.Organisation{
		{Name: "Personal space"},
		{Name: "Acme", Applications: []gateway.Application{
			{Name: "web", ID: "app_single", Instances: []gateway.Instance{{ID: single, Name: "Calm Abra"}}},
			{Name: "api", ID: "app_double", Instances: []gateway.Instance{
				{ID: ponita, Name: "Sleepy Ponita", Number: 0},
				{ID: caterpie, Name: "Tense Caterpie", Number: 1},
			}},
			{Name: "old", ID: "app_none"},
		}},
	}
	other = []gateway.Organisation{{Name: "Other", Applications: []gateway.Application{
		{Name: "shop", ID: "app_other", Instances: []gateway.Instance{{ID: foreign, Name: "Loud Onix"}}},
	}}}
)

// hostKeys makes the host keys for all tests: RSA keys take their time.
var hostKeys = sync.OnceValue(func() []ssh.Signer {
	keys, err := gateway.NewHostKeys()
	if err != nil {
		panic(err)
	}
	return keys
})

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	_, signer := test.NewKey(t)
	return signer
}

// start starts a gateway with the accounts acme, with the returned key, and other. The configure functions change it
// first.
func start(t *testing.T, configure ...func(*gateway.Gateway)) (*gateway.Gateway, ssh.Signer) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there are no pseudo-terminals here")
	}
	test.Need(t, "bash")
	key := newKey(t)
	g := &gateway.Gateway{
		HostKeys: hostKeys(),
		Accounts: []gateway.Account{
			{Keys: []ssh.PublicKey{newKey(t).PublicKey(), key.PublicKey()}, Organisations: acme},
			{Keys: []ssh.PublicKey{newKey(t).PublicKey()}, Organisations: other},
		},
		Log: t.Logf,
	}
	for _, configure := range configure {
		configure(g)
	}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, key
}

// dial logs in as the user ssh with a key.
func dial(t *testing.T, g *gateway.Gateway, key ssh.Signer) *ssh.Client {
	t.Helper()
	client, err := ssh.Dial("tcp", g.Addr(), clientConfig(ssh.PublicKeys(key)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func clientConfig(methods ...ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User:            "ssh",
		Auth:            methods,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         test.Patience,
	}
}

func TestStartRefusesOtherThanLoopback(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[2001:db8::1]:0"} {
		g := &gateway.Gateway{HostKeys: hostKeys()}
		if err := g.Start(addr); err == nil || !strings.Contains(err.Error(), "not a loopback address") {
			t.Errorf("Start(%q): %v", addr, err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("closing what was not started: %v", err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "127.1.2.3:0", "localhost:0"} {
		g := &gateway.Gateway{HostKeys: hostKeys()}
		if err := g.Start(addr); err != nil {
			if runtime.GOOS == "linux" { // other systems only have 127.0.0.1
				t.Errorf("Start(%q): %v", addr, err)
			}
			continue
		}
		if err := g.Start(addr); err == nil {
			t.Error("started twice")
		}
		for range 2 {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestStartRefusesWhatTheGatewayCannotHave(t *testing.T) {
	withApplication := func(a gateway.Application) *gateway.Account {
		return &gateway.Account{Organisations: []gateway.Organisation{{Applications: []gateway.Application{a}}}}
	}
	for name, g := range map[string]*gateway.Gateway{
		"not an application id": {AnyKey: withApplication(gateway.Application{ID: "app_../../x"})},
		"not an instance id": {AnyKey: withApplication(gateway.Application{
			ID: "app_x", Instances: []gateway.Instance{{ID: strings.ToUpper(ponita)}},
		})},
		"key exchange method": {KeyExchanges: []string{"curve25519-sha257"}},
	} {
		g.HostKeys = hostKeys()
		if err := g.Start("127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			g.Close()
		}
	}
}

func TestFreshHostKeys(t *testing.T) {
	g, key := start(t, func(g *gateway.Gateway) { g.HostKeys = nil })
	if len(g.HostKeys) != 2 {
		t.Fatalf("%d host keys", len(g.HostKeys))
	}
	for i, algorithm := range []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA256} {
		config := clientConfig(ssh.PublicKeys(key))
		config.HostKeyAlgorithms = []string{algorithm}
		config.HostKeyCallback = ssh.FixedHostKey(g.HostKeys[i].PublicKey())
		client, err := ssh.Dial("tcp", g.Addr(), config)
		if err != nil {
			t.Errorf("%s: %v", algorithm, err)
			continue
		}
		client.Close()
	}
}

// Close must end whatever is still going on: at the menu, at the prompt, in a command that ignores the hang-up, with
// jobs in the background, and without a terminal. It must also remove the instances' folders.
func TestCloseLeavesNothing(t *testing.T) {
	test.Slow(t)
	before := runtime.NumGoroutine()
	g, key := start(t, func(g *gateway.Gateway) { g.Log = nil })
	client := dial(t, g, key)

	menu := openTerminal(t, client, "")
	menu.expect("Your choice: ")

	idle := openTerminal(t, client, ponita)
	idle.expect(prompt(ponita))

	busy := openTerminal(t, client, caterpie)
	busy.expect(prompt(caterpie))
	busy.typeIn("sleep 1001 & echo job=$!; echo home=$HOME\n")
	pids := []string{pid(busy.expect(`job=\d+\r`))}
	home := strings.TrimSpace(strings.TrimPrefix(busy.expect(`home=/\S+\r`), "home="))
	busy.typeIn("bash -c 'trap \"\" HUP TERM; echo stubborn=$$; while :; do sleep 1002; done'\n")
	pids = append(pids, pid(busy.expect(`stubborn=\d+\r`)))

	piped, err := client.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	out := newScreen()
	piped.Stdin, piped.Stdout = strings.NewReader("sleep 1003 & echo pid=$$; echo pid=$!; trap '' HUP; wait\n"), out
	if err := piped.Start(single); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		match, err := out.waitFor(regexp.MustCompile(`pid=\d+\n`))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid(match))
	}
	// And a session that has ended, with a job left behind.
	left := runScript(t, client, single, "sleep 1004 >/dev/null 2>&1 & echo pid=$!\n")
	pids = append(pids, pid(regexp.MustCompile(`pid=\d+`).FindString(left.stdout)))

	if _, err := os.Stat(home); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(home)); !os.IsNotExist(err) {
		t.Errorf("the instances' folder is still there: %v", err)
	}
	for i, session := range g.Events().Sessions {
		if !session.Ended {
			t.Errorf("session %d has not ended: %+v", i, session)
		}
	}
	client.Close()
	for _, pid := range pids {
		test.Eventually(t, "the end of process "+pid, func() bool { return !running(t, pid) })
	}
	test.Eventually(t, "the end of the goroutines", func() bool { return runtime.NumGoroutine() <= before })
}

// A client that goes away takes its shell with it, while the gateway goes on.
func TestDisconnectHangsUp(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	terminal := openTerminal(t, client, single)
	terminal.expect(prompt(single))
	terminal.typeIn("bash -c 'trap \"echo hung up > ~/farewell; exit\" HUP; echo pid=$$; while :; do read -t 1; done'\n")
	job := pid(terminal.expect(`pid=\d+\r`))
	client.Close()
	test.Eventually(t, "the end of the job", func() bool { return !running(t, job) })
	test.Eventually(t, "the end of the session", func() bool { return g.Events().Sessions[0].Ended })

	again := runScript(t, dial(t, g, key), single, "cat ~/farewell\n")
	if !strings.HasSuffix(again.stdout, "hung up\n") {
		t.Errorf("the job did not get SIGHUP: %q %q", again.stdout, again.stderr)
	}
}

func TestManyConnections(t *testing.T) {
	g, key := start(t)
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			client, err := ssh.Dial("tcp", g.Addr(), clientConfig(ssh.PublicKeys(key)))
			if err != nil {
				t.Error(err)
				return
			}
			defer client.Close()
			result := runScript(t, client, single, fmt.Sprintf("echo session %d; exit %d\n", i, i))
			if !strings.HasSuffix(result.stdout, fmt.Sprintf("\nsession %d\n", i)) || result.status != i {
				t.Errorf("session %d: %+v", i, result)
			}
		})
	}
	clients.Wait()
	events := g.Events()
	if events.Connections != 20 || len(events.Sessions) != 20 {
		t.Errorf("%d connections, %d sessions", events.Connections, len(events.Sessions))
	}
}

// pid takes the number from "name=number".
func pid(text string) string {
	_, number, _ := strings.Cut(strings.TrimSpace(text), "=")
	return number
}

// running reports whether a process exists and is not a zombie that nobody waits for.
func running(t *testing.T, pid string) bool {
	t.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc to look for processes in")
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	_, afterName, _ := bytes.Cut(stat, []byte(") "))
	return !bytes.HasPrefix(afterName, []byte("Z")) && !bytes.HasPrefix(afterName, []byte("X"))
}
