// Package bridge runs commands on an instance whose gateway has interactive sessions only, and serves them to an SSH
// client: exec, shell and subsystem requests, terminals, and connections to the instance's network.
//
// The client speaks SSH with this package over a pipe, as with any server; for each of its sessions, the system's own ssh
// opens a session at the gateway, where a shell reads commands from its stdin. The package writes a script there
// that prints a random marker and then runs the client's command in that shell's place. What came before the marker is the
// gateway's talk; what comes after it, in either direction, is the command's, byte for byte.
//
// It promises that nothing of the client's data reaches a shell as a command, or the gateway as an answer; that
// stdout and stderr hold what the command wrote and nothing else; that a command ends with its client; and that what is
// in memory has a bound, whoever stalls. It holds no key and sees no password: ssh logs in, and checks the gateway.
package bridge

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options tell how to reach the instance.
type Options struct {
	// Inner returns a command, not started, that runs ssh to the instance: with -T, or with -tt if tty is set. It is
	// called once for each session, from several goroutines. Its ssh must not read from stdin, nor forward anything,
	// on its own account. Required.
	Inner func(tty bool) *exec.Cmd

	// Ended, if set, is asked about each command of Inner's once, when it has ended or could not be started.
	Ended func(*exec.Cmd) End

	// HostKey is what Serve shows to the client. Required there.
	HostKey ssh.Signer

	// Target is the target of the alias. An exec of exactly this is the interactive session: that is what an ssh sends
	// that shares another's connection.
	Target string

	// Prepare, if set, is called once by Serve, while the client waits to be let in and has not taken the terminal
	// into its hands yet. That is the time to log in, with a person's help maybe, so that the sessions can share the
	// connection. Its error is the client's.
	Prepare func(context.Context) error

	// Message, if set, words an error for the client's user, in printable lines with their line ends. Otherwise the user
	// reads err.Error(). What the gateway said before the error is in NoiseOf(err).
	Message func(error) string

	// Reason, if set, words an error for a client that shows it after words of its own: why there is no connection
	// through the instance. Otherwise that is err.Error().
	Reason func(error) string

	// Warn, if set, is told of what does not end a session.
	Warn func(error)

	// Waiting, if set, is called once, when a command has waited for some seconds for a shell on the instance: the gateway takes
	// its time, or ssh waits for a person.
	Waiting func()

	// Noise, if set, is told what came before a command that did begin, or is tried again, in printable lines. It is for a person who has
	// asked ssh to be verbose.
	Noise func(string)

	// ConnectTimeout is the patience with an ssh from which nothing has come: it may be waiting for a person.
	// StartTimeout is the patience with the other side from its first byte to the command's begin. DefaultConnectTimeout
	// and DefaultStartTimeout if zero.
	ConnectTimeout, StartTimeout time.Duration
}

const (
	DefaultConnectTimeout = 2 * time.Minute
	DefaultStartTimeout   = 30 * time.Second
)

// End is what is known of the end of an ssh besides its exit status, which is 255 for much.
type End struct {
	Err      error       // why it did not get as far as a session; nil if it did, or nothing is known
	LoggedIn bool        // the gateway let it in
	Lost     func() bool // tells whether the connection ended, and not the command; nil if nothing is known
}

// bridge is the way to one instance.
type bridge struct {
	Options
	starting chan struct{} // holds one for each command that is about to begin
	helpers  sync.WaitGroup
	waiting  sync.Once

	hangUps sync.Mutex // held while one is on its way
	mu      sync.Mutex
	doomed  []process // those that the next one is for
}

func newBridge(o Options) *bridge {
	if o.Message == nil {
		o.Message = func(err error) string { return err.Error() + "\n" }
	}
	if o.Reason == nil {
		o.Reason = error.Error
	}
	if o.Ended == nil {
		o.Ended = func(*exec.Cmd) End { return End{} }
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.StartTimeout == 0 {
		o.StartTimeout = DefaultStartTimeout
	}
	return &bridge{Options: o, starting: make(chan struct{}, maxStarting)}
}

// Run runs one command on the instance, without an SSH client and without a terminal, and returns its exit status. An
// error means that it did not begin, that ctx was done, which ends it, or that its end is not known. A read from stdin may still be under way when
// Run returns.
//
// The error is a *QuestionError, *RefusedError, *ClosedError, *SilentError or ctx.Err(), or ssh could not be started; or it is ErrLost,
// and the command may still run.
func Run(ctx context.Context, o Options, command string, stdin io.Reader, stdout, stderr io.Writer) (status int, err error) {
	b := newBridge(o)
	end, err := b.run(ctx, newScript(command, nil), streams{stdin, stdout, stderr})
	b.helpers.Wait()
	return end.status, err
}

// Serve is the SSH server of one client, which it reads from in and writes to out. It returns when the client has
// gone, or ctx is done, and the commands have ended; nil if the client was let in. A read from in may still be under
// way then, if ctx was done.
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) error {
	b := newBridge(o)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	prepared := func() error { return nil }
	if o.Prepare != nil {
		prepared = sync.OnceValue(func() error { return o.Prepare(ctx) })
		go prepared() // while keys are exchanged
	}
	type handshake struct {
		conn     *ssh.ServerConn
		channels <-chan ssh.NewChannel
		requests <-chan *ssh.Request
		err      error
	}
	shaken := make(chan handshake, 1)
	end := func(h handshake) {
		select {
		case shaken <- h:
		default: // it has ended already
		}
	}
	go func() {
		var h handshake
		conn := &pipe{in, out}
		// The read from in ends when the client has gone, and that may wait for us to end first, as PuTTY does.
		turnAway := func(err error) { conn.Close(); end(handshake{err: err}) }
		h.conn, h.channels, h.requests, h.err = ssh.NewServerConn(conn, b.serverConfig(turnAway, prepared))
		end(h)
	}()
	var h handshake
	select {
	case h = <-shaken:
	case <-ctx.Done():
		return ctx.Err()
	}
	if h.err != nil {
		if err := prepared(); err != nil {
			return err
		}
		return fmt.Errorf("the client: %w", h.err)
	}
	c := &client{bridge: b, conn: h.conn}
	c.serve(ctx, h.channels, h.requests)
	b.helpers.Wait()
	return nil
}

// serverConfig lets the client in: the pipe is its own. Most clients try without authentication first; some libraries
// know only keys and passwords, and any will do.
func (b *bridge) serverConfig(turnAway func(error), prepared func() error) *ssh.ServerConfig {
	var banner func(string) error
	letIn := func() (*ssh.Permissions, error) {
		err := prepared()
		if err != nil {
			// The client must not try its keys now, or ask for a password.
			banner(b.Message(err))
			turnAway(err)
		}
		return nil, err
	}
	config := &ssh.ServerConfig{
		ServerVersion:        "SSH-2.0-OpenSSH_clever-ssh", // ssh tells others not that nobody reads the output (eow@openssh.com)
		NoClientAuth:         true,
		PreAuthConnCallback:  func(c ssh.ServerPreAuthConn) { banner = c.SendAuthBanner },
		NoClientAuthCallback: func(ssh.ConnMetadata) (*ssh.Permissions, error) { return letIn() },
		PublicKeyCallback:    func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return letIn() },
		PasswordCallback:     func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return letIn() },
	}
	config.AddHostKey(b.HostKey)
	return config
}
