package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Serve is the SSH server of one client. It reads from the client on in, and writes to it on out. It returns
// when the client has gone, or ctx is done, and the commands have ended. A client that goes before it is let in
// ends Prepare. The error is nil if the client was let in. If ctx was done, a read from in and a write to out may still
// be under way.
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := newBridge(o)
	admitted := make(chan admission, 1)
	conn := newPipe(in, out)
	conn.ended = b.options.Gone
	// A client that reads nothing must not keep us here.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(endGrace, conn.outbox.giveUp) })()
	prepared := func() error { return nil }
	if o.Prepare != nil {
		waitedFor, nobodyWaits := context.WithCancelCause(ctx)
		defer nobodyWaits(nil)
		conn.ended = func() {
			nobodyWaits(errClientGone)
			b.options.Gone()
		}
		prepared = sync.OnceValue(func() error { return o.Prepare(waitedFor) })
		go prepared() // while keys are exchanged
	}
	go func() { admitted <- admit(conn, b.options, prepared) }()
	var a admission
	select {
	case a = <-admitted:
	case <-ctx.Done():
		return ctx.Err()
	}
	if a.err != nil {
		conn.ended()
		if err := prepared(); err != nil && !errors.Is(err, errClientGone) {
			return err
		}
		return fmt.Errorf("the client: %w", a.err)
	}
	b.serve(ctx, conn, a)
	return nil
}

// errClientGone is why Prepare is cut short.
var errClientGone = errors.New("the client has gone")

// ServeConn is Serve for a client on the network. The configuration decides who is let in. Then ServeConn calls
// admitted once for the options, of which it uses none of HostKey, Prepare and Gone. It calls gone when it sees that
// the client has gone, perhaps more than once, also while the configuration still decides. The error says why the
// client was not let in. ServeConn closes the connection.
func ServeConn(ctx context.Context, conn net.Conn, config *ssh.ServerConfig, admitted func() Options, gone func()) error {
	defer conn.Close()
	// A client that reads nothing must not keep us here.
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now().Add(endGrace)) })()
	p := newPipe(conn, conn)
	p.ended = gone
	var a admission
	if a.conn, a.channels, a.requests, a.err = ssh.NewServerConn(p, config); a.err != nil {
		return a.err
	}
	newBridge(admitted()).serve(ctx, p, a)
	return nil
}

// serve serves a client that was let in. It returns when the client has gone, or ctx is done, and the commands
// have ended.
func (b *bridge) serve(ctx context.Context, conn *pipe, a admission) {
	c := &client{bridge: b, conn: a.conn, forwards: forwards{bridge: b}}
	c.serve(ctx, a.channels, a.requests)
	b.wait(refreshTime)
	conn.outbox.flush()
}

// admission is a client's connection after the handshake, or the reason why there is none.
type admission struct {
	conn     *ssh.ServerConn
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
	err      error
}

// admit shakes hands with a client.
func admit(conn *pipe, o Options, prepared func() error) admission {
	done := make(chan admission, 2)
	turnAway := func(err error) {
		conn.Close()
		done <- admission{err: err}
	}
	// In a goroutine: its read ends when the client has gone. A client that is turned away may wait for us to
	// go first, as PuTTY does.
	go func() {
		var a admission
		a.conn, a.channels, a.requests, a.err = ssh.NewServerConn(conn, serverConfig(o, turnAway, prepared))
		done <- a
	}()
	return <-done
}

// ServerVersion is the bridge's identification string. It says OpenSSH because ssh tells only OpenSSH when
// nobody reads the output any more (eow@openssh.com).
const ServerVersion = "SSH-2.0-OpenSSH_clever-ssh"

// serverConfig lets the client in without asking who it is, because the pipe belongs to the client. Most
// clients try without authentication first. Some libraries know only keys and passwords: any will do.
func serverConfig(o Options, turnAway func(error), prepared func() error) *ssh.ServerConfig {
	var banner func(string) error
	letIn := func() (*ssh.Permissions, error) {
		err := prepared()
		if err != nil {
			// The client must not try its keys now, or ask for a password.
			banner(o.Message(err))
			turnAway(err)
		}
		return nil, err
	}
	config := &ssh.ServerConfig{
		ServerVersion:        ServerVersion,
		NoClientAuth:         true,
		PreAuthConnCallback:  func(c ssh.ServerPreAuthConn) { banner = c.SendAuthBanner },
		NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) { return letIn() },
		PublicKeyCallback:    func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return letIn() },
		PasswordCallback:     func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return letIn() },
	}
	config.AddHostKey(o.HostKey)
	return config
}
