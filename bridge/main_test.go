//go:build unix

package bridge

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/child"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/hangup"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// The test binary is also the ProxyCommand of the clients that the tests start: with an inner command in its
// environment, it is a bridge and not a test.
const (
	innerVariable   = "BRIDGE_TEST_INNER"   // the command in lines; -T or -tt becomes its first argument
	keyVariable     = "BRIDGE_TEST_KEY"     // the file of the bridge's host key
	prepareVariable = "BRIDGE_TEST_PREPARE" // a command in lines; empty for none
	timeoutVariable = "BRIDGE_TEST_TIMEOUT" // a StartTimeout
	memoryVariable  = "BRIDGE_TEST_MEMORY"  // the file for the memory used, in bytes
)

func TestMain(m *testing.M) {
	if inner := os.Getenv(innerVariable); inner != "" {
		if err := runBridge(inner); err != nil {
			fmt.Fprintln(os.Stderr, "bridge:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Unsetenv("SSH_AUTH_SOCK")
	os.Unsetenv("SSH_CLIENT") // with it, bash thinks that sshd started it
	hangup.Restore()
	test.Parallel(3)
	status := test.InShortFolder(m.Run)
	if outpostFolder != "" {
		os.RemoveAll(outpostFolder)
	}
	os.Exit(status)
}

func runBridge(inner string) error {
	// The client ends by closing stdin. Its signals would reach a process that has nothing left to do.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP, syscall.SIGINT)
	key, err := os.ReadFile(os.Getenv(keyVariable))
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(key)
	if err != nil {
		return err
	}
	o := testOptions(strings.Split(inner, "\n"))
	o.HostKey = signer
	o.Warn = func(err error) { fmt.Fprintln(os.Stderr, "warning:", err) }
	if text := os.Getenv(prepareVariable); text != "" {
		args := strings.Split(text, "\n")
		o.Prepare = func(ctx context.Context) error {
			out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
	}
	if text := os.Getenv(timeoutVariable); text != "" {
		if o.StartTimeout, err = time.ParseDuration(text); err != nil {
			return err
		}
	}
	if socket := os.Getenv(lineVariable); socket != "" {
		o.Line = lineAt(socket)
	}
	err = Serve(context.Background(), os.Stdin, os.Stdout, o)
	if file := os.Getenv(memoryVariable); file != "" {
		var usage syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
		os.WriteFile(file, fmt.Append(nil, usage.Maxrss<<10), 0o600)
	}
	return err
}

// testOptions returns options that reach an instance through a command.
func testOptions(inner []string) Options {
	return Options{
		Target: target,
		Inner: func(to string, tty bool) *exec.Cmd {
			args := []string{"-T"}
			if tty {
				args[0] = "-tt"
			}
			if to != target { // the command knows the target
				args = append(args, "-o", "RemoteCommand="+to)
			}
			cmd := exec.Command(inner[0], append(args, inner[1:]...)...)
			cmd.Env = os.Environ()
			for i := 0; i < len(cmd.Env); i++ {
				if strings.HasPrefix(cmd.Env[i], "BRIDGE_TEST_") {
					cmd.Env = append(cmd.Env[:i], cmd.Env[i+1:]...)
					i--
				}
			}
			return cmd
		},
	}
}

// Identifiers of the fake gateway's account.
const (
	target   = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
	pair     = "app_11111111-2222-3333-4444-555555555555"
)

// world is a folder with keys and configurations, and a gateway.
type world struct {
	dir   string
	key   ssh.PublicKey
	inner []string // the inner ssh, without -T
	env   []string // for the outer ssh, and so for the bridge
	far   bool     // everything goes through the outpost
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return w.path(name)
}

// newWorld makes the keys, and a configuration in which "web" is reached through the bridge.
func newWorld(t *testing.T) *world {
	t.Helper()
	test.Slow(t)
	test.Need(t, "ssh", "bash")
	// Short, because of the socket in it.
	dir, err := os.MkdirTemp("", "bridge-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	w := &world{dir: dir}
	if w.key, err = gateway.WriteUserKey(w.path("id")); err != nil {
		t.Fatal(err)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	hostKey, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "bridge_key", string(pem.EncodeToMemory(block)), 0o600)
	w.write(t, "known_hosts", "bridge "+string(ssh.MarshalAuthorizedKey(hostKey)), 0o600)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, "config", fmt.Sprintf(`Host *
    ProxyCommand %s
    HostKeyAlias bridge
    UserKnownHostsFile %s
    GlobalKnownHostsFile none
    StrictHostKeyChecking yes
    IdentityFile none
    IdentityAgent none
    BatchMode yes
`, self, w.path("known_hosts")), 0o600)
	w.env = []string{keyVariable + "=" + w.path("bridge_key"), "HOME=" + dir, "SHELL=/bin/sh", "TERM=vt220"}
	return w
}

// connectTo makes the inner ssh's configuration.
func (w *world) connectTo(t *testing.T, user, addr string, options ...string) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`Host inner
    HostName 127.0.0.1
    Port %s
    User %s
    RemoteCommand %s
    IdentityFile %s
    LogLevel ERROR
    EscapeChar none
`, port, user, target, w.path("id"))
	for _, o := range slices.Concat(test.Alone, test.AnyHostKey, options) {
		config += "    " + o + "\n"
	}
	w.use("ssh", "-F", w.write(t, "inner_config", config, 0o600), "inner")
	if len(options) > 0 {
		t.Cleanup(func() { exec.Command("ssh", "-F", w.path("inner_config"), "-O", "exit", "inner").Run() })
	}
}

// shareMaster returns the options that make the inner connections share one.
func (w *world) shareMaster() []string {
	return []string{"ControlMaster auto", "ControlPath " + w.path("s"), "ControlPersist 60"}
}

// use sets the inner command.
func (w *world) use(inner ...string) {
	w.inner = inner
	w.env = append(w.env, innerVariable+"="+strings.Join(inner, "\n"))
}

// options are those of the world's bridge.
func (w *world) options() Options {
	o, env := testOptions(w.inner), slices.Clone(w.env)
	inner := o.Inner
	o.Inner = func(to string, tty bool) *exec.Cmd {
		cmd := inner(to, tty)
		cmd.Env = append(cmd.Env, env...)
		return cmd
	}
	return o
}

// command returns a command whose programs find "web" through the bridge.
func (w *world) command(name string, args ...string) *exec.Cmd {
	switch name {
	case "ssh", "scp", "sftp":
		args = append([]string{"-F", w.path("config")}, args...)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), w.env...)
	child.EndWithParent(cmd)
	return cmd
}

// result is the result of a command.
type result struct {
	stdout, stderr string
	status         int // -1 for a signal
}

// run runs a command to its end.
func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = test.Patience
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	timer := time.AfterFunc(test.Patience, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil && errors.As(err, new(*exec.ExitError)) == false {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// succeeds returns a command's stdout. The command must succeed.
func succeeds(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	r := run(t, cmd)
	if r.status != 0 {
		t.Fatalf("%v: exit status %d\n%s%s", cmd.Args, r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

// eachGateway runs a test with the fake gateway, with a connection for each session, and with two of OpenSSH's
// sshd, with a shared connection: once through the shell, and once through the outpost.
func eachGateway(t *testing.T, run func(t *testing.T, w *world)) {
	test.Slow(t)
	t.Run("fakegateway", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		startFake(t, w)
		run(t, w)
	})
	t.Run("sshd,shared", func(t *testing.T) {
		test.Long(t)
		t.Parallel()
		w := newWorld(t)
		startTwoHops(t, w)
		run(t, w)
	})
	t.Run("sshd,outpost", func(t *testing.T) {
		test.Long(t)
		t.Parallel()
		w := newWorld(t)
		startTwoHops(t, w)
		run(t, w.withOutpost(t))
	})
}

// eachWay runs a test of another program that uses the bridge, through the shell and through the outpost.
func eachWay(t *testing.T, run func(t *testing.T, w *world)) {
	test.Slow(t)
	t.Run("shell", func(t *testing.T) {
		t.Parallel()
		run(t, programWorld(t))
	})
	t.Run("outpost", func(t *testing.T) {
		test.Long(t)
		t.Parallel()
		run(t, programWorld(t).withOutpost(t))
	})
}

// programWorld returns a world for a test of another program that uses the bridge. To such a program all
// gateways are the same.
func programWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	startSSHD(t, w, w.shareMaster()...)
	return w
}

var hostKeys = sync.OnceValues(gateway.NewHostKeys)

func startFake(t *testing.T, w *world, options ...string) {
	t.Helper()
	keys, err := hostKeys()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway.Gateway{HostKeys: keys, Accounts: []gateway.Account{{
		Keys: []ssh.PublicKey{w.key},
		Organisations: []gateway.Organisation{{Name: "Acme", Applications: []gateway.Application{
			{Name: "web", ID: target, Instances: []gateway.Instance{{ID: instance, Name: "Sleepy Ponita"}}},
			{Name: "pair", ID: pair, Instances: []gateway.Instance{
				{ID: "11281f38-31ff-43a7-8595-a2d82630c32b", Name: "Brave Eevee"},
				{ID: "22281f38-31ff-43a7-8595-a2d82630c32b", Name: "Quiet Abra", Number: 1},
			}},
			{Name: "down", ID: "app_down"},
		}}},
	}}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	w.connectTo(t, "ssh", g.Addr(), options...)
}

// forceCommand is what sshd runs instead of the gateway. It needs the instance's home.
var forceCommand = strings.Replace(instanceCommand, "\n", `
echo "Opening an ssh shell"
printf 'Warning: Permanently added an instance.\r\n' >&2
`, 1)

func startSSHD(t *testing.T, w *world, options ...string) {
	t.Helper()
	if err := os.MkdirAll(w.path("instance/.cache"), 0o700); err != nil { // for an outpost
		t.Fatal(err)
	}
	startSSHDWith(t, w, fmt.Sprintf(forceCommand, w.path("instance")), options...)
}

// startTwoHops runs what the gateway most likely is: an sshd that makes OpenSSH's own client go on to an
// instance. It asks for a terminal only if its client has one, and remembers no host keys.
func startTwoHops(t *testing.T, w *world) {
	t.Helper()
	if err := os.MkdirAll(w.path("instance/.cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	startSSHDWith(t, w, fmt.Sprintf(instanceCommand, w.path("instance")))
	second := w.write(t, "second_config", strings.Replace(readFile(t, w.path("inner_config")), "LogLevel ERROR", "LogLevel INFO", 1), 0o600)
	startSSHDWith(t, w, fmt.Sprintf(`#!/bin/sh
echo "Opening an ssh shell"
t=
[ -t 0 ] && t=-t
exec ssh $t -F %s -o RemoteCommand=none inner
`, second), w.shareMaster()...)
}

// instanceCommand is what an instance's sshd runs. It needs the instance's home.
const instanceCommand = `#!/bin/sh
export HOME=%s
cd "$HOME" || exit 1
export PS1='bas@instance $ '
if [ -t 0 ]; then
	exec bash --noprofile --norc -i
fi
exec bash --noprofile --norc
`

// reservedAddress returns an address that refuses connections until a program listens there by its number.
// Nobody else gets it meanwhile.
func reservedAddress(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	t.Cleanup(func() { syscall.Close(fd) })
	// With this option, ssh and sshd can still listen there, because they set it too.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
}

// startSSHDWith runs OpenSSH's sshd, for the account that runs the tests, with a script in place of every command.
func startSSHDWith(t *testing.T, w *world, script string, options ...string) {
	t.Helper()
	private, err := os.ReadFile(w.path("bridge_key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParseRawPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	s := sshd.Start(t, sshd.Options{HostKeys: []crypto.Signer{key.(crypto.Signer)}, Authorized: []ssh.PublicKey{w.key}, Command: script})
	w.connectTo(t, s.User, s.Address(), options...)
}
