package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// loginName is the only user that the gateway accepts.
const loginName = "ssh"

// serve speaks SSH with one client until the connection ends, and returns when its sessions have ended too.
func (g *Gateway) serve(conn *net.TCPConn) {
	client := conn.RemoteAddr()
	g.logf("%s: connected", client)
	defer g.logf("%s: disconnected", client)
	if g.breakOff(conn) {
		return
	}
	io.WriteString(conn, g.Preface)
	var stream net.Conn = conn
	if g.MostIdle > 0 {
		stream = idling{conn, g.MostIdle}
	}
	server, channels, requests, err := ssh.NewServerConn(stream, g.serverConfig(conn))
	if err != nil {
		g.logf("%s: %v", client, err)
		return
	}
	account := server.Permissions.ExtraData[accountKey{}].(*Account)

	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		for request := range requests {
			if g.grants(request.Type) {
				request.Reply(true, ssh.Marshal(struct{ Port uint32 }{1}))
				continue
			}
			g.refused(request.Type)
			request.Reply(false, nil)
		}
	})
	limit := &limiter{most: g.MostSessions}
	for channel := range channels {
		if g.grants(channel.ChannelType()) {
			work.Go(func() { grant(channel) })
			continue
		}
		if channel.ChannelType() != "session" {
			g.refused(channel.ChannelType())
			channel.Reject(ssh.Prohibited, "the gateway has sessions only")
			continue
		}
		if !limit.enter() {
			g.refused("session")
			channel.Reject(ssh.ConnectionFailed, "open failed")
			continue
		}
		work.Go(func() {
			defer limit.leave()
			channel, requests, err := channel.Accept()
			if err != nil {
				return
			}
			session := &session{gateway: g, account: account, conn: conn, channel: channel}
			session.serve(requests)
		})
	}
}

// accountKey is the key of the logged-in account in the connection's permissions.
type accountKey struct{}

// serverConfig makes the configuration of one connection. Like the real gateway, it offers passwords; none is right.
func (g *Gateway) serverConfig(conn *net.TCPConn) *ssh.ServerConfig {
	var offered string // the fingerprint of the key offered last; the callbacks are called one after the other
	config := &ssh.ServerConfig{
		Config:        ssh.Config{KeyExchanges: g.KeyExchanges},
		ServerVersion: identification,
		PublicKeyCallback: func(login ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			offered = ssh.FingerprintSHA256(key)
			account := g.accountOf(key)
			if login.User() != loginName || account == nil {
				return nil, errors.New("permission denied")
			}
			return &ssh.Permissions{ExtraData: map[any]any{accountKey{}: account}}, nil
		},
		PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			return nil, errors.New("permission denied")
		},
		AuthLogCallback: func(login ssh.ConnMetadata, method string, err error) {
			attempt := Attempt{Method: method, User: login.User(), Accepted: err == nil}
			if method == "publickey" {
				attempt.Fingerprint = offered
			}
			g.logf("%s: authentication: %+v", login.RemoteAddr(), attempt)
			g.record(func(events *Events) { events.Attempts = append(events.Attempts, attempt) })
		},
	}
	if g.Fail == AtAuthentication {
		config.PreAuthConnCallback = func(ssh.ServerPreAuthConn) { conn.CloseWrite() }
	}
	g.change(config)
	for _, key := range g.HostKeys {
		if g.Fail == AtKeyExchange {
			key = silentSigner{key}
		}
		config.AddHostKey(key)
	}
	return config
}

// checkKeyExchanges returns an error for a key exchange method unknown to golang.org/x/crypto/ssh, which would
// silently leave it out.
func (g *Gateway) checkKeyExchanges() error {
	known := slices.Concat(ssh.SupportedAlgorithms().KeyExchanges, ssh.InsecureAlgorithms().KeyExchanges)
	for _, name := range g.KeyExchanges {
		if !slices.Contains(known, name) {
			return fmt.Errorf("key exchange method %q is not one of %q", name, known)
		}
	}
	return nil
}
