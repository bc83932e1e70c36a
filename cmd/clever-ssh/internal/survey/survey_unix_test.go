//go:build unix

package survey

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/hostile"

	"golang.org/x/crypto/ssh"
)

const (
	web      = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	pair     = "app_11111111-2222-3333-4444-555555555555"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
)

var hostKeys = sync.OnceValues(gateway.NewHostKeys)

// quietTime is how long the tests leave a connection idle.
const quietTime = 3 * time.Second

func TestMain(m *testing.M) {
	test.Parallel(4)
	m.Run()
}

// patient is a survey of a stand-in gateway, over a connection of the test's own in place of ssh's.
type patient struct {
	*survey
	t      testing.TB
	g      *gateway.Gateway
	signer ssh.Signer
	log    []string // the log of the login that ssh would have written
}

// newPatient starts a stand-in that behaves as otherwise says, and prepares a survey of one of its
// targets.
func newPatient(t testing.TB, target config.Target, otherwise gateway.Otherwise) *patient {
	t.Helper()
	keys, err := hostKeys()
	must(t, err)
	file := filepath.Join(t.TempDir(), "id")
	key, err := gateway.WriteUserKey(file)
	must(t, err)
	text, err := os.ReadFile(file)
	must(t, err)
	signer, err := ssh.ParsePrivateKey(text)
	must(t, err)
	g := &gateway.Gateway{HostKeys: keys, Otherwise: otherwise, Accounts: []gateway.Account{{
		Keys: []ssh.PublicKey{key},
		Organisations: []gateway.Organisation{{Name: "Acme", Applications: []gateway.Application{
			{Name: "web", ID: web, Instances: []gateway.Instance{{ID: instance, Name: "Sleepy Ponita"}}},
			{Name: "pair", ID: pair, Instances: []gateway.Instance{
				{ID: "11281f38-31ff-43a7-8595-a2d82630c32b", Name: "Brave Eevee", State: "STOPPING"},
				{ID: "22281f38-31ff-43a7-8595-a2d82630c32b", Name: "Quiet Abra", Number: 1},
			}},
		}}},
	}}}
	must(t, g.Start("127.0.0.1:0"))
	t.Cleanup(func() { g.Close() })
	p := &patient{t: t, g: g, signer: signer, log: theLog, survey: &survey{target: target, options: Options{Idle: quietTime}}}
	p.survey.gateway = gatewayAt(t, g.Addr(), keys...)
	p.forward = func() bool {
		ok, _, _ := p.conn.SendRequest("tcpip-forward", true, ssh.Marshal(struct {
			Host string
			Port uint32
		}{"127.0.0.1", 0}))
		return ok
	}
	return p
}

