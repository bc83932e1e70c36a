package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
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
	host, port := proxycmd.FirstHop(g)
	place := host
	if g.Via.URL() != nil {
		place = "the proxy " + g.Via.Redacted()
	}
	const checkName, checkAddress = "name", "address"
	begin := time.Now()
	resolving, cancel := openssh.WithPatience(ctx, networkPatience)
	addresses, err := proxycmd.Addresses(resolving, host)
	cancel()
	if err == nil && len(addresses) == 0 {
		err = errors.New("it has no addresses")
	}
	if err != nil {
		if dns := new(net.DNSError); errors.As(err, &dns) { // without the name server, which nobody knows by its address
			err = errors.New(dns.Err)
		}
		advice := "is the network up, and does its name server answer? Try: ping " + host
		if g.Via.URL() != nil {
			advice = "the setting via in clever-ssh.toml names that proxy: is it right?"
		}
		c.fail(checkName, place, err, advice)
		return "the gateway cannot be reached"
	}
	if _, err := netip.ParseAddr(host); err != nil {
		c.ok(checkName, place, "%s in %s", ui.Counted(len(addresses), "address"), milliseconds(time.Since(begin)))
	}
	reaching, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	reached := proxycmd.Reach(reaching, addresses, port)
	lost := 0
	for _, r := range reached {
		if r.Err != nil {
			lost++
		}
	}
	for _, r := range reached {
		switch about := r.Address.String(); {
		case r.Err == nil && r.Took > slow:
			c.warn(checkAddress, about, "connected in "+milliseconds(r.Took), ui.SlowWay)
		case r.Err == nil:
			c.ok(checkAddress, about, "connected in %s", milliseconds(r.Took))
		case lost < len(reached):
			c.warn(checkAddress, about, r.Err.Error(), "the others do, so this costs a moment at most")
		default:
			c.fail(checkAddress, about, r.Err)
		}
	}
	const checkKey = "host key"
	if lost == len(reached) {
		c.skip(checkKey, g.Suffix, "nobody can be reached; is the network up, and does it let SSH (port %d) out? Try from another network", port)
		return "the gateway cannot be reached"
	}
	return c.hostKeys(ctx, g)
}
