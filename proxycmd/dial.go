package proxycmd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"clever-ssh/config"
)

// attemptDelay is how long an attempt may take before the next address is tried in parallel (RFC 8305, section 5).
const attemptDelay = 250 * time.Millisecond

// keepAlive ends the session about two minutes after a gateway vanishes. ssh cannot do this: its socket is a pipe to
// this program.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4}

// dial connects to the gateway, through the proxy if there is one. A proxy resolves the gateway's name itself.
func dial(ctx context.Context, gateway config.Address, via config.Via, progress stepper) (*net.TCPConn, error) {
	if via.URL() == nil {
		return dialHost(ctx, gateway.Host, gateway.Port, progress)
	}
	u := via.URL()
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return nil, err
	}
	conn, err := dialHost(ctx, u.Hostname(), uint16(port), progress)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	switch u.Scheme {
	case "socks5":
		err = connectSOCKS(cancelOnly{ctx}, conn, u, gateway.HostPort())
	case "http":
		err = connectHTTP(conn, u.User, gateway.HostPort())
	}
	if err != nil {
		conn.Close()
		return nil, orCause(ctx, err)
	}
	progress.tell("the proxy %s connected to %s", via.Redacted(), gateway.HostPort())
	return conn, nil
}

// dialHost resolves a host and races its addresses (RFC 8305). The address families alternate. Each attempt starts a
// little after the previous one, or as soon as that has failed. The first connection wins.
func dialHost(ctx context.Context, host string, port uint16, progress stepper) (*net.TCPConn, error) {
	addresses, err := lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if progress != nil && addresses[0].String() != host {
		progress.tell("resolved %s to %s", host, joined(addresses))
	}
	type attempt struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make(chan attempt)
	dialer := net.Dialer{KeepAliveConfig: keepAlive}
	start := func(a netip.Addr) {
		conn, err := dialer.DialContext(cancelOnly{ctx}, "tcp", netip.AddrPortFrom(a, port).String())
		select {
		case results <- attempt{conn, err}:
		case <-ctx.Done():
			if conn != nil {
				conn.Close()
			}
		}
	}
	var failures []error
	next := time.NewTimer(0)
	defer next.Stop()
	for started := 0; ; {
		select {
		case <-next.C:
			go start(addresses[started])
			if started++; started < len(addresses) {
				next.Reset(attemptDelay)
			}
		case r := <-results:
			if r.err == nil {
				progress.tell("connected to %v", r.conn.RemoteAddr())
				return r.conn.(*net.TCPConn), nil
			}
			progress.tell("an attempt failed: %v", r.err)
			failures = append(failures, r.err)
			if len(failures) == len(addresses) {
				return nil, orCause(ctx, dialFailure(failures))
			}
			if started < len(addresses) {
				next.Reset(0)
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// cancelOnly hides a context's deadline: a dialer turns a deadline into an error of its own, a little before the
// context ends.
type cancelOnly struct{ context.Context }

func (cancelOnly) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// lookup returns the addresses of a host. The families alternate, beginning with the one that the system prefers.
func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, orCause(ctx, err)
	}
	var preferred, other, merged []netip.Addr
	for _, a := range found {
		if a = a.Unmap(); a.Is4() == found[0].Unmap().Is4() {
			preferred = append(preferred, a)
		} else {
			other = append(other, a)
		}
	}
	for i := range max(len(preferred), len(other)) {
		if i < len(preferred) {
			merged = append(merged, preferred[i])
		}
		if i < len(other) {
			merged = append(merged, other[i])
		}
	}
	return merged, nil
}

// joined lists addresses.
func joined(addresses []netip.Addr) string {
	list := make([]string, len(addresses))
	for i, a := range addresses {
		list[i] = a.String()
	}
	return strings.Join(list, ", ")
}

// dialFailure puts the failures of all addresses into one line.
func dialFailure(failures []error) error {
	var text []byte
	for i, err := range failures {
		if i > 0 {
			text = append(text, "; "...)
		}
		var op *net.OpError
		if errors.As(err, &op) && op.Addr != nil && len(failures) > 1 {
			text = fmt.Appendf(text, "%v: %v", op.Addr, op.Err)
		} else if errors.As(err, &op) {
			text = fmt.Append(text, op.Err)
		} else {
			text = fmt.Append(text, err)
		}
	}
	return errors.New(string(text))
}
