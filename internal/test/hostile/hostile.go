// Package hostile is an SSH server that lies, for testing whatever is between it and a client. A script decides what
// it sends, message by message: it can follow the protocol up to the client's first encrypted message, or leave it at
// any byte. The server records what the client did, no matter what the script looked at.
//
//	server, err := hostile.Listen(func(c *hostile.Conn) {
//		c.Identify()
//		c.KexInit(hostile.Offer("curve25519-sha256", "ssh-ed25519"))
//		c.ReadKexInit()
//		reply := c.ReadCurve25519()
//		c.Packet(reply(hostile.Identity{Shown: pinned, Signer: mine}))
//		c.NewKeys()
//		c.Wait()
//	})
package hostile

import (
	"errors"
	"net"
	"sync"
	"time"
)

// Server runs a script for each connection. It listens on 127.0.0.1 only.
type Server struct {
	listener *net.TCPListener
	script   func(*Conn)
	work     sync.WaitGroup

	mu    sync.Mutex
	conns []*Conn
}

// Listen starts a server on a free port.
func Listen(script func(*Conn)) (*Server, error) {
	listener, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, script: script}
	s.work.Go(s.accept)
	return s, nil
}

// Port is the port that the server listens on.
func (s *Server) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// Addr is the host:port that the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

func (s *Server) accept() {
	for {
		socket, err := s.listener.AcceptTCP()
		if err != nil {
			return
		}
		c := newConn(socket)
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
		s.work.Go(func() { c.serve(s.script) })
	}
}

// Close stops listening and waits for the clients to end their connections. It breaks off those that are still open
// when the patience is over, and returns an error if there were any.
func (s *Server) Close(patience time.Duration) error {
	s.listener.Close()
	ended := make(chan struct{})
	go func() {
		s.work.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(patience):
	}
	s.mu.Lock()
	for _, c := range s.conns {
		c.socket.Close()
	}
	s.mu.Unlock()
	<-ended
	return errors.New("the client did not end the connection")
}

// Record is what a client did on one connection.
type Record struct {
	Identification string // its first line, without the line end
	Messages       []byte // the numbers of its cleartext messages, in order
	NewKeys        bool   // its NEWKEYS arrived
	After          int    // bytes after its NEWKEYS: the client goes on to authenticate
	Garbled        bool   // the data was not SSH, so the other fields mean nothing
}

// Records returns what the clients have done so far, one record per connection, in the order of the connections.
func (s *Server) Records() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Record
	for _, c := range s.conns {
		list = append(list, c.Record())
	}
	return list
}
