//go:build unix

package main

// Where to find a test: a test of a command is in a file that begins with the command's name
// (setup_via_linux_test.go), a test of what ssh and other programs meet on the way is in proxy_ or
// bridge_, and a person's short story is in testdata. Helpers of several tests have files of their
// own: a home (here), a terminal, a wire that breaks, the program.

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/child"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/hangup"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// realSSH is the environment variable with the path of the real ssh, for the stories' ssh.
const realSSH = "REAL_SSH"

func TestMain(m *testing.M) {
	// When this program runs as the stories' ssh, it would find itself.
	if path, err := exec.LookPath("ssh"); err == nil && os.Getenv(realSSH) == "" {
		os.Setenv(realSSH, path)
	}
	removeFolder := func() {}
	if filepath.Base(os.Args[0]) != "clever-ssh" { // clever-ssh has what its test gives it
		removeFolder = test.ShortFolder() // before there are programs, which share a folder with the homes
		os.Unsetenv("SSH_AUTH_SOCK")
		hangup.Restore()
	}
	testscript.Main(tests{m, removeFolder}, map[string]func(){"clever-ssh": mainOfTests, "ssh": nil})
}

// tests runs all tests, with the stories' ssh in place.
type tests struct {
	*testing.M
	removeFolder func()
}

func (m tests) Run() int {
	defer m.removeFolder()
	defer removeReleasedProgram()
	test.Parallel(3)
	if err := writeSSHOfHome(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.M.Run()
}

// writeSSHOfHome makes the stories' ssh the real one with the configuration in $HOME: ssh itself
// looks only in the account's home. It replaces testscript's copy of this program, which takes ten
// times as long to start as ssh.
func writeSSHOfHome() error {
	bash, err := exec.LookPath("bash")
	if err != nil {
		return err
	}
	path, err := exec.LookPath("ssh")
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!%s\nexec -a ssh \"$%s\" -F \"$HOME/.ssh/config\" \"$@\"\n", bash, realSSH)
	return errors.Join(os.Remove(path), os.WriteFile(path, []byte(script), 0o755))
}

// faultVariable makes clever-ssh fail or die at one of the calls that change the file system. Its
// value is "KIND NUMBER FILE", where KIND is one of faultErrors or "kill". Each call up to that one
// is written to the file.
const faultVariable = "CLEVER_SSH_TEST_FAULT"

// idleVariable is how long doctor --gateway leaves a connection idle.
const idleVariable = "CLEVER_SSH_TEST_IDLE"

var faultErrors = map[string]error{"ENOSPC": syscall.ENOSPC, "EACCES": syscall.EACCES, "EROFS": syscall.EROFS}

