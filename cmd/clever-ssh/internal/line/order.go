package line

import (
	"encoding/json"
	"errors"
	"net"
	"time"

	"clever-ssh/outpost/wire"
)

// The orders that a bridge sends to the process that keeps a line: its first byte.
const (
	orderOpen   = 'o' // a stream, if the line is there
	orderWait   = 'w' // a stream, when the line is there
	orderStatus = 's' // what the line is
	orderClose  = 'q' // the end of the line
)

// The process replies to each with a frame of the wire: Begun, and the stream follows, or Note (not yet) or Failed (with the reason). To
// orderStatus and orderClose it replies with a Note.

// Status is what a line is.
type Status struct {
	Alias     string        // for which it was started
	Target    string        // of its instance
	State     string        // "starting", "ready" or "failed"
	Reason    string        `json:",omitempty"` // why it failed
	Sent      bool          // the outpost had to be sent to the instance
	Streams   int64         // that are open
	RoundTrip time.Duration `json:",omitempty"` // to the outpost and back
}

// States.
const (
	Starting = "starting"
	Ready    = "ready"
	Failed   = "failed"
)

// errNoReply says that the process did not reply as it should.
var errNoReply = errors.New("the background clever-ssh that keeps the connection does not answer")

// orderTime bounds an order that should not wait.
const orderTime = 5 * time.Second

// reply is what came back for an order.
func reply(conn net.Conn, order byte) (wire.Type, string, error) {
	if _, err := conn.Write([]byte{order}); err != nil {
		return 0, "", err
	}
	t, payload, err := wire.NewReader(conn).Read()
	return t, string(payload), err
}

// AskStatus asks for the status of the line at a socket. The error says that there is none.
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

// Close ends the line at a socket, and returns when it is over. There is whether there was one; gone, whether nothing listens there any
// more.
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
