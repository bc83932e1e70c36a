package line

import (
	"io"
	"net"
	"testing"

	"clever-ssh/outpost/wire"
)

// If a line ends while a command is being sent, the command may run there. So the write does not fail, which would have
// the shell run the command: the end is there to read.
func TestOwnStreamOfALineThatEnds(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	go io.Copy(io.Discard, far)
	session, err := wire.Near(near)
	if err != nil {
		t.Fatal(err)
	}
	st, err := session.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	s := &ownStream{st, func() { close(ended) }}
	session.Close()
	if n, err := s.Write([]byte("request")); n != 7 || err != nil {
		t.Errorf("%d bytes are written, %v", n, err)
	}
	if n, err := s.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("%d bytes are there to read, %v", n, err)
	}
	s.Close()
	<-ended
}
