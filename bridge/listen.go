package bridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"clever-ssh/outpost/wire"

	"golang.org/x/crypto/ssh"
)

// listeners holds a client's listeners on the instance, at its outpost (RFC 4254, section 7.1; OpenSSH's
// PROTOCOL, section 2.4).
type listeners struct {
	bridge *bridge
	conn   *ssh.ServerConn
	ctx    context.Context // done when the client has gone, and with it all listeners

	mu   sync.Mutex
	open map[string]*listener // by the client's names for them
	work sync.WaitGroup

	startingAgent sync.Mutex
	agent         *listener // for all of the client's sessions

	pushed chan struct{} // one entry for each connection from the instance
}

func newListeners(ctx context.Context, b *bridge, conn *ssh.ServerConn) *listeners {
	return &listeners{bridge: b, conn: conn, ctx: ctx, open: map[string]*listener{}, pushed: make(chan struct{}, maxPushed)}
}

// maxPushed is how many connections the instance may have to a client's listeners at once.
const maxPushed = 1024

// listener is one of a client's listeners.
type listener struct {
	listeners *listeners
	what      string // for messages
	request   wire.Listen
	opening   func(*wire.Begun) (channelType string, payload []byte) // how to open a channel to the client

	end    context.CancelFunc
	target string
	begun  *wire.Begun
	stream *stream // the listener lives as long as this
}

// maxListeners is how many listeners a client may have.
const maxListeners = 64

// acceptors is how many connections a listener passes on without waiting.
const acceptors = 4

// listen starts a listener for a client's request, and returns the reply. It stops waiting for the instance when ctx
// is done.
func (l *listeners) listen(ctx context.Context, request *ssh.Request) (reply []byte, err error) {
	n := &listener{listeners: l}
	var key string
	if request.Type == "streamlocal-forward@openssh.com" {
		path, err := parseText(request.Payload)
		if err == nil {
			err = checkSocket(path)
		}
		if err != nil {
			return nil, err
		}
		key, n.what, n.request = path, "-R "+path, wire.Listen{Network: wire.Unix, Path: path}
		n.opening = func(*wire.Begun) (string, []byte) {
			return "forwarded-streamlocal@openssh.com", ssh.Marshal(struct{ Path, Reserved string }{path, ""})
		}
	} else {
		host, port, err := parseListen(request.Payload)
		if err != nil {
			return nil, err
		}
		n.what, n.request = fmt.Sprintf("-R %d", port), wire.Listen{Network: wire.TCP, Port: port}
		n.opening = func(from *wire.Begun) (string, []byte) {
			return "forwarded-tcpip", ssh.Marshal(struct {
				Host       string
				Port       uint32
				Originator string
				From       uint32
			}{host, n.request.Port, peerAddress(from.Address), from.Port})
		}
	}
	if err := l.start(ctx, n); err != nil {
		return nil, err
	}
	if n.request.Network == wire.TCP {
		asked := n.request.Port
		if asked == 0 {
			reply = ssh.Marshal(struct{ Port uint32 }{n.begun.Port})
		}
		n.request.Port = n.begun.Port // so that it gets the same port if it has to listen again
		key = listenKey(n.request.Port)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.open[key] != nil:
		err = fmt.Errorf("%s: this ssh listens there already", n.what)
	case len(l.open) >= maxListeners:
		err = fmt.Errorf("%s: more than %d listeners through one ssh", n.what, maxListeners)
	}
	if err != nil {
		n.stream.close()
		return nil, err
	}
	l.open[key] = n
	l.keep(n)
	return reply, nil
}

