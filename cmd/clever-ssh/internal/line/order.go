package line

import (
	"encoding/json"
	"errors"
	"net"
	"time"

	"clever-ssh/outpost/wire"
)

// The orders that a bridge can send to the process that keeps a line, as its first byte.
const (
	orderOpen   = 'o' // open a stream if the line is ready
	orderWait   = 'w' // open a stream once the line is ready
	orderStatus = 's' // tell the status of the line
	orderClose  = 'q' // end the line
)

// The process replies to each with a frame of the wire: Begun, followed by the stream, Note (not yet), or
// Failed (with the reason). The reply to orderStatus and orderClose is a Note.

// Status describes a line.
type Status struct {
	Alias     string        // that it was started for
	State     string        // "starting", "ready" or "failed"
	Reason    string        `json:",omitempty"` // why it failed
	Streams   int64         // open now
	RoundTrip time.Duration `json:",omitempty"` // to the outpost and back
}

// The values of State.
const (
	Starting = "starting"
	Ready    = "ready"
	Failed   = "failed"
)

// errNoReply means that the process did not reply as it should.
var errNoReply = errors.New("the background clever-ssh that keeps the connection open does not answer")

// orderTime bounds an order that should not have to wait.
const orderTime = 5 * time.Second

// reply sends an order and reads the reply.
func reply(conn net.Conn, order byte) (wire.Type, string, error) {
	if _, err := conn.Write([]byte{order}); err != nil {
		return 0, "", err
	}
	t, payload, err := wire.NewReader(conn).Read()
	return t, string(payload), err
}

// AskStatus asks for the status of the line at a socket. It returns an error if no line is there.
func AskStatus(socket string) (s Status, err error) {
	conn, err := dial(socket)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(orderTime))
	t, text, err := reply(conn, orderStatus)
	if err == nil && t != wire.TypeNote {
		err = errNoReply
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &s)
	}
	return s, err
}

// Close ends the line at a socket, and returns when it is over. there reports whether there was one, and gone
// whether nothing listens there any more.
func Close(socket string) (there, gone bool) {
	conn, err := dial(socket)
	if err != nil {
		return false, true
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(closeTime))
	_, _, err = reply(conn, orderClose)
	return true, err == nil
}

// closeTime bounds the wait for a line's end.
const closeTime = 15 * time.Second
