//go:build unix

package proxycmd

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
	"clever-ssh/internal/test/sshd"

	"golang.org/x/crypto/ssh"
)

// To record the handshakes again, as root on Debian with openssh-server, putty-tools, dropbear-bin and tinysshd:
//
//	go test ./proxycmd -run TestRecordHandshakes -v -timeout 1h -record -openssh '/opt/openssh-*'
//
// or -run TestRecordHandshakes/plink for a part of them. The folders of -openssh hold further versions, in bin/ssh
// and sbin/sshd. Client and server speak over loopback through a relay. It records what is in the clear and hangs up
// once it has seen both NEWKEYS: nothing encrypted is kept. The host keys are made for the occasion and thrown away.
var (
	recordAnew    = flag.Bool("record", false, "record the handshakes in "+recordings+" anew")
	opensshBuilds = flag.String("openssh", "", "a `pattern` for the folders of further versions of OpenSSH to record")
)

// recordedClient is a program that connects.
type recordedClient struct {
	name    string // with its version
	program string
	methods []string // that it may be asked for
	openssh bool
	// arguments make it connect with a method, which it must choose itself or be ready for.
	arguments func(dir string, port int, method string, chooses bool, fingerprint string) []string
}

// recordedServer is a program to connect to.
type recordedServer struct {
	name    string
	openssh bool
	methods []string // the methods that it can be limited to, one at a time; nil if the client must choose
	// start runs it for one connection.
	start func(t *testing.T, dir, method string, rsa bool) (addr string, hostKeys []ssh.PublicKey)
}

func TestRecordHandshakes(t *testing.T) {
	if !*recordAnew {
		t.Skip("only with -record")
	}
	clients, servers := recordedPrograms(t)
	if err := os.MkdirAll(recordings, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		for _, s := range servers {
			// Each version of OpenSSH with itself, the system's client with all of them, other clients with the
			// system's.
			if s.openssh && c.name != clients[0].name && s.name != "sshd"+strings.TrimPrefix(c.name, "ssh") && (c.openssh || s.name != servers[0].name) {
				continue
			}
			t.Run(c.name+"-"+s.name, func(t *testing.T) {
				old, err := filepath.Glob(filepath.Join(recordings, c.name+"-"+s.name+"-*.txt"))
				if err != nil {
					t.Fatal(err)
				}
				for _, file := range old {
					os.Remove(file)
				}
				var got []string
				for _, method := range c.methods {
					if !s.asks() && !slices.Contains(s.methods, method) {
						continue
					}
					if recordHandshake(t, c, s, method, false) {
						got = append(got, method)
					}
					if s.name == servers[0].name && (method == "curve25519-sha256" || method == gexMethod) {
						recordHandshake(t, c, s, method, true)
					}
				}
				t.Logf("%d methods: %s", len(got), strings.Join(got, " "))
			})
		}
	}
}

// asks reports whether the client must choose the method.
func (s recordedServer) asks() bool { return s.methods == nil }