// mainOfTests is main, with what the variables ask for.
func mainOfTests() {
	if text := os.Getenv(faultVariable); text != "" {
		os.Unsetenv(faultVariable) // what clever-ssh starts does not fail
		var kind, file string
		var n int
		if _, err := fmt.Sscan(text, &kind, &n, &file); err != nil {
			panic(err)
		}
		var calls []byte
		atomicfile.Fault = func(call, path string) error {
			calls = fmt.Appendf(calls, "%s %s\n", call, path)
			if err := os.WriteFile(file, calls, 0o600); err != nil {
				panic(err)
			}
			if n--; n != 0 {
				return nil
			}
			if kind == "kill" {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return faultErrors[kind]
		}
	}
	if text := os.Getenv(idleVariable); text != "" {
		var err error
		if idle, err = time.ParseDuration(text); err != nil {
			panic(err)
		}
	}
	main()
}

// Identifiers of the fake gateway's account.
const (
	appWeb      = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instanceWeb = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
	appPair     = "app_11111111-2222-3333-4444-555555555555"
)

func account(key ssh.PublicKey) gateway.Account {
	return gateway.Account{
		Keys: []ssh.PublicKey{key},
		Organisations: []gateway.Organisation{{Name: "Acme", Applications: []gateway.Application{
			{Name: "web", ID: appWeb, Instances: []gateway.Instance{{ID: instanceWeb, Name: "Sleepy Ponita"}}},
			{Name: "pair", ID: appPair, Instances: []gateway.Instance{
				{ID: "11281f38-31ff-43a7-8595-a2d82630c32b", Name: "Brave Eevee"},
				{ID: "22281f38-31ff-43a7-8595-a2d82630c32b", Name: "Quiet Abra", Number: 1},
			}},
			{Name: "down", ID: "app_down"},
		}}},
	}
}

// hostKeys are made once, because an RSA key takes long.
var hostKeys, otherHostKeys = sync.OnceValues(gateway.NewHostKeys), sync.OnceValues(gateway.NewHostKeys)

// home is a throw-away home with a key. clever-ssh's settings there say to write its entries there.
type home struct {
	dir string
	key ssh.PublicKey
	env []string
}

func newHome(dir string) (*home, error) {
	h := &home{dir: dir}
	config := filepath.Join(dir, ".config")
	for _, d := range []string{h.path("config"), filepath.Join(config, "clever-cloud", "x")} {
		if err := os.MkdirAll(filepath.Dir(d), 0o700); err != nil {
			return nil, err
		}
	}
	sockets := filepath.Join(dir, "run")
	err := os.Mkdir(sockets, 0o700)
	if err != nil {
		return nil, err
	}
	if h.key, err = gateway.WriteUserKey(h.path("id")); err != nil {
		return nil, err
	}
	h.env = []string{"HOME=" + dir, "XDG_RUNTIME_DIR=" + sockets, "PUTTYDIR=" + filepath.Join(dir, ".putty"), "XDG_CONFIG_HOME=" + config, "SHELL=/bin/sh", "TERM=xterm", realSSH + "=" + os.Getenv(realSSH),
		// A program with the race detector waits a second before it ends, unless told otherwise.
		"GORACE=atexit_sleep_ms=0"}
	settings := fmt.Sprintf("ssh-config = %q\n", h.path("config"))
	user := fmt.Sprintf("Host *\n    IdentityFile %s\n    IdentitiesOnly yes\n", h.path("id"))
	return h, errors.Join(
		os.WriteFile(filepath.Join(config, "clever-cloud", "clever-ssh.toml"), []byte(settings), 0o600),
		os.WriteFile(h.path("config"), []byte(user), 0o600))
}

// testHome returns a home for one test.
func testHome(t *testing.T) *home {
	t.Helper()
	return homeIn(t, t.TempDir())
}

// homeIn makes a folder the home of one test.
func homeIn(t *testing.T, dir string) *home {
	t.Helper()
	needPrograms(t)
	h, err := newHome(dir)
	must(t, err)
	t.Cleanup(h.endLines)
	return h
}

// endLines ends the processes that keep lines open for the home, and their ssh.
func (h *home) endLines() {
	for _, folder := range []string{filepath.Join(h.dir, "run"), h.path("clever")} {
		if sockets, _ := filepath.Glob(filepath.Join(folder, "*"+line.Suffix)); len(sockets) > 0 {
			h.command("clever-ssh", "close").Run()
			return
		}
	}
}

// path returns the path of a file in the home's .ssh.
func (h *home) path(name string) string { return filepath.Join(h.dir, ".ssh", name) }

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// controlSockets lists the files in a folder of sockets, except those of a line and those about
// instances.
func controlSockets(t *testing.T, folder string) (list []string) {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(folder, "clever-ssh-*"))
	must(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(strings.TrimSuffix(e, ".lock"), line.Suffix) && filepath.Ext(e) != ".instances" {
			list = append(list, e)
		}
	}
	return list
}

// command returns a command that runs in the home.
func (h *home) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = h.dir
	cmd.Env = append(os.Environ(), h.env...)
	child.EndWithParent(cmd)
	return cmd
}

// setup runs clever-ssh setup for a gateway. It finds no ssh to ask: asking takes longer than all
// the rest, and the tests of setup itself do it. It finds PuTTY if this machine has it.
func (h *home) setup(t *testing.T, g *gateway.Gateway, args ...string) {
	t.Helper()
	args = append([]string{"setup", "--gateway", "ssh@" + g.Addr(), "--pin", pinOf(g, 0), "--pin", pinOf(g, 1)}, args...)
	bin := t.TempDir()
	for _, name := range []string{"putty", "plink"} {
		if path, err := exec.LookPath(name); err == nil {
			must(t, os.Symlink(path, filepath.Join(bin, name)))
		}
	}
	cmd := h.command("clever-ssh", args...)
	cmd.Env = append(cmd.Env, "PATH="+bin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("setup: %v\n%s", err, out)
	}
}

