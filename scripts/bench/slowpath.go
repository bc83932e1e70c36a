package main

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// slowPath passes connections on to an address, each byte after a while.
type slowPath struct {
	net.Listener
	delay atomic.Int64 // in nanoseconds, in each direction
}

func startPath(to string) (*slowPath, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &slowPath{Listener: l}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			go p.carry(far, near)
			go p.carry(near, far)
		}
	}()
	return p, nil
}

// carry copies in one direction, and keeps the order.
func (p *slowPath) carry(to, from net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1000)
	go func() {
		defer to.(*net.TCPConn).CloseWrite()
		for piece := range pieces {
			time.Sleep(time.Until(piece.due))
			if _, err := to.Write(piece.data); err != nil {
				from.Close()
				io.Copy(io.Discard, from)
			}
		}
	}()
	defer close(pieces)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if n > 0 {
			pieces <- piece{data[:n], time.Now().Add(time.Duration(p.delay.Load()))}
		}
		if err != nil {
			return
		}
	}
}
