package hostile

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Message numbers (RFC 4250, section 4.1.2; RFC 8308, section 2.3; RFC 4419, section 5; RFC 5656, section 7.1).
const (
	MsgDisconnect    = 1
	MsgIgnore        = 2
	MsgUnimplemented = 3
	MsgDebug         = 4
	MsgServiceAccept = 6
	MsgExtInfo       = 7
	MsgKexInit       = 20
	MsgNewKeys       = 21
	MsgKexECDHInit   = 30
	MsgKexECDHReply  = 31
	MsgGexGroup      = 31
	MsgGexInit       = 32
	MsgGexReply      = 33
	MsgGexRequest    = 34
	MsgAuthSuccess   = 52
	MsgAuthBanner    = 53
	MsgGlobalRequest = 80
)

// draining is how long a client may take to leave once the script has ended.
const draining = 20 * time.Second

// Conn is one connection to a client. Its methods belong to the script's goroutine. They return no errors: if the
// client leaves, the script ends in the middle of the call, as a test does in t.FailNow.
type Conn struct {
	socket *net.TCPConn

	mu      sync.Mutex
	arrived *sync.Cond // of mu: something was received or the client's side ended
	unread  []byte     // received but not yet seen by the script
	ended   bool
	watcher watcher

	patience time.Duration

	// What both sides of an exchange hash: the identifications without their line ends, and the KEXINITs.
	clientIdentification, serverIdentification []byte
	clientInit, serverInit                     []byte
}

func newConn(socket *net.TCPConn) *Conn {
	c := &Conn{socket: socket}
	c.arrived = sync.NewCond(&c.mu)
	return c
}

// serve runs the script, then closes the sending half, and keeps reading until the client leaves.
func (c *Conn) serve(script func(*Conn)) {
	received := make(chan struct{})
	go func() {
		defer close(received)
		c.receive()
	}()
	scripted := make(chan struct{})
	go func() { // so that leave can end it
		defer close(scripted)
		script(c)
	}()
	<-scripted
	c.socket.CloseWrite()
	select {
	case <-received:
	case <-time.After(draining):
	}
	c.socket.Close()
	<-received
}

// receive reads everything that the client sends until it closes its side.
func (c *Conn) receive() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.socket.Read(buffer)
		c.mu.Lock()
		c.watcher.watch(buffer[:n])
		c.unread = append(c.unread, buffer[:n]...)
		c.ended = err != nil
		c.mu.Unlock()
		c.arrived.Broadcast()
		if err != nil {
			return
		}
	}
}

// leave ends the script.
func (c *Conn) leave() { runtime.Goexit() }

// Record returns what the client has done so far.
func (c *Conn) Record() Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.watcher.record
	r.Messages = slices.Clone(r.Messages)
	return r
}

// Write sends bytes unchanged.
func (c *Conn) Write(b []byte) {
	if _, err := c.socket.Write(b); err != nil {
		c.leave()
	}
}

// Line sends a line that ends in CR LF.
func (c *Conn) Line(s string) { c.Write([]byte(s + "\r\n")) }

// Identify sends a well-formed identification string.
func (c *Conn) Identify() { c.IdentifyAs("SSH-2.0-hostile\r\n") }

// IdentifyAs sends an identification string, which includes its line end.
func (c *Conn) IdentifyAs(line string) {
	c.serverIdentification = []byte(strings.TrimRight(line, "\r\n"))
	c.Write([]byte(line))
}

// Packet sends a message in a well-formed packet.
func (c *Conn) Packet(payload []byte) { c.Write(Frame(payload)) }

// Message sends a message made of a number and fields.
func (c *Conn) Message(number byte, fields ...[]byte) {
	c.Packet(append([]byte{number}, slices.Concat(fields...)...))
}

// NewKeys sends NEWKEYS.
func (c *Conn) NewKeys() { c.Message(MsgNewKeys) }