func pinOf(g *gateway.Gateway, i int) string {
	return ssh.FingerprintSHA256(g.HostKeys[min(i, len(g.HostKeys)-1)].PublicKey())
}

// The stories in testdata/*.txtar work. Each shows what a user does and sees.
func TestStories(t *testing.T) {
	t.Parallel()
	needPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: test.SocketFolder(t),
		Setup: func(env *testscript.Env) error {
			h, err := newHome(filepath.Join(env.WorkDir, "home"))
			if err != nil {
				return err
			}
			env.Vars = append(env.Vars, h.env...)
			env.Vars = append(env.Vars, "SSH="+filepath.Join(h.dir, ".ssh"), "SESSIONS="+filepath.Join(h.dir, ".putty/sessions"), "APP="+appWeb, "INSTANCE="+instanceWeb, "PAIR="+appPair)
			env.Values["home"] = h
			env.Values["gateways"] = &gateways{}
			env.Values["api"] = &storyAPI{}
			env.Defer(env.Values["gateways"].(*gateways).stop)
			env.Defer(h.endLines)
			return nil
		},
		Condition: missing,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":       apiCommand,
			"gateway":   gatewayCommand,
			"attempts":  attemptsCommand,
			"target":    targetCommand,
			"listen":    listenCommandOf,
			"instances": instancesCommandOf,
			"mode":      modeCommand,
		},
	})
}

