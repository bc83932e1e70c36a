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

// checkGateways goes the way to all gateways at once, and tells of one after the other. The way is open if it is to each.
func (e *examination) checkGateways(ctx context.Context) {
	var ways []chan finding
	shut := make([]string, len(e.gateways))
	for i, g := range e.gateways {
		way := make(chan finding)
		ways = append(ways, way)
		go func() {
			defer close(way)
			shut[i] = (checks{func(f finding) { way <- f }}).network(ctx, g)
		}()
	}
	for _, way := range ways {
		for f := range way {
			e.add(f)
		}
	}
	e.shut = cmp.Or(shut...)
}

// network goes the way to a gateway step by step: the name, each address, both host keys. It returns why the way cannot be gone,
// empty if it can.
func (c checks) network(ctx context.Context, g *config.Gateway) (shut string) {
	addresses := c.resolve(ctx, g)
	if len(addresses) == 0 || !c.reach(ctx, g, addresses) {
		return "the gateway cannot be reached"
	}
	return c.hostKeys(ctx, g)
}

// resolve looks up the name of the first host on the way to a gateway, which may be a proxy. It returns no addresses if that failed.
func (c checks) resolve(ctx context.Context, g *config.Gateway) []netip.Addr {
	const check = "name"
	host, _ := proxycmd.FirstHop(g)
	about, advice := host, "is the network up, and does its name server answer? Try: ping "+host
	if g.Via.URL() != nil {
		about, advice = "the proxy "+g.Via.Redacted(), "the setting via in clever-ssh.toml names that proxy: is it right?"
	}
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	begun := time.Now()
	addresses, err := proxycmd.Addresses(ctx, host)
	if err == nil && len(addresses) == 0 {
		err = errors.New("it has no addresses")
	}
	if err != nil {
		if dns := new(net.DNSError); errors.As(err, &dns) { // without the name server, which nobody knows by its address
			err = errors.New(dns.Err)
		}
		c.fail(check, about, err, advice)
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		c.ok(check, about, "%s in %s", ui.Counted(len(addresses), "address"), milliseconds(time.Since(begun)))
	}
	return addresses
}

// reach connects to each address of the first host on the way to a gateway, and tells whether one answers.
func (c checks) reach(ctx context.Context, g *config.Gateway, addresses []netip.Addr) bool {
	const check = "address"
	_, port := proxycmd.FirstHop(g)
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	reached := proxycmd.Reach(ctx, addresses, port)
	answers := slices.ContainsFunc(reached, func(r proxycmd.Reached) bool { return r.Err == nil })
	for _, r := range reached {
		switch about := r.Address.String(); {
		case r.Err == nil && r.Took > slow:
			c.warn(check, about, "connected in "+milliseconds(r.Took), ui.SlowWay)
		case r.Err == nil:
			c.ok(check, about, "connected in %s", milliseconds(r.Took))
		case answers:
			c.warn(check, about, r.Err.Error(), "the others do, so this costs a moment at most")
		default:
			c.fail(check, about, r.Err)
		}
	}
	if !answers {
		c.skip(hostKeyCheck, g.Suffix, "nobody can be reached; is the network up, and does it let SSH (port %d) out? Try from another network", port)
	}
	return answers
}