// gatewayAt returns a gateway as the settings have it, with these keys pinned.
func gatewayAt(t testing.TB, address string, keys ...ssh.Signer) *config.Gateway {
	t.Helper()
	a, err := config.ParseAddress("ssh@" + address)
	must(t, err)
	g := &config.Gateway{Suffix: "clever", Address: a}
	for _, k := range keys {
		g.Pins = append(g.Pins, config.Fingerprint(k.PublicKey().Marshal()))
	}
	return g
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// logIn is the test's login. It reports what ssh's log would.
func (p *patient) logIn(context.Context) error {
	c, err := net.Dial("tcp", p.g.Addr())
	if err != nil {
		return err
	}
	conn, channels, requests, err := ssh.NewClientConn(c, p.g.Addr(), &ssh.ClientConfig{User: "ssh", Auth: []ssh.AuthMethod{ssh.PublicKeys(p.signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return err
	}
	p.use(conn, channels, requests)
	for _, line := range p.log {
		p.login.read(line)
	}
	return nil
}

// theLog is what ssh logs about a login at the stand-in.
var theLog = []string{
	"debug1: kex_input_ext_info: server-sig-algs=<ssh-ed25519,rsa-sha2-256,rsa-sha2-512>",
	"debug1: Authentications that can continue: publickey,password",
	"debug1: Offering public key: /home/me/.ssh/id ED25519 SHA256:AAAA",
	"debug1: Authentication succeeded (publickey).",
}

// lines runs all probes, and returns the lines of the page.
func (p *patient) lines() map[string]line {
	p.t.Helper()
	var out bytes.Buffer
	p.options.JSON = true
	page := newPage(&out, p.options, nil)
	must(p.t, p.run(p.t.Context(), page, p.logIn))
	lines := map[string]line{}
	for _, l := range page.lines {
		lines[l.Name] = l
	}
	return lines
}

// see runs one probe, after those that it needs.
func (p *patient) see(name string) seen {
	p.t.Helper()
	p.trusted = true
	must(p.t, p.logIn(p.t.Context()))
	p.t.Cleanup(p.end)
	for _, g := range append([]group{beforeLogin()}, afterLogin(p.options.Idle)...) {
		for i := range g.members {
			m := &g.members[i]
			needed := m.name == "connection" || m.name == "your target" && p.slot == "" || m.name == "type-ahead" && g.title == p.groupOf(name)
			if m.name != name && !needed {
				continue
			}
			why := ""
			if g.unless != nil {
				why = g.unless(p.survey)
			}
			if why != "" {
				return skip("%s", why)
			}
			if got := p.askOne(p.t.Context(), m); m.name == name {
				return got
			}
		}
	}
	p.t.Fatalf("there is no probe %q", name)
	return seen{}
}

// groupOf returns the title of a probe's group.
func (p *patient) groupOf(name string) string {
	for _, g := range append([]group{beforeLogin()}, afterLogin(p.options.Idle)...) {
		for _, m := range g.members {
			if m.name == name {
				return g.title
			}
		}
	}
	return ""
}

// onInput changes what a session is sent.
func onInput(change func(io.Reader) io.Reader) func(io.Reader, io.Writer, io.Writer) (io.Reader, io.Writer, io.Writer) {
	return func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) { return change(in), out, err }
}

// onOutput changes what a session sends.
func onOutput(change func(io.Writer) io.Writer) func(io.Reader, io.Writer, io.Writer) (io.Reader, io.Writer, io.Writer) {
	return func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		return in, change(out), change(err)
	}
}

// before writes something to the streams first.
func before(onOut, onErr string) func(io.Reader, io.Writer, io.Writer) (io.Reader, io.Writer, io.Writer) {
	return func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		io.WriteString(out, onOut)
		io.WriteString(err, onErr)
		return in, out, err
	}
}

// rewriter changes data as it passes through.
type rewriter struct {
	r    io.Reader
	w    io.Writer
	f    func([]byte) []byte
	rest []byte
	err  error
}

func (w *rewriter) Read(b []byte) (int, error) {
	for len(w.rest) == 0 && w.err == nil {
		buf := make([]byte, 32<<10)
		var n int
		n, w.err = w.r.Read(buf)
		w.rest = w.f(buf[:n])
	}
	n := copy(b, w.rest)
	if w.rest = w.rest[n:]; n == 0 {
		return 0, w.err
	}
	return n, nil
}

func (w *rewriter) Write(b []byte) (int, error) {
	_, err := w.w.Write(w.f(bytes.Clone(b)))
	return len(b), err
}

func reading(f func([]byte) []byte) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return &rewriter{r: r, f: f} }
}

func writing(f func([]byte) []byte) func(io.Writer) io.Writer {
	return func(w io.Writer) io.Writer { return &rewriter{w: w, f: f} }
}

func replacing(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
}

// without makes the instance seem to lack something, by changing what its shell is sent.
func without(old, new string) func(io.Reader, io.Writer, io.Writer) (io.Reader, io.Writer, io.Writer) {
	return onInput(reading(func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(old), []byte(fmt.Sprintf("%-*s", len(old), new)))
	}))
}

// behaviour is a way in which a gateway may behave, and what a probe must say about it.
type behaviour struct {
	probe     string
	target    config.Target // web if it is empty
	otherwise gateway.Otherwise
	verdict   verdict
	text      string // a pattern
}

