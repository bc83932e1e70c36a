//go:build unix

package listen

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// The account's keys are those that it can use. A public key from somebody else is not, nor is one that others
// could have put there.
func TestKeys(t *testing.T) {
	base := t.TempDir()
	folder := filepath.Join(base, "ssh")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(base, name)
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	public := func(own bool) string {
		_, signer := test.NewKey(t)
		if own {
			want = append(want, ssh.FingerprintSHA256(signer.PublicKey()))
		}
		return string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	}
	write("ssh/id", "", 0o600)
	write("ssh/id.pub", public(true), 0o644)
	write("ssh/putty.ppk", "", 0o600)
	write("ssh/putty.pub", "# comment\n"+public(true), 0o600)
	write("named.pem", "", 0o600)
	write("named.pem.pub", public(true), 0o600)
	write("ssh/colleague.pub", public(false), 0o644)
	write("ssh/open", "", 0o600)
	write("ssh/open.pub", public(false), 0o666)
	write("ssh/broken", "", 0o600)
	write("ssh/broken.pub", "ssh-ed25519 AAAA", 0o600)
	write("ssh/alone", "", 0o600)
	write("ssh/known_hosts", "host "+public(false), 0o600)
	if err := os.Mkdir(filepath.Join(folder, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("ssh/folder.pub", public(false), 0o600)

	_, issuer := test.NewKey(t)
	private, held := test.NewKey(t)
	certificate := &ssh.Certificate{Key: held.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	ring := agent.NewKeyring()
	if err := errors.Join(certificate.SignCert(rand.Reader, issuer), ring.Add(agent.AddedKey{PrivateKey: private}), ring.Add(agent.AddedKey{PrivateKey: private, Certificate: certificate})); err != nil {
		t.Fatal(err)
	}
	want = append(want, ssh.FingerprintSHA256(held.PublicKey()))
	write("ssh/certified", "", 0o600)
	write("ssh/certified.pub", string(ssh.MarshalAuthorizedKey(certificate)), 0o600)
	short := test.SocketFolder(t)
	socket := filepath.Join(short, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, c)
		}
	}()

	k := &Keys{agents: []string{socket, filepath.Join(short, "dead")}, files: []string{filepath.Join(base, "named.pem"), filepath.Join(base, "nosuch"), filepath.Join(folder, "id")}, folder: folder}
	got, problems := k.Look(context.Background())
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	var said []string
	for _, err := range problems {
		said = append(said, err.Error())
	}
	if len(said) != 2 || !strings.Contains(said[0], "dead does not answer") || !strings.Contains(said[1], "open.pub") {
		t.Errorf("the problems are %q", said)
	}
}