// cancel ends one of the client's listeners, and reports whether it existed.
func (l *listeners) cancel(request *ssh.Request) bool {
	key, err := parseText(request.Payload)
	if request.Type == "cancel-tcpip-forward" {
		var port uint32
		_, port, err = parseListen(request.Payload)
		key = listenKey(port)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.open[key]
	if err != nil || n == nil {
		return false
	}
	delete(l.open, key)
	n.end()
	return true
}

// forwardAgent makes the client's agent reachable on the instance until the client goes, and returns the name of the
// listener there. It stops waiting for the instance when ctx is done.
func (l *listeners) forwardAgent(ctx context.Context) (name string, err error) {
	l.startingAgent.Lock()
	defer l.startingAgent.Unlock()
	if l.agent == nil {
		random := make([]byte, 16)
		rand.Read(random)
		n := &listener{listeners: l, what: "-A", request: wire.Listen{Network: wire.Agent, Name: fmt.Sprintf("%x", random)}}
		n.opening = func(*wire.Begun) (string, []byte) { return "auth-agent@openssh.com", nil }
		if err := l.start(ctx, n); err != nil {
			return "", err
		}
		l.agent = n
		l.keep(n)
	}
	return l.agent.request.Name, nil
}

// parseListen reads the payload of a request for a TCP listener.
func parseListen(payload []byte) (host string, port uint32, err error) {
	var request struct {
		Host string
		Port uint32
	}
	if ssh.Unmarshal(payload, &request) != nil || request.Port > 65535 || len(request.Host) > 253 {
		return "", 0, errMalformed
	}
	return request.Host, request.Port, nil
}

func listenKey(port uint32) string { return ":" + strconv.Itoa(int(port)) }

// peerAddress returns the address that an outpost names, if it is one. The client shows it.
func peerAddress(text string) string {
	if ip := net.ParseIP(text); ip != nil {
		return ip.String()
	}
	return "127.0.0.1"
}

// start makes the outpost listen on the instance that is the right one now.
func (l *listeners) start(ctx context.Context, n *listener) error {
	s := l.bridge.starter
	if s.opener.options.Instance == All {
		return &AllError{"a tunnel"}
	}
	_, err := s.try(ctx, newScript("", nil), func(ctx context.Context, _ *script, target string) (job, error) {
		n.target = target
		conn, err := s.opener.open(ctx, target, true)
		if err != nil {
			return nil, s.opener.withoutOutpost(ctx, n.what, err)
		}
		n.stream, err = openStream(conn, wire.TypeListen, n.request.Payload())
		if err != nil {
			return nil, ErrBroken
		}
		stop := context.AfterFunc(ctx, n.stream.close)
		n.begun, err = n.stream.begun()
		if !stop() {
			err = ctx.Err()
		}
		if err != nil {
			n.stream.close()
			if isOutpostFailure(err) {
				err = fmt.Errorf("%s: the instance cannot listen there: %w", n.what, err)
			}
			return nil, err
		}
		if n.request.Network == wire.TCP && n.begun.Port == 0 {
			n.stream.close()
			return nil, wire.ErrMalformed
		}
		return nil, nil
	})
	return err
}

// keep serves a listener that has started until it is ended, or the client has gone. If its line breaks before
// that, keep listens again.
func (l *listeners) keep(n *listener) {
	ctx, end := context.WithCancel(l.ctx)
	n.end = end
	l.work.Go(func() {
		defer n.end()
		for pause := leastPause; ; pause = min(2*pause, mostPause) {
			if n.stream != nil {
				n.serve(ctx)
				n.stream, pause = nil, leastPause
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			if err := l.start(ctx, n); err != nil {
				n.stream = nil
				if ctx.Err() == nil && pause == leastPause {
					l.bridge.options.Warn(fmt.Errorf("%s: the instance no longer listens, trying again: %w", n.what, err))
				}
			}
		}
	})
}

// leastPause and mostPause bound the pause before it listens again.
const leastPause, mostPause = 500 * time.Millisecond, 30 * time.Second

// serve passes on the listener's connections until its stream ends, or ctx is done.
func (n *listener) serve(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	st := n.stream
	stop := context.AfterFunc(ctx, st.close)
	var all sync.WaitGroup
	for range acceptors {
		all.Go(func() {
			for ctx.Err() == nil && n.accept(ctx) {
			}
			st.close() // with too few acceptors the listener would not work, so it starts again
		})
	}
	for {
		if _, _, err := st.next(); err != nil {
			break
		}
	}
	stop()
	cancel()
	st.close()
	all.Wait()
}

// accept waits for a connection, and passes it to the client. It reports whether to wait for another one.
func (n *listener) accept(ctx context.Context) bool {
	l := n.listeners
	conn, err := l.bridge.starter.opener.open(ctx, n.target, false)
	if err != nil {
		return false
	}
	st, err := openStream(conn, wire.TypeAccept, wire.Uint32(n.begun.Listener))
	if err != nil {
		return false
	}
	stop := context.AfterFunc(ctx, st.close)
	from, err := st.begun()
	if !stop() || err != nil {
		st.close()
		return false
	}
	select {
	case l.pushed <- struct{}{}:
	case <-ctx.Done():
		st.close()
		return false
	}
	l.work.Go(func() {
		defer func() { <-l.pushed }()
		channelType, payload := n.opening(from)
		ch, requests, err := l.conn.OpenChannel(channelType, payload)
		if err != nil {
			st.close()
			return
		}
		(&connection{st}).carry(ctx, ch, requests)
	})
	return true
}