// behaviours returns those that show after the login.
func behaviours() []behaviour {
	echoing := func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		return io.TeeReader(in, out), out, err
	}
	merged := func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) { return in, out, out }
	crossed := func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		return in, &rewriter{w: out, f: replacing("\n", "\r\n")}, err
	}
	// What is on stderr before the question is longer than the answer to a wrong word, which is on stdout.
	stderrFirst := func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		io.WriteString(err, strings.Repeat("Scheduled maintenance tonight.\n", 4))
		time.Sleep(quiet / 8) // so that it arrives before the question
		return in, out, err
	}
	return []behaviour{
		{probe: "identification", otherwise: gateway.Otherwise{Identification: "SSH-2.0-OpenSSH_9.9 Debian-1"}, verdict: learned, text: `^SSH-2\.0-OpenSSH_9\.9 Debian$`},
		{probe: "lines before it", otherwise: gateway.Otherwise{Preface: "hello\r\n\r\n"}, verdict: surprising, text: `^2 lines$`},
		{probe: "your target", otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("/bin/sh", "/bin/no")))}, verdict: surprising, text: `^it ended, status 12[67]$`},
		{probe: "your target", target: "app_another", verdict: surprising, text: `^refused, status 1$`},
		{probe: "your target", target: pair, verdict: asExpected, text: `^a question, 2 instances$`},
		{probe: "noise on stdout", otherwise: gateway.Otherwise{Streams: before("Welcome to 203.0.113.7\n\nmaster\n", "")}, verdict: surprising, text: `^other x2, opening(, last login)?$`},
		{probe: "noise on stderr", otherwise: gateway.Otherwise{Streams: before("", "some words\r\n")}, verdict: surprising, text: `^other, no terminal, host added \((some )?CR LF\)$`},
		{probe: "instances", target: pair, otherwise: gateway.Otherwise{Streams: onOutput(writing(replacing("STOPPING", "ON_FIRE_")))}, verdict: surprising, text: `^1 in another state, 1 UP; 2 numbered$`},
		{probe: "an instance's id", otherwise: gateway.Otherwise{Streams: onOutput(writing(replacing(instance, "00000000-1111-2222-3333-444444444444")))}, verdict: surprising, text: `^refused, status 1$`},
		{probe: "sessions at once", otherwise: gateway.Otherwise{MostSessions: 1}, verdict: surprising, text: `^1 of 12; then: the session was refused \(reason 2\)$`},
		{probe: "sessions at once", otherwise: gateway.Otherwise{MostSessions: 5}, verdict: asExpected, text: `^5 of 12; then: the session was refused \(reason 2\)$`},
		{probe: "same instance", target: pair, otherwise: gateway.Otherwise{Scatters: true}, verdict: surprising, text: `^3 sessions on 2$`},
		{probe: "round trips", verdict: learned, text: `^gateway [0-9.]+ ms, instance [0-9.]+ ms$`},
		{probe: "echo", otherwise: gateway.Otherwise{Streams: echoing}, verdict: surprising, text: `^what is sent comes back$`},
		{probe: "echo", otherwise: gateway.Otherwise{AlwaysTerminal: true}, verdict: surprising, text: `^what is sent comes back$`},
		{probe: "stderr", otherwise: gateway.Otherwise{Streams: merged}, verdict: surprising, text: `^on stdout$`},
		{probe: "line ends", otherwise: gateway.Otherwise{Streams: crossed}, verdict: surprising, text: `^LF becomes CR LF$`},
		{probe: "read-ahead", otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("\nnext\n", "\n")))}, verdict: learned, text: `^the shell keeps what follows its line$`},
		{probe: "1 MB to the instance", otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("\x80", "\x00")))}, verdict: surprising, text: `^changed$`},
		{probe: "1 MB to the instance", otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("\x11", "")))}, verdict: surprising, text: `^10444\d\d of 1048576 bytes arrive$`},
		{probe: "1 MB on stdout", otherwise: gateway.Otherwise{Streams: onOutput(writing(replacing("\r", "\n")))}, verdict: surprising, text: `^changed$`},
		{probe: "1 MB on stdout", otherwise: gateway.Otherwise{Streams: crossed}, verdict: surprising, text: `^1052\d\d\d of 1048576 bytes arrive$`},
		{probe: "64 kB on stderr", otherwise: gateway.Otherwise{Streams: merged}, verdict: surprising, text: `^(on the other stream|\d+ of 65536 bytes arrive)$`},
		{probe: "control characters", otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("\x04", "")))}, verdict: surprising, text: `^3 of \d+ bytes come back as sent$`},
		{probe: "control characters", otherwise: gateway.Otherwise{AlwaysTerminal: true}, verdict: surprising, text: `^(one ends the session|\d+ of \d+ bytes come back as sent)$`},
		{probe: "lines", otherwise: gateway.Otherwise{AlwaysTerminal: true}, verdict: surprising, text: `^(4095(, 4096)? arrive whole|none arrives whole)$`},
		{probe: "end of input", otherwise: gateway.Otherwise{Streams: onInput(endless(patience + time.Second))}, verdict: surprising, text: `^does not reach it$`},
		{probe: "exit status", otherwise: gateway.Otherwise{Status: 3}, verdict: surprising, text: `^status 3$`},
		{probe: "exit status", otherwise: gateway.Otherwise{Status: -1}, verdict: surprising, text: `^no status$`},
		{probe: "death by a signal", otherwise: gateway.Otherwise{Status: 143}, verdict: surprising, text: `^status 143$`},
		{probe: "a signal request", otherwise: gateway.Otherwise{Streams: without("trap", ":")}, verdict: learned, text: `^it ends the session, signal TERM$`},
		{probe: "client hangs up", otherwise: gateway.Otherwise{Streams: without("exec sleep 6", "setsid sh -c 'sleep 6'")}, verdict: learned, text: `^the command (ends|lives on)$`},
		{probe: "question, silence", target: pair, otherwise: gateway.Otherwise{Streams: onInput(func(io.Reader) io.Reader { return strings.NewReader("") })}, verdict: surprising, text: `^(it ended, status 1|no question this time)$`},
		{probe: "question, no input", target: pair, otherwise: gateway.Otherwise{Streams: onInput(endless(2 * quiet))}, verdict: surprising, text: `^it waits$`},
		{probe: "question, wrong word", target: pair, otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("x\n", "1\n")))}, verdict: surprising, text: `^opening`},
		{probe: "question, wrong word", target: pair, otherwise: gateway.Otherwise{Streams: stderrFirst}, verdict: asExpected, text: `^it asks again$`},
		{probe: "question, empty line", target: pair, otherwise: gateway.Otherwise{Streams: onInput(reading(func(b []byte) []byte {
			if string(b) == "\n" {
				return []byte("1\n")[:1]
			}
			return b
		}))}, verdict: surprising, text: `^it waits$`},
		{probe: "question, 1", target: pair, otherwise: gateway.Otherwise{Streams: onInput(reading(replacing("1\n", "7\n")))}, verdict: surprising, text: `^no shell$`},
		{probe: "unknown application", otherwise: gateway.Otherwise{Streams: onOutput(writing(replacing("no instances you can ssh to", "nothing for you, my friend!")))}, verdict: surprising, text: `^it ended, status 1$`},
		{probe: "unknown instance", otherwise: gateway.Otherwise{Streams: onOutput(writing(replacing("specified instance", "desired instance")))}, verdict: surprising, text: `^it ended, status 1$`},
		{probe: "id and a command", otherwise: gateway.Otherwise{TakesCommands: true}, verdict: learned, text: `^the command runs$`},
		{probe: "menu", otherwise: gateway.Otherwise{MenuIsShut: true}, verdict: surprising, text: `^it ended, status 1$`},
		{probe: "env LANG", verdict: learned, text: `^granted, and it reaches the instance$`},
		{probe: "env of any name", otherwise: gateway.Otherwise{Grants: []string{"env"}}, verdict: learned, text: `^granted, and it reaches the instance$`},
		{probe: "subsystem sftp", otherwise: gateway.Otherwise{Grants: []string{"subsystem"}}, verdict: surprising, text: `^granted$`},
		{probe: "agent forwarding", otherwise: gateway.Otherwise{Grants: []string{"auth-agent-req@openssh.com"}}, verdict: surprising, text: `^granted$`},
		{probe: "X11 forwarding", otherwise: gateway.Otherwise{Grants: []string{"x11-req"}}, verdict: surprising, text: `^granted$`},
		{probe: "direct-tcpip", otherwise: gateway.Otherwise{Grants: []string{"direct-tcpip"}}, verdict: surprising, text: `^granted$`},
		{probe: "tcpip-forward", otherwise: gateway.Otherwise{Grants: []string{"tcpip-forward"}}, verdict: surprising, text: `^granted$`},
		{probe: "system", otherwise: gateway.Otherwise{Streams: without("uname -s", "echo SunOS")}, verdict: surprising, text: `^SunOS on `},
		{probe: "system", otherwise: gateway.Otherwise{Streams: without("uname -m", "echo xyz")}, verdict: surprising, text: `^Linux$`},
		{probe: "user", otherwise: gateway.Otherwise{Streams: without("${USER:-$(id -un)} in", "somebody@host in")}, verdict: surprising, text: `^another$`},
		{probe: "shell of the session", otherwise: gateway.Otherwise{Streams: without(`"$(readlink /proc/$PPID/exe)"`, "/usr/bin/fish")}, verdict: learned, text: `^fish; \$SHELL is bash$`},
		{probe: "/bin/sh", otherwise: gateway.Otherwise{Streams: without(`"$(readlink -f /bin/sh)"`, "/bin/busybox")}, verdict: asExpected, text: `^busybox$`},
		{probe: "login files", otherwise: gateway.Otherwise{Streams: without(`bash -lc`, ": false")}, verdict: surprising, text: `^they end the shell$`},
		{probe: "environment", otherwise: gateway.Otherwise{Streams: without(`[ "$APP_ID" ]`, `false`)}, verdict: surprising, text: `^APP_HOME, INSTANCE_ID`},
		{probe: "environment", otherwise: gateway.Otherwise{Streams: without(`"$APP_ID" = app_`, `"$APP_ID" = xyz_`)}, verdict: surprising, text: `^APP_ID names another application$`},
		{probe: "programs to run in", otherwise: gateway.Otherwise{Streams: without(`command -v bash`, `command -v nada`)}, verdict: surprising, text: `^(zsh|fish|tmux|stty|setsid)`},
		{probe: "programs for tunnels", otherwise: gateway.Otherwise{Streams: without(`command -v`, `false -v`)}, verdict: surprising, text: `^none$`},
		{probe: "programs for files", otherwise: gateway.Otherwise{Streams: without(`command -v gzip`, `command -v nada`)}, verdict: surprising, text: `^sha256sum`},
		{probe: "sftp-server", otherwise: gateway.Otherwise{Streams: without(`[ -x "$s" ]`, `false`)}, verdict: learned, text: `^none$`},
		{probe: "journalctl", otherwise: gateway.Otherwise{Streams: without(`command -v journalctl`, `command -v nada`)}, verdict: surprising, text: `^none$`},
		{probe: "programs may run in", otherwise: gateway.Otherwise{Streams: without(`"$t/run" 2>/dev/null;then`, `false;then`)}, verdict: surprising, text: `^none; not in `},
		{probe: "type-ahead", otherwise: gateway.Otherwise{TerminalInput: func(r io.Reader) io.Reader { return &dropping{r: r} }}, verdict: surprising, text: `^is lost$`},
		{probe: "noise with a terminal", otherwise: gateway.Otherwise{Motd: "Have a nice day.\n"}, verdict: surprising, text: `^opening, host added, last login, other`},
		{probe: "window size", otherwise: gateway.Otherwise{TerminalInput: reading(replacing("stty size", "echo 1 2;:"))}, verdict: surprising, text: `^another$`},
		{probe: "resize", otherwise: gateway.Otherwise{DeafTerminals: true}, verdict: surprising, text: `^another$`},
		{probe: "Ctrl-C", otherwise: gateway.Otherwise{TerminalInput: reading(replacing("\x03", " "))}, verdict: surprising, text: `^does nothing$`},
		{probe: "end with a terminal", otherwise: gateway.Otherwise{Status: 9}, verdict: surprising, text: `^status 9$`},
		{probe: "idle for 3s", otherwise: gateway.Otherwise{MostIdle: quietTime * 2 / 3}, verdict: surprising, text: `^the (session|connection) ended after [23]s$`},
	}
}

