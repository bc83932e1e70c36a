//go:build linux

package outpost

import (
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/yamux"

	"clever-ssh/outpost/wire"
)

// Options tell how an outpost serves.
type Options struct {
	// Folder is a private folder for the sockets of agents. Without one, agents do not work.
	Folder string
	// Silence ends the outpost if not one byte comes for that long. Zero means never.
	Silence time.Duration
}

const (
	// maxStreams is how many streams may be open at once.
	maxStreams = 8192
	// shrinking is how often idle streams give back their buffers.
	shrinking = 10 * time.Second
)

// server serves one line.
type server struct {
	options Options
	session *yamux.Session
	streams sync.WaitGroup

	mu        sync.Mutex
	open      map[*stream]struct{}
	listeners map[uint32]*listener
	agents    map[string]*agent
}

// Serve serves the streams of a line until conn ends. It then hangs up everything that it started, and its
// listeners and sockets are gone before it returns. It closes conn. The error says why the line ended; it is
// nil if the other side ended it.
func Serve(conn io.ReadWriteCloser, o Options) error {
	s := &server{
		options: o,
		open:    map[*stream]struct{}{}, listeners: map[uint32]*listener{}, agents: map[string]*agent{},
	}
	line := &line{ReadWriteCloser: conn, ended: s.wake}
	session, err := wire.Far(line)
	if err != nil {
		return err
	}
	s.session = session
	ended := make(chan struct{})
	go s.watch(line, ended)
	err = s.accept()
	close(ended)
	session.Close()
	s.streams.Wait()
	if err == io.EOF {
		return nil
	}
	return err
}

func (s *server) accept() error {
	for {
		conn, err := s.session.AcceptStream()
		if err != nil {
			return err
		}
		n := s.session.NumStreams()
		if n > 2*maxStreams {
			return wire.ErrMalformed
		}
		if n > maxStreams {
			conn.Close()
			continue
		}
		s.streams.Add(1)
		go func() {
			defer s.streams.Done()
			s.serve(newStream(s, conn))
		}()
	}
}

// watch ends the session when the line is silent for too long, and makes idle streams give back their buffers.
func (s *server) watch(line *line, ended <-chan struct{}) {
	interval := shrinking
	if s.options.Silence > 0 {
		interval = min(interval, max(s.options.Silence/4, time.Millisecond))
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	var before uint64
	since := time.Now()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
		if now := line.read.Load(); now != before {
			before, since = now, time.Now()
		} else if s.options.Silence > 0 && time.Since(since) >= s.options.Silence {
			s.wake()
			s.session.Close()
			return
		}
		s.mu.Lock()
		for stream := range s.open {
			stream.conn.Shrink()
		}
		s.mu.Unlock()
	}
}

// add registers a listener under a number that a stream cannot guess.
func (s *server) add(l *listener) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		n := rand.Uint32()
		if s.listeners[n] == nil {
			s.listeners[n] = l
			return n
		}
	}
}

func (s *server) remove(number uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, number)
}

func (s *server) listener(number uint32) *listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners[number]
}

// wake makes everything that waits on a stream fail, because the line is ending. yamux would leave it all
// running in circles until the last stream is closed, which takes very long with thousands of them.
func (s *server) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.open {
		stream.conn.SetDeadline(time.Unix(1, 0))
	}
}

// line counts what is read, and calls ended when no more will come.
type line struct {
	io.ReadWriteCloser
	ended func()
	read  atomic.Uint64
}

func (l *line) Read(b []byte) (int, error) {
	n, err := l.ReadWriteCloser.Read(b)
	l.read.Add(uint64(n))
	if err != nil {
		l.ended()
	}
	return n, err
}