// recordHandshake makes a client and a server connect and writes down what they said, if they agree on a method.
func recordHandshake(t *testing.T, c recordedClient, s recordedServer, method string, rsa bool) bool {
	t.Helper()
	dir := t.TempDir()
	addr, keys := s.start(t, dir, method, rsa)
	fingerprints := map[string]string{}
	for _, k := range keys {
		fingerprints[string(k.Marshal())] = k.Type() + " " + ssh.FingerprintSHA256(k)
	}
	l := listen(t)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	noted := make(chan []recorded, 1)
	go func() {
		noted <- recordOne(l, addr)
		cancel() // not every client ends by itself
	}()
	cmd := exec.CommandContext(ctx, c.program, c.arguments(dir, int(port(l)), method, s.asks(), ssh.FingerprintSHA256(keys[0]))...)
	cmd.Env = append(os.Environ(), "HOME="+dir, "PUTTYDIR="+filepath.Join(dir, "putty"), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(strings.Repeat("y\n", 10)) // to all of PuTTY's questions, which go to the terminal if there is one
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	said, _ := cmd.CombinedOutput() // it never gets as far as logging in
	l.Close()
	r := recording{name: fmt.Sprintf("%s-%s-%s", c.name, s.name, method), method: method, messages: <-noted}
	if rsa {
		r.name += "-rsa"
	}
	newKeys := 0
	for _, m := range r.messages {
		if m.number == msgNewKeys {
			newKeys++
		}
	}
	if newKeys != 2 {
		t.Logf("%s: no handshake: %s", r.name, said)
		return false
	}
	if got := negotiatedMethod(r); got != method {
		t.Logf("%s: they took %s", r.name, got)
		return false
	}
	n := binary.BigEndian.Uint32(r.reply()[1:])
	r.hostKey = fingerprints[string(r.reply()[5:5+n])]
	if r.hostKey == "" {
		t.Fatalf("%s: the host key is not the server's", r.name)
	}
	var b bytes.Buffer
	r.write(&b)
	if err := os.WriteFile(filepath.Join(recordings, r.name+".txt"), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return true
}

// negotiatedMethod returns the first of the client's methods that the server has.
func negotiatedMethod(r recording) string {
	var client, server otherKexInit
	if ssh.Unmarshal(r.payloads(false, msgKexInit)[0], &client) != nil || ssh.Unmarshal(r.payloads(true, msgKexInit)[0], &server) != nil {
		return ""
	}
	for _, name := range client.Lists0 {
		if slices.Contains(server.Lists0, name) {
			return name
		}
	}
	return ""
}

// recordOne passes one connection on and records its messages, each before passing it on, until it has seen both
// NEWKEYS.
func recordOne(l net.Listener, addr string) []recorded {
	client, err := l.Accept()
	if err != nil {
		return nil
	}
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return nil
	}
	defer server.Close()
	var mu sync.Mutex
	var noted []recorded
	pass := func(from, to net.Conn, isServer bool) {
		var unread []byte
		buffer := make([]byte, 64<<10)
		for ended, identified := false, false; ; {
			n, err := from.Read(buffer)
			unread = append(unread, buffer[:n]...)
			for !ended {
				m := recorded{server: isServer}
				size := 0
				if !identified {
					size = bytes.IndexByte(unread, '\n') + 1
				} else if len(unread) >= 4 {
					size = 4 + int(binary.BigEndian.Uint32(unread))
				}
				if size == 0 || size > len(unread) {
					break
				}
				m.raw, unread = bytes.Clone(unread[:size]), unread[size:]
				if identified {
					m.number = m.raw[5]
				}
				identified = true
				ended = m.number == msgNewKeys
				mu.Lock()
				noted = append(noted, m)
				mu.Unlock()
			}
			if n > 0 {
				to.Write(buffer[:n])
			}
			if err != nil {
				client.Close()
				server.Close()
			}
			if ended || err != nil {
				return
			}
		}
	}
	var both sync.WaitGroup
	both.Go(func() { pass(client, server, false) })
	both.Go(func() { pass(server, client, true) })
	done := make(chan struct{})
	go func() {
		both.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(test.Patience / 3):
		client.Close()
		server.Close()
		<-done
	}
	return noted
}

// recordedPrograms finds what is installed. The system's OpenSSH comes first.
func recordedPrograms(t *testing.T) (clients []recordedClient, servers []recordedServer) {
	t.Helper()
	opensshs := [][2]string{{"ssh", sshd.Program(t)}}
	folders, err := filepath.Glob(*opensshBuilds)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		opensshs = append(opensshs, [2]string{filepath.Join(f, "bin", "ssh"), filepath.Join(f, "sbin", "sshd")})
	}
	for _, programs := range opensshs {
		version := versionOf(t, programs[0], `OpenSSH_(\d+\.\d+)`)
		known, err := exec.Command(programs[0], "-Q", "kex").Output()
		if err != nil {
			t.Fatal(err)
		}
		methods := acceptedOnly(strings.Fields(string(known)))
		clients = append(clients, recordedClient{
			name: "ssh-" + version, program: programs[0], methods: methods, openssh: true,
			arguments: func(dir string, port int, method string, chooses bool, _ string) []string {
				if !chooses {
					method = "+" + method
				}
				args := test.SSHArguments(test.Alone, test.AnyHostKey, []string{"KexAlgorithms=" + method})
				return append(args, "-l", "ssh", "-p", fmt.Sprint(port), "127.0.0.1", "true")
			},
		})
		servers = append(servers, recordedServer{name: "sshd-" + version, openssh: true, methods: methods, start: sshdRecorded(programs[1])})
	}
	// All that PuTTY and Dropbear may have in common with anybody; those that they lack are left out.
	all := append([]string{gexMethod}, singleMethods...)
	clients = append(clients, recordedClient{
		name: "plink-" + versionOf(t, "plink", `Release (\d+\.\d+)`), program: "plink", methods: all,
		arguments: func(dir string, port int, method string, chooses bool, fingerprint string) []string {
			args := []string{"-ssh", "-l", "ssh", "-noagent", "-P", fmt.Sprint(port), "-hostkey", fingerprint}
			if !chooses {
				return append(args, "127.0.0.1", "true")
			}
			family := "ecdh"
			switch {
			case strings.Contains(method, "sntrup"):
				family = "ntru-curve25519"
			case strings.Contains(method, "group14"):
				family = "dh-group14-sha1"
			}
			families := slices.DeleteFunc([]string{"ntru-curve25519", "ecdh", "dh-gex-sha1", "dh-group14-sha1", "rsa", "WARN", "dh-group1-sha1"}, func(f string) bool { return f == family })
			families = append([]string{family}, families...)
			sessions := filepath.Join(dir, "putty", "sessions")
			if err := cmp.Or(os.MkdirAll(sessions, 0o700), os.WriteFile(filepath.Join(sessions, "recorded"), []byte("KEX="+strings.Join(families, ",")+"\nHostKey=ed25519,rsa\n"), 0o600)); err != nil {
				panic(err)
			}
			return append(append([]string{"-load", "recorded"}, args...), "127.0.0.1", "true")
		},
	}, recordedClient{
		name: "dbclient-" + versionOf(t, "dbclient", `v(\d+\.\d+)`), program: "dbclient", methods: all,
		arguments: func(_ string, port int, _ string, _ bool, _ string) []string {
			return []string{"-y", "-y", "-l", "ssh", "-p", fmt.Sprint(port), "127.0.0.1", "true"}
		},
	})
	servers = append(servers,
		recordedServer{name: "fakegateway", methods: acceptedOnly(slices.Concat(ssh.SupportedAlgorithms().KeyExchanges, ssh.InsecureAlgorithms().KeyExchanges)), start: gatewayRecorded},
		recordedServer{name: "dropbear-" + versionOf(t, "dropbear", `v(\d+\.\d+)`), start: dropbearRecorded},
		recordedServer{name: "tinysshd", start: tinysshdRecorded},
	)
	return clients, servers
}

