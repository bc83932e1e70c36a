//go:build linux

package outpost

import (
	"net"
	"path/filepath"

	"clever-ssh/outpost/sftp"
	"clever-ssh/outpost/wire"
)

// files serves SFTP.
func (s *stream) files() {
	folder, _ := filepath.Abs(home()) // the working folder if there is no home
	server := sftp.New(folder, s.sendData)
	// A request may wait for the file system as long as it likes.
	defer func() { go server.Close() }()
	if s.begun(wire.Begun{}) != nil {
		return
	}
	s.deliver(packets{server, s}, func() {})
	s.receive(func(t wire.Type, _ []byte) error {
		if t != wire.TypeSignal && t != wire.TypeResize { // they mean nothing here
			return wire.ErrMalformed
		}
		return nil
	})
}

// packets takes the data of an SFTP client.
type packets struct {
	*sftp.Server
	stream *stream
}

// CloseWrite ends the session, as the end of its stdin would end a server.
func (p packets) CloseWrite() error {
	p.stream.write(wire.TypeExit, (&wire.Exit{}).Payload())
	p.stream.end()
	return nil
}

// sendData sends data in as many frames as it needs.
func (s *stream) sendData(data []byte) error {
	for len(data) > 0 {
		n := 0
		for n == 0 {
			if !s.credit.Wait() {
				return net.ErrClosed
			}
			n = s.credit.Take(min(len(data), wire.MaxData))
		}
		if err := s.write(wire.TypeData, data[:n]); err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}
