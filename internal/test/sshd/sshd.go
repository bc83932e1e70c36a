// Package sshd starts OpenSSH's server for tests.
package sshd

import (
	"crypto"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/child"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// Server is an sshd that ends with its test.
type Server struct {
	User     string // the account that runs the tests: the only one that can log in
	Port     int
	HostKeys []ssh.PublicKey

	log string // file
}

// Address returns where it listens.
func (s *Server) Address() string { return fmt.Sprintf("127.0.0.1:%d", s.Port) }

// Log returns what it has logged so far.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

// Options describe a server.
type Options struct {
	Program    string          // the sshd; if it is empty, the system's
	HostKeys   []crypto.Signer // if there are none, one ED25519 and one RSA key
	Authorized []ssh.PublicKey // who can log in
	Command    string          // a script that runs instead of what a client asks for; may be empty
	Lines      []string        // more of sshd_config. sshd takes the first value, so these come first, except SetEnv
}

// Program returns this system's sshd, which few people have on PATH. A test without one is skipped.
func Program(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("sshd"); err == nil {
		return path
	}
	return test.Need(t, "/usr/sbin/sshd")
}

// Start starts a server and waits until it listens. A test that fails shows its log.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Program == "" {
		o.Program = Program(t)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // its privilege separation folder, which its service would make
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) (path string) {
		path = filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var authorized []byte
	for _, k := range o.Authorized {
		authorized = append(authorized, ssh.MarshalAuthorizedKey(k)...)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	// A bash that sshd starts reads ~/.bashrc, even to run a script. The account's own may do anything, and take
	// seconds.
	lines, s := append([]string{"SetEnv HOME=" + home}, o.Lines...), &Server{User: me.Username}
	if o.HostKeys == nil {
		if o.HostKeys, err = both(); err != nil {
			t.Fatal(err)
		}
	}
	for i, key := range o.HostKeys {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			t.Fatal(err)
		}
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		s.HostKeys = append(s.HostKeys, public)
		lines = append(lines, "HostKey "+write(fmt.Sprintf("host_key_%d", i), string(pem.EncodeToMemory(block)), 0o600))
	}
	if o.Command != "" {
		// Without exec, an account's shell may stay, and report a signal that ends the command as an exit status.
		lines = append(lines, "ForceCommand exec "+write("command", o.Command, 0o755))
	}
	lines = append(lines, "AuthorizedKeysFile "+write("authorized_keys", string(authorized), 0o600),
		"StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin yes")
	// Some versions of sshd take the last value of this one.
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "MaxStartups ") }) {
		lines = append(lines, "MaxStartups 200")
	}
	for try := 0; ; try++ {
		// sshd needs to know its port in advance. A port that is free now may be taken by the time sshd listens: then
		// another is tried.
		s.Port = freePort(t)
		s.log = filepath.Join(dir, fmt.Sprintf("log_%d", try))
		config := write("sshd_config", strings.Join(append(lines, "ListenAddress "+s.Address(), ""), "\n"), 0o600)
		if s.start(t, o.Program, config) {
			return s
		}
		if !strings.Contains(s.Log(), "Address already in use") || try == 10 {
			t.Fatalf("%s does not start:\n%s", o.Program, s.Log())
		}
	}
}

// start reports whether the server has begun to listen. If not, it has ended.
func (s *Server) start(t testing.TB, program, config string) bool {
	t.Helper()
	// With -e instead of a file, a client would receive what sshd logs after it has begun the client's command.
	cmd := exec.Command(program, "-D", "-E", s.log, "-f", config)
	child.EndWithParent(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the log of sshd:\n%s", s.Log())
		}
	})
	listens := false
	test.Eventually(t, "sshd listens", func() bool {
		select {
		case <-ended:
			return true
		default:
		}
		listens = strings.Contains(s.Log(), "Server listening on ")
		return listens
	})
	return listens
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