func versionOf(t *testing.T, program, pattern string) string {
	t.Helper()
	out, err := exec.Command(program, "-V").CombinedOutput()
	version := regexp.MustCompile(pattern).FindSubmatch(out)
	if version == nil {
		t.Fatalf("%s -V: %v: %s", program, err, out)
	}
	return string(version[1])
}

// acceptedOnly leaves out the methods that are refused by name.
func acceptedOnly(methods []string) []string {
	return slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return m != gexMethod && !slices.Contains(singleMethods, m) })
}

// inetd runs a server on each client's socket, as inetd did.
func inetd(t *testing.T, name string, args ...string) (addr string) {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				t.Error(err)
				return
			}
			cmd := exec.Command(name, args...)
			cmd.Stdin, cmd.Stdout = f, f
			var said bytes.Buffer
			cmd.Stderr = &said
			if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
				t.Error(err)
			}
			f.Close()
		}
	}()
	return l.Addr().String()
}

func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return out
}

// publicKeys finds the public keys, in authorized_keys format, among the lines of a text.
func publicKeys(t *testing.T, text []byte) (keys []ssh.PublicKey) {
	t.Helper()
	for line := range bytes.Lines(text) {
		if k, _, _, _, err := ssh.ParseAuthorizedKey(line); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		t.Fatalf("no public key in %q", text)
	}
	return keys
}

func sshdRecorded(program string) func(t *testing.T, dir, method string, rsa bool) (string, []ssh.PublicKey) {
	return func(t *testing.T, _, method string, rsa bool) (string, []ssh.PublicKey) {
		t.Helper()
		kind := "ed25519"
		if rsa {
			kind = "rsa"
		}
		key, err := sshd.NewKey(kind)
		if err != nil {
			t.Fatal(err)
		}
		s := sshd.Start(t, sshd.Options{Program: program, HostKeys: []crypto.Signer{key}, Lines: []string{"KexAlgorithms " + method}})
		return s.Address(), s.HostKeys
	}
}

func gatewayRecorded(t *testing.T, _, method string, _ bool) (string, []ssh.PublicKey) {
	t.Helper()
	g := &gateway.Gateway{KeyExchanges: []string{method}}
	if err := g.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	var keys []ssh.PublicKey
	for _, k := range g.HostKeys {
		keys = append(keys, k.PublicKey())
	}
	return g.Addr(), keys
}

func dropbearRecorded(t *testing.T, dir, _ string, _ bool) (string, []ssh.PublicKey) {
	t.Helper()
	key := filepath.Join(dir, "host_key")
	out := run(t, "dropbearkey", "-t", "ed25519", "-f", key)
	return inetd(t, "dropbear", "-i", "-r", key), publicKeys(t, out)
}

func tinysshdRecorded(t *testing.T, dir, method string, _ bool) (string, []ssh.PublicKey) {
	t.Helper()
	keys := filepath.Join(dir, "keys")
	run(t, "tinysshd-makekey", keys)
	args := []string{"-Q", keys}
	if !strings.Contains(method, "sntrup") {
		args = []string{"-Q", "-P", keys}
	}
	return inetd(t, "tinysshd", args...), publicKeys(t, run(t, "tinysshd-printkey", keys))
}