// Disconnect sends SSH_MSG_DISCONNECT (RFC 4253, section 11.1).
func (c *Conn) Disconnect(reason uint32, text string) {
	c.Message(MsgDisconnect, Uint32(reason), String([]byte(text)), String(nil))
}

// KexInit sends a KEXINIT, which goes into the exchange hashes that follow. The knobs apply to its packet.
func (c *Conn) KexInit(k KexInit, knobs ...Knob) {
	c.serverInit = k.Marshal()
	c.Write(Frame(c.serverInit, knobs...))
}

// Wait waits until the client leaves or has sent a byte after its NEWKEYS.
func (c *Conn) Wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await(func() bool { return c.ended || c.watcher.record.After > 0 })
}

// await waits, with mu held, until so returns true. The script ends when its patience does.
func (c *Conn) await(so func() bool) {
	begin := time.Now()
	if c.patience > 0 {
		defer time.AfterFunc(c.patience, c.arrived.Broadcast).Stop()
	}
	for !so() {
		if c.patience > 0 && time.Since(begin) >= c.patience {
			c.leave()
		}
		c.arrived.Wait()
	}
}

// Sleep waits a while. If the client leaves, the script ends.
func (c *Conn) Sleep(d time.Duration) {
	end := time.Now().Add(d)
	defer time.AfterFunc(d, c.arrived.Broadcast).Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for time.Now().Before(end) {
		if c.ended {
			c.leave()
		}
		c.arrived.Wait()
	}
}

// HalfClose ends the server's side of the connection and leaves the client's open.
func (c *Conn) HalfClose() { c.socket.CloseWrite() }

// Reset breaks the connection off with a TCP reset, and ends the script.
func (c *Conn) Reset() {
	c.socket.SetLinger(0)
	c.socket.Close()
	c.leave()
}

// Patience bounds each later wait for the client: if it takes longer, the script ends. Without a call, or for zero,
// there is no bound.
func (c *Conn) Patience(d time.Duration) { c.patience = d }

// read takes n bytes of what the client sent.
func (c *Conn) read(n int) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await(func() bool { return c.ended || len(c.unread) >= n })
	if len(c.unread) < n {
		c.leave()
	}
	b := c.unread[:n:n]
	c.unread = c.unread[n:]
	return b
}

// ReadIdentification reads the client's first line. ReadKexInit does so if the script has not.
func (c *Conn) ReadIdentification() string {
	var line []byte
	for !bytes.HasSuffix(line, []byte("\n")) {
		line = append(line, c.read(1)...)
	}
	c.clientIdentification = bytes.TrimRight(line, "\r\n")
	return string(c.clientIdentification)
}

// ReadPacket reads one cleartext message from the client.
func (c *Conn) ReadPacket() []byte {
	header := c.read(5)
	body := c.read(int(binary.BigEndian.Uint32(header)) - 1)
	return body[:len(body)-int(header[4])]
}

// ReadMessage reads cleartext messages from the client until one has the number, and returns its fields.
func (c *Conn) ReadMessage(number byte) []byte {
	for {
		if p := c.ReadPacket(); p[0] == number {
			return p[1:]
		}
	}
}

// ReadKexInit reads the client's KEXINIT, and first its identification if the script has not read it.
func (c *Conn) ReadKexInit() []byte {
	if c.clientIdentification == nil {
		c.ReadIdentification()
	}
	c.clientInit = append([]byte{MsgKexInit}, c.ReadMessage(MsgKexInit)...)
	return c.clientInit
}

// SkipWrongGuess reads the message that the client sent with its KEXINIT if that is a wrong guess of the key
// exchange: an honest server skips it (RFC 4253, section 7.1). What a client guesses depends on its release.
func (c *Conn) SkipWrongGuess() {
	follows := c.clientInit[len(c.clientInit)-5] // first_kex_packet_follows
	if follows != 0 && favourites(c.clientInit) != favourites(c.serverInit) {
		c.ReadPacket()
	}
}
