package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// replyProbes returns the probes of the gateway's replies to requests other than the usual ones of a session.
func replyProbes() group {
	const better = "nothing breaks; clever-ssh carries it through the instance's shell, and could leave it to the gateway"
	return group{title: "Requests beyond a session", unless: (*survey).notLoggedIn, atOnce: true, members: []probe{
		{name: "env LANG", see: func(ctx context.Context, s *survey) seen { return s.seeEnv(ctx, "LANG", "C") }},
		{name: "env of any name", see: func(ctx context.Context, s *survey) seen { return s.seeEnv(ctx, "CLEVER_SSH_SURVEY", "yes") }},
		{name: "subsystem sftp", expects: "refused", depends: better, see: seeRequest("subsystem", ssh.Marshal(struct{ Name string }{"sftp"}))},
		{name: "agent forwarding", expects: "refused", depends: better, see: seeRequest("auth-agent-req@openssh.com", nil)},
		{name: "X11 forwarding", expects: "refused", depends: "nothing: the entries turn it off", see: seeRequest("x11-req", ssh.Marshal(struct {
			Single           bool
			Protocol, Cookie string
			Screen           uint32
		}{true, "MIT-MAGIC-COOKIE-1", strings.Repeat("0", 32), 0}))},
		{name: "direct-tcpip", expects: "refused", depends: better, see: seeDirect},
		{name: "tcpip-forward", expects: "refused", depends: better, see: seeForward},
	}}
}

// seeEnv sets a variable.
func (s *survey) seeEnv(ctx context.Context, name, value string) seen {
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return unable(err)
	}
	defer n.close()
	ok, err := n.request(ctx, "env", ssh.Marshal(struct{ Name, Value string }{name, value}))
	if err != nil {
		return unable(err)
	}
	text := yesNo(ok, "granted", "refused")
	if !ok || s.slot == "" {
		return learn("%s", text)
	}
	if n.exec(ctx, s.slot) != nil {
		return learn("%s", text)
	}
	m := newMark()
	n.send("exec /bin/sh -c '"+m.echo("$"+name)+"'\n", false)
	n.await(ctx, func(out, _ []byte) bool { return strings.Contains(string(out), m.String()) })
	out, _ := n.texts()
	return learn("%s, and %s", text, yesNo(strings.Contains(out, m.String()+value), "it reaches the instance", "it is not set on the instance"))
}

// seeRequest sends a request on a session in which nothing runs.
func seeRequest(name string, payload []byte) func(context.Context, *survey) seen {
	return func(ctx context.Context, s *survey) seen {
		n, err := s.conn.openSession(ctx)
		if err != nil {
			return unable(err)
		}
		defer n.close()
		ok, err := n.request(ctx, name, payload)
		if err != nil {
			return judge(true, "refused, and the session ends").with(err.Error())
		}
		return judge(!ok, "%s", yesNo(ok, "granted", "refused"))
	}
}

// seeDirect asks for a connection from the gateway to its own discard port, which nobody serves today.
func seeDirect(ctx context.Context, s *survey) seen {
	payload := ssh.Marshal(struct {
		Host       string
		Port       uint32
		Originator string
		From       uint32
	}{"127.0.0.1", 9, "127.0.0.1", 9})
	done := make(chan error, 1)
	go func() {
		c, requests, err := s.conn.OpenChannel("direct-tcpip", payload)
		if err == nil {
			go ssh.DiscardRequests(requests)
			c.Close()
		}
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return judge(false, "%s", inWords(context.Cause(ctx)))
	}
	refused := new(ssh.OpenChannelError)
	switch {
	case err == nil:
		return judge(false, "granted")
	case !errors.As(err, &refused):
		return judge(false, "the connection ended").with(err.Error())
	case refused.Reason == ssh.ConnectionFailed:
		return judge(false, "tried, and nobody answered").with(refused.Message)
	}
	return judge(true, "refused (%s)", reasonName(refused.Reason)).with(refused.Message)
}

// reasonName returns the name of a reason (RFC 4254, section 5.1).
func reasonName(r ssh.RejectionReason) string {
	switch r {
	case ssh.Prohibited:
		return "prohibited"
	case ssh.UnknownChannelType:
		return "unknown type"
	case ssh.ResourceShortage:
		return "shortage"
	}
	return fmt.Sprintf("reason %d", uint32(r))
}

// seeForward asks the gateway to listen. Only the gateway's own loopback could reach that port, and only until
// the connection ends.
func seeForward(_ context.Context, s *survey) seen {
	granted := s.forward()
	return judge(!granted, "%s", yesNo(granted, "granted", "refused"))
}
