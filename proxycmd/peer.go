package proxycmd

import (
	"bufio"
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"
)

// peer is one end of the connection while its half of the handshake is being read.
type peer struct {
	source io.Reader
	reader *bufio.Reader          // of the source; belongs to the reading goroutine until it has sent NEWKEYS
	first  atomic.Pointer[[]byte] // a server's first line that is not an identification string

	events chan event    // closed when NEWKEYS or an error was the last event
	gone   chan struct{} // closed when the stream has ended or failed
	err    error         // set once gone is closed
	quit   chan struct{} // closed by stop
}

// event is what a peer sent: its identification, a packet, or an error, which comes last.
type event struct {
	identification []byte
	packet         packet
	err            error
}

// readClient reads the client's half. It reads ahead, to notice at once when the client goes away. A client sends no
// more than this buffer holds before it needs an answer.
func readClient(r io.Reader) *peer { return newPeer(r, 16, (*peer).clientIdentification) }

// readServer reads the server's half, and never beyond the event that is waiting to be handled.
func readServer(r io.Reader) *peer { return newPeer(r, 0, (*peer).serverIdentification) }

func (p *peer) serverIdentification() ([]byte, error) {
	return readIdentification(p.reader, func(first []byte) { p.first.Store(&first) })
}

// clientIdentification reads the client's first line. Which versions the client speaks is between it and the server.
func (p *peer) clientIdentification() ([]byte, error) {
	return readLine(p.reader, maxIdentification)
}

func newPeer(r io.Reader, ahead int, identify func(*peer) ([]byte, error)) *peer {
	p := &peer{
		source: r,
		reader: bufio.NewReader(r),
		events: make(chan event, ahead),
		gone:   make(chan struct{}),
		quit:   make(chan struct{}),
	}
	go p.read(identify)
	return p
}

func (p *peer) read(identify func(*peer) ([]byte, error)) {
	defer close(p.events)
	send := func(e event) bool {
		if e.err != nil {
			p.err = e.err
			close(p.gone)
		}
		select {
		case p.events <- e:
			return e.err == nil
		case <-p.quit:
			return false
		}
	}
	identification, err := identify(p)
	if !send(event{identification: identification, err: err}) {
		return
	}
	for {
		pkt, err := readPacket(p.reader)
		if !send(event{packet: pkt, err: err}) || pkt.number() == msgNewKeys {
			return
		}
	}
}

// stop lets the reading goroutine end as soon as its read returns.
func (p *peer) stop() { close(p.quit) }

// Reasons of SSH_MSG_DISCONNECT (RFC 4253, section 11.1).
const (
	reasonHostKeyNotVerifiable = 9
	reasonByApplication        = 11
)

// ourIdentification replaces the server's where the client has not seen one.
const ourIdentification = "SSH-2.0-clever-ssh\r\n"

// lingering is how long a refused client may take to read the reason and leave.
const lingering = 2 * time.Second

// refuse sends SSH_MSG_DISCONNECT to a client that has no NEWKEYS yet. It keeps reading until the client leaves: a
// client whose write fails reports the failed write, not the reason it would have read.
func (p *peer) refuse(stdout io.Writer, identified bool, code uint32, text string) {
	var b []byte
	if !identified {
		b = append(b, ourIdentification...)
	}
	payload := binary.BigEndian.AppendUint32([]byte{msgDisconnect}, code)
	payload = appendString(payload, text)
	payload = appendString(payload, "") // language tag
	if _, err := stdout.Write(append(b, newPacket(payload)...)); err != nil {
		return
	}
	timer := time.NewTimer(lingering)
	defer timer.Stop()
	for {
		select {
		case _, ok := <-p.events:
			if !ok {
				return
			}
		case <-p.gone:
			return
		case <-timer.C:
			return
		}
	}
}

// Refuse answers a client on stdin and stdout with nothing but SSH_MSG_DISCONNECT, for a connection that never
// begins. OpenSSH, which cuts the text at 400 bytes, and PuTTY show it to their users.
func Refuse(stdin io.Reader, stdout io.Writer, text string) {
	client := readClient(stdin)
	defer client.stop()
	client.refuse(stdout, false, reasonByApplication, text)
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}
