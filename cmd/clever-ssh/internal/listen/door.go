package listen

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/crypto/ssh"
)

// errLeft says why a login ends that nobody waits for any more.
var errLeft = errors.New("the client left before the login was done")

// door lets one client in, or turns it away.
type door struct {
	server  *Server
	ctx     context.Context // of the server
	present context.Context // done when the client has left
	conn    net.Conn
	inTime  func() bool // ends the client's time to prove who it is, and reports whether it was in time

	keys   []string // the fingerprints of this account's keys; nil until the client offers one
	banner func(string) error

	user   string // the user name that the client gave
	key    string // the fingerprint of the last key that it offered
	known  bool   // whether that is one of this account's
	failed error  // why it cannot be served although it holds a key of this account's

	// About a client that is let in.
	alias   string
	options bridge.Options
	done    func()
}

// config makes the client prove that it holds a key; there is no other method.
func (d *door) config() *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		ServerVersion:             bridge.ServerVersion,
		MaxAuthTries:              maxTries,
		PublicKeyAuthAlgorithms:   ssh.SupportedAlgorithms().PublicKeyAuths, // the default includes SHA-1 and DSA
		PreAuthConnCallback:       func(c ssh.ServerPreAuthConn) { d.banner = c.SendAuthBanner },
		PublicKeyCallback:         d.knows,
		VerifiedPublicKeyCallback: d.letIn,
		AuthLogCallback:           func(c ssh.ConnMetadata, _ string, _ error) { d.user = c.User() },
	}
	for _, key := range d.server.HostKeys {
		config.AddHostKey(key)
	}
	return config
}

// errStranger refuses a key.
var errStranger = errors.New("this key does not belong to this account")

// knows accepts the keys of this account. Its timing does not tell how close a key comes to one of them.
func (d *door) knows(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if d.keys == nil {
		d.keys = d.server.Keys(d.ctx)
	}
	d.user, d.key = c.User(), ssh.FingerprintSHA256(key)
	known := 0
	for _, own := range d.keys {
		known |= subtle.ConstantTimeCompare([]byte(d.key), []byte(own))
	}
	if d.known = known == 1; !d.known {
		return nil, errStranger
	}
	return nil, nil
}

// errTurnedAway is for a client that has a key of this account's but gets no connection.
var errTurnedAway = errors.New("there is no connection for this client")

// letIn opens the way for a client that has proved that it holds a key of this account's. If that fails, it
// tells the client why, and the client must not try its other keys.
func (d *door) letIn(c ssh.ConnMetadata, key ssh.PublicKey, _ *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	if d.failed != nil || !d.inTime() {
		return nil, errTurnedAway
	}
	alias, options, done, err := d.server.Open(d.present, c.User())
	if err != nil {
		d.failed = err
		var words strings.Builder
		ui.Error(&words, err)
		d.banner(words.String())
		d.conn.SetReadDeadline(time.Unix(1, 0)) // our message still reaches the client
		return nil, errTurnedAway
	}
	d.alias, d.options, d.done = alias, options, done
	ui.Note(d.server.Log, "%s: %s logged in with the key %s", alias, d.conn.RemoteAddr(), d.key)
	return nil, nil
}
