//go:build linux

package outpost

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"clever-ssh/outpost/wire"
)

// listener is what a TypeListen stream asks for.
type listener struct {
	sockets []net.Listener
	path    string // of a Unix socket
	file    os.FileInfo
	waiting chan connection
	closed  chan struct{}
	loops   sync.WaitGroup
}

func newListener(sockets ...net.Listener) *listener {
	l := &listener{sockets: sockets, waiting: make(chan connection), closed: make(chan struct{})}
	for _, socket := range sockets {
		l.loops.Add(1)
		go l.accept(socket)
	}
	return l
}

// accept takes the next connection once somebody wants the one before. The others wait in the kernel, which
// bounds them.
func (l *listener) accept(socket net.Listener) {
	defer l.loops.Done()
	for {
		conn, err := socket.Accept()
		if err != nil {
			select {
			case <-l.closed:
				return
			case <-time.After(100 * time.Millisecond): // too many files are open, or the peer is gone
				continue
			}
		}
		select {
		case l.waiting <- conn.(connection):
		case <-l.closed:
			conn.Close()
			return
		}
	}
}

// close ends the listener. It removes its path, unless another socket has taken it.
func (l *listener) close() {
	close(l.closed)
	for _, socket := range l.sockets {
		socket.Close()
	}
	if l.file != nil {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			os.Remove(l.path)
		}
	}
	l.loops.Wait()
}

// listenTCP listens on loopback, also with IPv6 where possible.
func listenTCP(port uint32) (*listener, uint32, error) {
	if port > 65535 {
		return nil, 0, errors.New("no such port")
	}
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return nil, 0, err
	}
	got := first.Addr().(*net.TCPAddr).Port
	sockets := []net.Listener{first}
	if second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(got))); err == nil {
		sockets = append(sockets, second)
	}
	return newListener(sockets...), uint32(got), nil
}

// maxSocketPath is how long the path of a Unix socket may be.
const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

// listenUnix listens at a path that must not exist yet. Only this account can connect.
func listenUnix(path string) (*listener, error) {
	if path == "" || path[0] == '@' {
		return nil, syscall.ENOENT
	}
	if len(path) > maxSocketPath {
		return nil, errors.New("the path of the socket is too long")
	}
	// Linux gives the file the mode that the socket has before it is bound.
	private := func(_, _ string, c syscall.RawConn) (err error) {
		if failed := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); failed != nil {
			return failed
		}
		return err
	}
	config := net.ListenConfig{Control: private}
	socket, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	socket.(*net.UnixListener).SetUnlinkOnClose(false)
	file, err := os.Lstat(path)
	if err != nil {
		socket.Close()
		return nil, err
	}
	l := newListener(socket)
	l.path, l.file = path, file
	return l, nil
}

// listen serves a listener, which lives as long as the stream.
func (s *stream) listen(request *wire.Listen) {
	var l *listener
	var port uint32
	var err error
	switch request.Network {
	case wire.TCP:
		l, port, err = listenTCP(request.Port)
	case wire.Unix:
		l, err = listenUnix(request.Path)
	case wire.Agent:
		l, err = s.server.listenAgent(request.Name)
		if err == nil {
			defer s.server.forgetAgent(request.Name)
		}
	default:
		err = errors.New("no such network")
	}
	if err != nil {
		s.fail(reason(err))
		return
	}
	defer l.close()
	number := s.server.add(l)
	defer s.server.remove(number)
	if s.begun(wire.Begun{Listener: number, Port: port}) == nil {
		s.receive(nil)
	}
}

// accept serves a listener's next connection.
func (s *stream) accept(number uint32) {
	ctx, cancel := context.WithCancel(context.Background())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		l := s.server.listener(number)
		if l == nil {
			s.fail("no such listener")
			return
		}
		select {
		case conn := <-l.waiting:
			b := wire.Begun{}
			if peer, err := netip.ParseAddrPort(conn.RemoteAddr().String()); err == nil {
				b.Address, b.Port = peer.Addr().String(), uint32(peer.Port())
			}
			s.carry(ctx, conn, b)
		case <-l.closed:
			s.fail("the listener has ended")
		case <-ctx.Done():
		}
	}()
	s.receive(nil)
	cancel()
	<-finished
}