// Each probe notices a gateway that behaves differently.
func TestOtherwise(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for _, c := range behaviours() {
		t.Run(c.probe, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, cmp.Or(c.target, web), c.otherwise)
			if got := p.see(c.probe); got.verdict != c.verdict || !regexp.MustCompile(c.text).MatchString(got.text) {
				t.Errorf("%q %q, want %q like %s\n%q", got.verdict, got.text, c.verdict, c.text, got.raw)
			}
		})
	}
}

// endless holds back the end of an input for longer than a probe waits for it.
func endless(wait time.Duration) func(io.Reader) io.Reader {
	return func(r io.Reader) io.Reader { return io.MultiReader(r, &late{wait}) }
}

type late struct{ wait time.Duration }

func (l *late) Read([]byte) (int, error) {
	time.Sleep(l.wait)
	return 0, io.EOF
}

// dropping loses the first line.
type dropping struct {
	r       io.Reader
	dropped bool
}

func (d *dropping) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	if !d.dropped && n > 0 {
		d.dropped = true
		return 0, err
	}
	return n, err
}

// A gateway that behaves as expected brings no surprises.
func TestAsBelieved(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	for _, target := range []config.Target{pair, instance} { // the program's tests have an application with one instance

		t.Run(string(target), func(t *testing.T) {
			t.Parallel()
			for _, l := range newPatient(t, target, gateway.Otherwise{}).lines() {
				if l.Status == surprising && !(l.Name == "journalctl" && test.Lacks(t, l.Name, l.Name)) {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

// server starts what the probes before the login connect to. It runs a script for each connection.
func server(t *testing.T, script func(*hostile.Conn)) *hostile.Server {
	t.Helper()
	s, err := hostile.Listen(script)
	must(t, err)
	t.Cleanup(func() { s.Close(test.Patience) })
	return s
}

// greeting is a way in which a server may begin, and what a probe must say about it.
type greeting struct {
	probe   string
	script  func(*hostile.Conn)
	verdict verdict
	text    string
}

// greetings returns those of a gateway with these host keys, and of one with others.
func greetings(keys, others []ssh.Signer) []greeting {
	good := hostile.Offer("curve25519-sha256", "ssh-ed25519,rsa-sha2-512,rsa-sha2-256")
	says := func(init hostile.KexInit) func(*hostile.Conn) {
		return func(c *hostile.Conn) {
			c.Identify()
			c.KexInit(init)
			c.Wait()
		}
	}
	shows := func(key ssh.Signer) func(*hostile.Conn) {
		return func(c *hostile.Conn) {
			c.Identify()
			c.KexInit(good)
			c.ReadKexInit()
			reply := c.ReadCurve25519()
			c.Packet(reply(hostile.Identity{Shown: key.PublicKey().Marshal(), Signer: key}))
			c.Wait()
		}
	}
	return []greeting{
		{"connection", func(c *hostile.Conn) {}, surprising, `^(the gateway closed the connection|no connection|a handshake that the proxy command refuses)$`},
		{"connection", func(c *hostile.Conn) { c.Line("I am master.internal at 203.0.113.7") }, surprising, `^(the gateway closed the connection|a handshake that the proxy command refuses)$`},
		{"identification", func(c *hostile.Conn) {}, notAsked, `^it did not get that far$`},
		{"key exchange first", func(c *hostile.Conn) {
			c.Identify()
			c.Packet([]byte{hostile.MsgDebug, 0, 0, 0, 0, 0, 0, 0, 0, 0})
			c.KexInit(good)
			c.Wait()
		}, surprising, `^1 message before it$`},
		{"key exchange first", says(hostile.KexInit{Lists: good.Lists, Follows: 1}), surprising, `^it announces a guess$`},
		{"key exchanges", says(good.With(hostile.Methods, "master.internal,gss-group14-sha256-xyz")), surprising, `^0 of 2$`},
		{"ciphers, MACs", says(good.With(3, "secret-cipher@master.internal").With(5, "secret-mac@master.internal")), surprising, `^1 and 1$`},
		{"host key types", says(good.With(hostile.HostKeys, "ssh-ed25519,master.internal")), surprising, `^ssh-ed25519, 1 unknown name$`},
		{"key ssh-ed25519", shows(keys[0]), asExpected, `^pinned$`},
		{"key ssh-ed25519", shows(others[0]), surprising, `^a key that is not pinned$`},
		{"key rsa-sha2-512", says(hostile.Offer("curve25519-sha256", "ssh-ed25519")), surprising, `^it has none$`},
		{"key rsa-sha2-256", says(hostile.Offer("gss-group14-sha256-xyz", "rsa-sha2-256")), surprising, `^no key exchange in common$`},
	}
}

// Each probe before the login notices a server that behaves differently, and does not show what the
// server says.
func TestOtherwiseBeforeLogin(t *testing.T) {
	t.Parallel()
	keys, err := hostKeys()
	must(t, err)
	others, err := gateway.NewHostKeys()
	must(t, err)
	for _, c := range greetings(keys, others) {
		t.Run(c.probe, func(t *testing.T) {
			t.Parallel()
			p := &patient{t: t, survey: &survey{gateway: gatewayAt(t, server(t, c.script).Addr(), keys...)}}
			for i, g := 0, beforeLogin(); i < len(g.members); i++ {
				m := &g.members[i]
				if m.name != c.probe && m.name != "connection" {
					continue
				}
				got := p.askOne(t.Context(), m)
				if m.name == c.probe && (got.verdict != c.verdict || !regexp.MustCompile(c.text).MatchString(got.text)) {
					t.Errorf("%q %q, want %q like %s\n%q", got.verdict, got.text, c.verdict, c.text, got.raw)
				}
				if shown := got.text + strings.Join(got.details, ""); strings.Contains(shown, "master") || strings.Contains(shown, "203.0.113.7") {
					t.Errorf("%s shows what the server says: %q", m.name, shown)
				}
			}
		})
	}
}

// logged holds lines of ssh's log, and what a probe must say about them.
var logged = []struct {
	probe, line string
	verdict     verdict
	text        string
}{
	{"methods", "debug1: Authentications that can continue: publickey", asExpected, `^publickey$`},
	{"methods", "debug1: Authentications that can continue: publickey,password,keyboard-interactive", surprising, `^publickey, password, keyboard-interactive$`},
	{"methods", "debug1: Authentications that can continue: publickey,master.internal", surprising, `^publickey, 1 unknown name$`},
	{"methods", "debug1: Authentications that can go on: publickey", notAsked, `^ssh was not told$`},
	{"RSA keys of users", "debug1: kex_ext_info_client_parse: server-sig-algs=<ssh-ed25519>", surprising, `^none$`},
	{"RSA keys of users", "debug1: kex_ext_info_client_parse: server-sig-algs=<ssh-ed25519,rsa-sha2-512>", asExpected, `^rsa-sha2-512$`},
	{"RSA keys of users", "debug1: Remote protocol version 2.0", surprising, `^it does not say$`},
}

// What ssh's log says about a login is checked too.
func TestOtherwiseAtLogin(t *testing.T) {
	t.Parallel()
	p := newPatient(t, web, gateway.Otherwise{})
	for _, c := range logged {
		p.login, p.log = loginLog{}, []string{c.line}
		if got := p.see(c.probe); got.verdict != c.verdict || !regexp.MustCompile(c.text).MatchString(got.text) {
			t.Errorf("%s, %s: %q %q, want %q like %s", c.probe, c.line, got.verdict, got.text, c.verdict, c.text)
		}
	}
	p.apart = &login.Apart{Banner: []string{"Welcome to master.internal", "!"}}
	for _, m := range loginProbes().members {
		if got := m.see(t.Context(), p.survey); m.name == "banner" && (got.verdict != surprising || got.text != "2 lines") {
			t.Errorf("banner: %+v", got)
		}
	}
	p.apart = nil
	refused := &survey{trusted: true, loginErr: errors.New("bas@master.internal: Permission denied")}
	refused.login.read("bas@master.internal: Permission denied (publickey).")
	if got := loginProbes().members[0].see(t.Context(), refused); got.verdict != surprising || got.text != "denied" {
		t.Errorf("login: %+v", got)
	}
}

// Each probe is tried with a gateway that behaves differently.
func TestEachProbeIsTried(t *testing.T) {
	tried := map[string]bool{"login": true, "banner": true} // in TestOtherwiseAtLogin
	for _, c := range behaviours() {
		tried[c.probe] = true
	}
	for _, c := range greetings([]ssh.Signer{nil}, []ssh.Signer{nil}) {
		tried[c.probe] = true
	}
	for _, c := range logged {
		tried[c.probe] = true
	}
	for _, g := range append([]group{beforeLogin()}, afterLogin(quietTime)...) {
		for _, m := range g.members {
			if !tried[m.name] {
				t.Errorf("%s: no gateway behaves otherwise", m.name)
			}
			if (m.expects == "") != (m.depends == "") && m.name != "identification" {
				t.Errorf("%s: what is expected is %q, and what depends on it %q", m.name, m.expects, m.depends)
			}
			delete(tried, m.name)
		}
	}
	for name := range tried {
		t.Errorf("there is no probe %q", name)
	}
}

// The page shows nothing that the other side wrote and nothing about this account, unless asked to.
// Even then it shows nothing that a terminal would obey.
func TestPageForAnybody(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	const secret = "customer-7.master.internal"
	word := "bas@" + instance + " " + secret + " 203.0.113.7 \x1b]0;owned\a\u009b31m " + web
	talking := func(in io.Reader, out, err io.Writer) (io.Reader, io.Writer, io.Writer) {
		talk := func(w io.Writer) io.Writer {
			return &rewriter{w: w, f: func(b []byte) []byte { return append([]byte(word+"\n"), b...) }}
		}
		return in, talk(out), talk(err)
	}
	for _, target := range []config.Target{web, pair} {
		t.Run(string(target), func(t *testing.T) {
			t.Parallel()
			p := newPatient(t, target, gateway.Otherwise{Streams: talking, Preface: word + "\r\n", Identification: "SSH-2.0-" + secret, Banner: word})
			p.log = append(theLog, "debug1: Authentications that can continue: publickey,"+secret, "debug1: kex_input_ext_info: server-sig-algs=<"+secret+">")
			render := func(o Options, fill func(*page)) string {
				var out strings.Builder
				page := newPage(&out, o, about(t.Context(), o, p.survey.gateway))
				fill(page)
				page.end()
				return out.String()
			}
			var seen []line
			shown := render(Options{Show: true}, func(shown *page) {
				must(t, p.run(t.Context(), shown, p.logIn))
				seen = shown.lines
			})
			again := func(page *page) {
				for _, l := range seen {
					page.group(l.Group)
					page.add(&probe{name: l.Name, expects: l.Expected, depends: l.Depends}, seenOf(l))
				}
			}
			if !strings.Contains(shown, secret) {
				t.Errorf("nothing is shown:\n%s", shown)
			}
			plain, asJSON := render(Options{}, again), render(Options{JSON: true}, again)
			_, port, _ := strings.Cut(p.g.Addr(), ":")
			key := ssh.FingerprintSHA256(p.signer.PublicKey())
			for _, private := range []string{secret, "master", instance, web, pair, "281f38-31ff", "203.0.113.7", "127.0.0.1", port, "Acme", "Brave", "Sleepy", key, "/home", "AAAA"} {
				if strings.Contains(plain+asJSON, private) {
					t.Errorf("the page holds %q:\n%s", private, plain)
				}
			}
			if all := shown + plain + asJSON; strings.ContainsFunc(all, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("a terminal obeys something:\n%q", all)
			}
			for line := range strings.Lines(plain) {
				if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > pageWidth {
					t.Errorf("%d columns: %s", n, line)
				}
			}
		})
	}
}

// seenOf returns what a line of the page was made from, including what was shown.
func seenOf(l line) seen {
	return seen{verdict: l.Status, text: l.Seen, details: l.Details, raw: l.Shown}
}