// missing is a story's condition [missing:PROGRAM], which makes the story skip. If $CI is set, a
// missing program is an error. It is also the condition [outposts]: this program carries outposts.
func missing(condition string) (bool, error) {
	if condition == "outposts" {
		return haveOutposts(), nil
	}
	program, ok := strings.CutPrefix(condition, "missing:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	_, err := test.Find(program)
	if err != nil && os.Getenv("CI") != "" {
		return false, err
	}
	return err != nil, nil
}

// gateways are the gateways of one story. Commands ask the one that was started last.
type gateways struct{ list []*gateway.Gateway }

func (g *gateways) stop() {
	for _, one := range g.list {
		one.Close()
	}
}

func (g *gateways) last(ts *testscript.TestScript) *gateway.Gateway {
	if len(g.list) == 0 {
		ts.Fatalf("no gateway was started")
	}
	return g.list[len(g.list)-1]
}

var stages = map[string]gateway.Stage{
	"accept": gateway.AtAccept, "identification": gateway.AtIdentification, "key-exchange": gateway.AtKeyExchange,
	"authentication": gateway.AtAuthentication, "session": gateway.AtSession,
}

// gatewayCommand: gateway start [-same-port] [-host-key other|ed25519|rsa] [-stranger]
// [-unregistered] [-fail STAGE], gateway stop. It sets $GATEWAY, $ADDRESS, $PIN and $RSA_PIN.
func gatewayCommand(ts *testscript.TestScript, neg bool, args []string) {
	all := ts.Value("gateways").(*gateways)
	if len(args) == 1 && args[0] == "stop" {
		ts.Check(all.last(ts).Close())
		return
	}
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	kind := flags.String("host-key", "", "other, ed25519 or rsa")
	samePort := flags.Bool("same-port", false, "where the last one listened")
	stranger := flags.Bool("stranger", false, "the home's key belongs to another account")
	unregistered := flags.Bool("unregistered", false, "the home's key is not registered")
	fail := flags.String("fail", "", "where to fail")
	if len(args) == 0 || args[0] != "start" {
		ts.Fatalf("usage: gateway start|stop")
	}
	ts.Check(flags.Parse(args[1:]))
	keys, err := hostKeys()
	if *kind == "other" {
		keys, err = otherHostKeys()
	}
	ts.Check(err)
	switch *kind {
	case "ed25519":
		keys = keys[:1]
	case "rsa":
		keys = keys[1:]
	}
	g := &gateway.Gateway{HostKeys: keys, Fail: stages[*fail]}
	switch mine := account(ts.Value("home").(*home).key); {
	case *stranger:
		g.AnyKey = &gateway.Account{}
	case !*unregistered:
		g.Accounts = []gateway.Account{mine}
	}
	addr := "127.0.0.1:0"
	if *samePort {
		addr = all.last(ts).Addr()
	}
	ts.Check(startAgain(g, addr))
	all.list = append(all.list, g)
	ts.Setenv("GATEWAY", "ssh@"+g.Addr())
	ts.Setenv("ADDRESS", g.Addr())
	ts.Setenv("PIN", pinOf(g, 0))
	ts.Setenv("RSA_PIN", pinOf(g, 1))
}

// startAgain starts a gateway where another one listened. Meanwhile another program may have that port, for a while.
func startAgain(g *gateway.Gateway, addr string) (err error) {
	for end := time.Now().Add(test.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = g.Start(addr); !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return err
}

// attemptsCommand: attempts N checks how many authentication attempts the gateway has seen,
// attempts METHOD ... which ones.
func attemptsCommand(ts *testscript.TestScript, neg bool, args []string) {
	seen := ts.Value("gateways").(*gateways).last(ts).Events().Attempts
	if n, err := strconv.Atoi(args[0]); err == nil {
		if len(seen) != n {
			ts.Fatalf("%d authentication attempts, want %d: %v", len(seen), n, seen)
		}
		return
	}
	var methods []string
	for _, a := range seen {
		methods = append(methods, a.Method)
	}
	if got := strings.Join(methods, " "); got != strings.Join(args, " ") {
		ts.Fatalf("authentication attempts %q, want %q", got, args)
	}
}

// targetCommand: target TARGET checks what the last session was opened for.
func targetCommand(ts *testscript.TestScript, neg bool, args []string) {
	sessions := ts.Value("gateways").(*gateways).last(ts).Events().Sessions
	if len(sessions) == 0 {
		ts.Fatalf("there was no session")
	}
	if s := sessions[len(sessions)-1]; s.Target != args[0] || !s.TTY {
		ts.Fatalf("the last session was %+v, want one with a terminal for %q", s, args[0])
	}
}

// instancesCommandOf: instances APPLICATION NUMBER:STATE:DIGIT ... replaces the instances of an
// application. Their ids begin with the digit, twice; NUMBER may be "?" or "build".
func instancesCommandOf(ts *testscript.TestScript, neg bool, args []string) {
	var list []gateway.Instance
	for _, text := range args[1:] {
		words := strings.Split(text, ":")
		i := gateway.Instance{ID: instanceID(words[2]), Name: "Nidoran♀ " + words[2], State: words[1], Number: -1, Build: words[0] == "build"}
		if n, err := strconv.Atoi(words[0]); err == nil {
			i.Number = n
		}
		list = append(list, i)
	}
	ts.Check(ts.Value("gateways").(*gateways).last(ts).SetInstances(args[0], list))
}

// instanceID returns the id of the instance with this digit.
func instanceID(digit string) string { return digit + digit + "281f38-31ff-43a7-8595-a2d82630c32b" }

// listenCommandOf: listen TEXT listens on a new $ADDRESS, and says TEXT to everybody who connects.
func listenCommandOf(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	text, err := strconv.Unquote(`"` + args[0] + `"`)
	ts.Check(err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, text)
				c.(*net.TCPConn).CloseWrite()
				c.Read(make([]byte, 1<<16))
			}()
		}
	}()
	ts.Setenv("ADDRESS", l.Addr().String())
}

// modeCommand: mode 0600 FILE ... checks permissions.
func modeCommand(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := info.Mode().Perm(); got != os.FileMode(want) {
			ts.Fatalf("%s has mode %o, want %o", name, got, want)
		}
	}
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func mustKeys[K any](keys func() ([]K, error)) []K {
	list, err := keys()
	if err != nil {
		panic(err)
	}
	return list
}
