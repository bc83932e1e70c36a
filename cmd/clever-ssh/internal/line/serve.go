package line

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
	"clever-ssh/outpost/wire"
)

// Settings are the settings of a process that keeps a line.
type Settings struct {
	Alias  string        // for Status
	Socket string        // its path, in a private folder
	Keep   time.Duration // how long the line stays without streams
	Start  Start
	Dead   func() // called if the connection turns out to be dead; may be nil
}

// failedFor is how long a line that never started keeps telling why, before another try may begin. An instance
// that cannot have an outpost will not be able to soon; any other obstacle may be gone in a moment.
const failedFor = 3 * time.Second

// Serve keeps a line until it has been unused for long enough, or has ended. It returns nil at once if another
// process keeps this line.
func Serve(ctx context.Context, s Settings) error {
	release, err := atomicfile.Guard(s.Socket, 0)
	if errors.Is(err, atomicfile.ErrHeld) {
		return nil
	} else if err != nil {
		return err
	}
	defer release()
	os.Remove(s.Socket) // left by a process that was killed
	listener, err := listen(s.Socket)
	if err != nil {
		return err
	}
	keep(ctx, s, listener)
	return nil
}

// keep serves the clients of a listener, and closes it. When keep returns, nobody is served any more.
func keep(ctx context.Context, s Settings, listener net.Listener) {
	defer listener.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &server{settings: s, keeper: begin(ctx, s.Start), end: cancel, conns: map[net.Conn]struct{}{}}
	server.clients.Go(func() { server.accept(listener) })
	server.wait(ctx)
	listener.Close()
	server.linger(ctx)
	cancel()
	<-server.keeper.over
	time.AfterFunc(lastReads, server.cutOff)
	if server.keeper.dead && s.Dead != nil {
		s.Dead()
	}
	server.clients.Wait()
}

// server serves the bridges of one line.
type server struct {
	settings Settings
	keeper   *keeper
	end      func()
	clients  sync.WaitGroup // and the accept that adds them

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// wait returns when nobody uses the line any more.
func (s *server) wait(ctx context.Context) {
	select {
	case <-s.keeper.settled:
	case <-ctx.Done():
		return
	}
	if s.keeper.session == nil {
		linger := failedFor
		if errors.As(s.keeper.err, new(*bridge.UnfitError)) {
			linger = max(s.settings.Keep, linger)
		}
		select {
		case <-time.After(linger):
		case <-ctx.Done():
		}
		return
	}
	for {
		left := s.settings.Keep - s.keeper.idle()
		if left <= 0 {
			return
		}
		select {
		case <-time.After(left):
		case <-s.keeper.over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// linger waits for the streams of clients that connected just before the listener closed.
func (s *server) linger(ctx context.Context) {
	for s.keeper.streams.Load() > 0 {
		select {
		case <-time.After(acceptPause):
		case <-s.keeper.over:
			return
		case <-ctx.Done():
			return
		}
	}
}

// acceptPause is the pause before another try.
const acceptPause = 100 * time.Millisecond

// lastReads is how long clients may read data that came before a line ended. No other line can start while one
// reads.
const lastReads = 2 * time.Second

func (s *server) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many files are open for the moment
			time.Sleep(acceptPause)
			continue
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.clients.Go(func() {
			defer func() {
				conn.Close()
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
			}()
			if ownPeer(conn) == nil {
				s.serve(conn)
			}
		})
	}
}

// serve carries out a client's order.
func (s *server) serve(conn net.Conn) {
	var order [1]byte
	conn.SetReadDeadline(time.Now().Add(orderTime))
	if _, err := conn.Read(order[:]); err != nil {
		return
	}
	conn.SetReadDeadline(time.Time{})
	switch order[0] {
	case orderStatus:
		text, _ := json.Marshal(s.status())
		wire.Write(conn, wire.TypeNote, text)
	case orderClose:
		s.end()
		<-s.keeper.over
		wire.Write(conn, wire.TypeNote, nil)
	case orderWait:
		if s.await(conn) {
			s.stream(conn)
		}
	case orderOpen:
		select {
		case <-s.keeper.settled:
			s.stream(conn)
		default:
			wire.Write(conn, wire.TypeNote, nil)
		}
	}
}

// await waits until the line is settled, and reports whether the client waited that long.
func (s *server) await(conn net.Conn) bool {
	gone := make(chan struct{})
	go func() {
		conn.Read(make([]byte, 1)) // a waiting client sends nothing
		close(gone)
	}()
	select {
	case <-s.keeper.settled:
	case <-gone:
		return false
	}
	conn.SetReadDeadline(time.Now())
	<-gone
	conn.SetReadDeadline(time.Time{})
	return true
}

func (s *server) status() Status {
	now := Status{Alias: s.settings.Alias, State: Starting}
	select {
	case <-s.keeper.settled:
	default:
		return now
	}
	if err := s.keeper.why(); err != nil {
		now.State, now.Reason = Failed, quote.Lines(err.Error())
		return now
	}
	now.State, now.Streams = Ready, s.keeper.streams.Load()
	now.RoundTrip = s.keeper.roundTrip()
	return now
}

// stream gives a client a stream over the line. The stream begins with the client's first byte: a client that
// sends nothing was only checking.
func (s *server) stream(conn net.Conn) {
	if err := s.keeper.why(); err != nil {
		if s.keeper.session == nil { // otherwise a new line may work
			wire.Write(conn, wire.TypeFailed, []byte(quote.Lines(err.Error())))
		}
		return
	}
	s.keeper.streams.Add(1)
	defer s.keeper.streams.Add(-1)
	s.keeper.touch()
	defer s.keeper.touch()
	if wire.Write(conn, wire.TypeBegun, nil) != nil {
		return
	}
	buf := make([]byte, wire.LeastBuffer)
	n, err := conn.Read(buf)
	if err != nil {
		return
	}
	st, done, err := s.keeper.stream()
	if err != nil {
		return
	}
	defer done()
	relay(conn, st, buf[:n])
}
