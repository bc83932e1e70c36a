//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// dbServer is a database that serves TLS with a certificate for localhost.
type dbServer struct {
	port int    // on localhost; answers with TLS if the client wants it
	tls  int    // a port for TLS alone, if the server has one
	ca   string // the file of the certificate that signed its own
}

const (
	dbUser     = "owner"
	dbPassword = "p@ss:w/rd %?&'$(id)" // which means something to URLs and shells
)

// serverFolder is a folder that another account can read, if root makes it.
func serverFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "db-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(folder) })
	must(t, os.Chmod(folder, 0o755), writeCertificates(folder))
	return folder
}

// writeCertificates makes a CA, and with it a certificate for localhost: ca.pem, server.pem, server.key.
func writeCertificates(folder string) error {
	sign := func(
		template, parent *x509.Certificate, with *ecdsa.PrivateKey,
	) (*x509.Certificate, *ecdsa.PrivateKey, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		if with == nil {
			parent, with = template, key
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), with)
		if err != nil {
			return nil, nil, err
		}
		made, err := x509.ParseCertificate(der)
		return made, key, err
	}
	ca, caKey, err := sign(&x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a CA of this test"},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	if err != nil {
		return err
	}
	server, key, err := sign(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
	}, ca, caKey)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	write := func(name, kind string, der []byte, mode os.FileMode) error {
		return os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
	}
	return errors.Join(err, write("ca.pem", "CERTIFICATE", ca.Raw, 0o644),
		write("server.pem", "CERTIFICATE", server.Raw, 0o644), write("server.key", "PRIVATE KEY", secret, 0o600))
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// runServer runs a server until the test's end, once it listens.
func runServer(t *testing.T, cmd *exec.Cmd, ports ...int) {
	t.Helper()
	said := &lines{}
	cmd.Stdout, cmd.Stderr = said, said
	must(t, cmd.Start())
	gone := make(chan struct{})
	go func() {
		cmd.Wait()
		close(gone)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		<-gone
	})
	for _, port := range ports {
		test.Eventually(t, cmd.Path, func() bool {
			select {
			case <-gone:
				t.Fatalf("%s has ended:\n%s", cmd.Path, said)
			default:
			}
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

// startPostgreSQL starts a server with a database that belongs to dbUser. The server's account is not root.
func startPostgreSQL(t *testing.T) dbServer {
	t.Helper()
	needPrograms(t)
	test.Need(t, "psql", "pg_dump")
	initdb, err := exec.LookPath("initdb")
	if err != nil { // Debian has it in no PATH
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
		if len(found) == 0 {
			test.Missing(t, "PostgreSQL's initdb")
		}
		initdb = found[len(found)-1]
	}
	initdb, err = filepath.EvalSymlinks(initdb)
	must(t, err)
	folder := serverFolder(t)
	data := filepath.Join(folder, "data")
	must(t, os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(folder, "password"), []byte(dbPassword+"\n"), 0o644))
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(filepath.Dir(initdb), name), args...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "LC_ALL=C", "HOME="+folder)
		return cmd
	}
	as := func(cmd *exec.Cmd) *exec.Cmd { return cmd }
	if os.Geteuid() == 0 {
		account, err := user.Lookup("nobody")
		must(t, err)
		uid, err := strconv.Atoi(account.Uid)
		must(t, err)
		for _, file := range []string{data, filepath.Join(folder, "server.key")} {
			must(t, os.Chown(file, uid, -1))
		}
		as = func(cmd *exec.Cmd) *exec.Cmd {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
			return cmd
		}
	}
	runs(t, as(command("initdb", "-D", data, "-U", dbUser, "-A", "scram-sha-256",
		"--pwfile="+filepath.Join(folder, "password"), "-N", "-E", "UTF8")))
	s := dbServer{port: freePort(t), ca: filepath.Join(folder, "ca.pem")}
	runServer(t, as(command("postgres", "-D", data, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "ssl=on", "-c", "ssl_cert_file="+filepath.Join(folder, "server.pem"),
		"-c", "ssl_key_file="+filepath.Join(folder, "server.key"))), s.port)
	return s
}

// startRedis starts a server that knows dbPassword, with and without dbUser.
func startRedis(t *testing.T) dbServer {
	t.Helper()
	needPrograms(t)
	test.Need(t, "redis-server", "redis-cli")
	folder := serverFolder(t)
	s := dbServer{port: freePort(t), tls: freePort(t), ca: filepath.Join(folder, "ca.pem")}
	config := fmt.Sprintf("bind 127.0.0.1\nport %d\ntls-port %d\ntls-cert-file server.pem\ntls-key-file server.key\n"+
		"tls-ca-cert-file ca.pem\ntls-auth-clients no\nsave \"\"\n", s.port, s.tls)
	config += fmt.Sprintf("requirepass %q\nuser %s on \">%s\" ~* +@all\n",
		dbPassword, dbUser, strings.ReplaceAll(dbPassword, `"`, `\"`))
	must(t, os.WriteFile(filepath.Join(folder, "redis.conf"), []byte(config), 0o600))
	cmd := exec.Command("redis-server", "redis.conf")
	cmd.Dir = folder
	runServer(t, cmd, s.port, s.tls)
	return s
}
