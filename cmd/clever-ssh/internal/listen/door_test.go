package listen

import (
	"context"
	"io"
	"net"
	"testing"

	"clever-ssh/bridge"
	"clever-ssh/internal/test"

	"golang.org/x/crypto/ssh"
)

// The login for a client stops when that client leaves: nobody waits for it any more, and it may be asking for a
// passphrase.
func TestClientLeavesDuringLogin(t *testing.T) {
	_, key := test.NewKey(t)
	_, hostKey := test.NewKey(t)
	opening, opened := make(chan struct{}), make(chan error)
	s := &Server{
		HostKeys: []ssh.Signer{hostKey},
		Keys:     func(context.Context) []string { return []string{ssh.FingerprintSHA256(key.PublicKey())} },
		Open: func(ctx context.Context, user string) (alias string, o bridge.Options, done func(), err error) {
			close(opening)
			<-ctx.Done()
			opened <- context.Cause(ctx)
			return "", o, nil, context.Cause(ctx)
		},
		Log: io.Discard,
	}
	listeners, err := Loopback(0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(ctx, listeners...)
	}()
	conn, err := net.Dial("tcp", listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	go ssh.NewClientConn(conn, "", &ssh.ClientConfig{User: "web", Auth: []ssh.AuthMethod{ssh.PublicKeys(key)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	test.Within(t, "the login", opening)
	conn.Close()
	if err := test.Within(t, "the end of the login", opened); err != errLeft {
		t.Errorf("it ends with %v", err)
	}
	stop()
	test.Within(t, "the end of the server", served)
}
