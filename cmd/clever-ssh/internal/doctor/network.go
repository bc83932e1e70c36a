package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/proxycmd"
)

// checkGateways checks the ways to all gateways at once, and reports them one after another.
func (e *examination) checkGateways(ctx context.Context) {
	var ways []chan finding
	blocked := make([]string, len(e.gateways))
	for i, g := range e.gateways {
		way := make(chan finding)
		ways = append(ways, way)
		go func() {
			defer close(way)
			blocked[i] = (reporter{func(f finding) { way <- f }}).network(ctx, g)
		}()
	}
	for _, way := range ways {
		for f := range way {
			e.add(f)
		}
	}
	e.blocked = cmp.Or(blocked...)
}

// network checks the way to a gateway step by step: the name, each address, both host keys. It returns the
// reason why the gateway cannot be used, or "".
func (r reporter) network(ctx context.Context, g *config.Gateway) (blocked string) {
	addresses := r.resolve(ctx, g)
	if len(addresses) == 0 || !r.reach(ctx, g, addresses) {
		return "the gateway cannot be reached"
	}
	return r.hostKeys(ctx, g)
}

// resolve looks up the name of the first host on the way to a gateway, which may be a proxy. It returns no
// addresses if the lookup fails.
func (r reporter) resolve(ctx context.Context, g *config.Gateway) []netip.Addr {
	const check = "name"
	host, _ := proxycmd.FirstHop(g)
	about, hint := host, "is the network up, and does its name server answer? Try: ping "+host
	if g.Via.URL() != nil {
		about, hint = "the proxy "+g.Via.Redacted(), "the via setting in clever-ssh.toml names that proxy: is it right?"
	}
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	begun := time.Now()
	addresses, err := proxycmd.Addresses(ctx, host)
	if err == nil && len(addresses) == 0 {
		err = errors.New("it has no addresses")
	}
	if err != nil {
		if dns := new(net.DNSError); errors.As(err, &dns) { // not the name server: nobody knows its address
			err = errors.New(dns.Err)
		}
		r.fail(check, about, err, hint)
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		r.ok(check, about, "%s in %s", ui.Counted(len(addresses), "address"), ui.Milliseconds(time.Since(begun)))
	}
	return addresses
}

// reach connects to each address of the first host on the way to a gateway, and reports whether one answers.
func (r reporter) reach(ctx context.Context, g *config.Gateway, addresses []netip.Addr) bool {
	const check = "address"
	_, port := proxycmd.FirstHop(g)
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	reached := proxycmd.Reach(ctx, addresses, port)
	answers := slices.ContainsFunc(reached, func(a proxycmd.Reached) bool { return a.Err == nil })
	for _, a := range reached {
		switch about := a.Address.String(); {
		case a.Err == nil && a.Took > ui.Slow:
			r.warn(check, about, "connected in "+ui.Milliseconds(a.Took), ui.SlowWay)
		case a.Err == nil:
			r.ok(check, about, "connected in %s", ui.Milliseconds(a.Took))
		case answers:
			r.warn(check, about, a.Err.Error(), "the other addresses work, so this costs a moment at most")
		default:
			r.fail(check, about, a.Err)
		}
	}
	if !answers {
		r.skip(hostKeyCheck, g.Suffix, "nothing can be reached; is the network up, and does it let SSH (port %d) out? Try from another network", port)
	}
	return answers
}
