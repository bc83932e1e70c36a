package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// connection is a connection that has logged in.
type connection struct {
	ssh.Conn
	gone     chan struct{} // closed when it has ended
	sessions int           // how many it can have at once; 0 if unknown
}

// newConnection returns a connection that has just logged in. It grants nothing that the gateway asks for.
func newConnection(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) *connection {
	c := &connection{Conn: conn, gone: make(chan struct{})}
	go ssh.DiscardRequests(requests)
	go func() {
		for asked := range channels {
			asked.Reject(ssh.Prohibited, "")
		}
	}()
	go func() {
		conn.Wait()
		close(c.gone)
	}()
	return c
}

// session is one session channel (RFC 4254, section 6). It keeps what comes, up to a bound.
type session struct {
	channel ssh.Channel
	news    chan struct{} // something has come
	ended   chan struct{} // closed when nothing more will come
	sending sync.Mutex    // held while input is written or ended

	mu       sync.Mutex
	out, err stream
	status   int    // -1 if none has come
	signal   string // the signal that ended it
}

// stream is what came on one of a session's streams.
type stream struct {
	text []byte // at most mostKept of it
	all  int    // how much came
}

// mostKept is how much of a stream is kept: more than a probe needs.
const mostKept = 2 << 20

func (s *stream) add(data []byte) {
	s.text = append(s.text, data[:min(len(data), mostKept-len(s.text))]...)
	s.all += len(data)
}

// openSession opens a session in which nothing runs yet. If the gateway refuses one after earlier ones
// succeeded, it tries again, because an earlier one may not have ended yet.
func (c *connection) openSession(ctx context.Context) (*session, error) {
	for {
		n, err := c.openOnce(ctx)
		if refused := new(refusedSession); err == nil || c.sessions == 0 || !errors.As(err, &refused) {
			return n, err
		}
		select {
		case <-time.After(lastWords / 4):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// openOnce asks for a session once.
func (c *connection) openOnce(ctx context.Context) (*session, error) {
	type opened struct {
		channel  ssh.Channel
		requests <-chan *ssh.Request
		err      error
	}
	done := make(chan opened, 1)
	go func() {
		channel, requests, err := c.OpenChannel("session", nil)
		done <- opened{channel, requests, err}
	}()
	select {
	case o := <-done:
		if refused := new(ssh.OpenChannelError); errors.As(o.err, &refused) {
			return nil, &refusedSession{refused}
		}
		if o.err != nil {
			return nil, &worded{"the connection ended", o.err.Error()}
		}
		n := &session{channel: o.channel, news: make(chan struct{}, 1), ended: make(chan struct{}), status: -1}
		n.collect(o.requests)
		return n, nil
	case <-ctx.Done():
		go func() {
			if o := <-done; o.err == nil {
				o.channel.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// collect reads everything that comes.
func (n *session) collect(requests <-chan *ssh.Request) {
	var all sync.WaitGroup
	read := func(r io.Reader, to *stream) {
		buf := make([]byte, 32<<10)
		for {
			k, err := r.Read(buf)
			n.mu.Lock()
			to.add(buf[:k])
			n.mu.Unlock()
			n.tell()
			if err != nil {
				return
			}
		}
	}
	all.Go(func() { read(n.channel, &n.out) })
	all.Go(func() { read(n.channel.Stderr(), &n.err) })
	all.Go(func() {
		for r := range requests {
			n.mu.Lock()
			switch r.Type {
			case "exit-status":
				var status struct{ Status uint32 }
				if ssh.Unmarshal(r.Payload, &status) == nil {
					n.status = int(status.Status)
				}
			case "exit-signal":
				var signal struct {
					Signal            string
					CoreDumped        bool
					Message, Language string
				}
				if ssh.Unmarshal(r.Payload, &signal) == nil {
					n.signal = signal.Signal
				}
			}
			n.mu.Unlock()
			if r.WantReply {
				r.Reply(false, nil)
			}
		}
	})
	go func() {
		all.Wait()
		close(n.ended)
		n.tell()
	}()
}

func (n *session) tell() {
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// texts returns what has come so far.
func (n *session) texts() (out, err string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return string(n.out.text), string(n.err.text)
}

// hasEnded reports whether nothing more will come.
func (n *session) hasEnded() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// await waits until enough has come, or nothing more will come. The error is the context's.
func (n *session) await(ctx context.Context, enough func(out, err []byte) bool) error {
	for {
		ended := n.hasEnded()
		n.mu.Lock()
		done := enough(n.out.text, n.err.text)
		n.mu.Unlock()
		if done || ended {
			return nil
		}
		select {
		case <-n.news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitEnd waits until the session has ended.
func (n *session) awaitEnd(ctx context.Context) error {
	select {
	case <-n.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ending returns how the session ended.
func (n *session) ending() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.signal != "":
		return "signal " + signalName(n.signal)
	case n.status >= 0:
		return fmt.Sprintf("status %d", n.status)
	}
	return "no status"
}

// signalName returns a signal's name if SSH has it (RFC 4254, section 6.10).
func signalName(name string) string {
	for _, known := range []string{"ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2"} {
		if name == known {
			return name
		}
	}
	return "with an unknown name"
}

// request sends a request on the session and waits for the answer.
func (n *session) request(ctx context.Context, name string, payload []byte) (ok bool, err error) {
	type answer struct {
		ok  bool
		err error
	}
	done := make(chan answer, 1)
	go func() {
		ok, err := n.channel.SendRequest(name, true, payload)
		done <- answer{ok, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return false, &worded{"the session ended", a.err.Error()}
		}
		return a.ok, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// exec asks for a command, which the gateway takes for a target.
func (n *session) exec(ctx context.Context, command string) error {
	ok, err := n.request(ctx, "exec", ssh.Marshal(struct{ Command string }{command}))
	if err == nil && !ok {
		err = &worded{"the request was refused", ""}
	}
	return err
}

// send writes to the session in the background, because a probe waits for the effects. Then it ends the input
// if end is set.
func (n *session) send(text string, end bool) {
	go func() {
		n.sending.Lock()
		defer n.sending.Unlock()
		io.WriteString(n.channel, text)
		if end {
			n.channel.CloseWrite()
		}
	}()
}

// close hangs up.
func (n *session) close() { n.channel.Close() }

// leave ends the input, and hangs up when the session has ended or a moment has passed. A gateway that allows
// few sessions at once may count a session that was hung up on until its command notices.
func (n *session) leave() {
	n.send("", true) // after input that the gateway may not take any more
	select {
	case <-n.ended:
	case <-time.After(lastWords):
	}
	n.channel.Close()
}

// lastWords is how long a session may take to end after its input.
const lastWords = time.Second

// after returns the text after a line with a mark; ok reports whether there is one. A terminal ends lines with
// CR LF.
func after(text []byte, mark string) (rest []byte, ok bool) {
	_, rest, ok = bytes.Cut(text, []byte(mark))
	if !ok {
		return nil, false
	}
	line, rest, ok := bytes.Cut(rest, []byte("\n"))
	return rest, ok && strings.TrimSuffix(string(line), "\r") == ""
}
