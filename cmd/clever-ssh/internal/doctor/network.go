package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
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

// kinds are the kinds of host keys that the entries allow.
var kinds = []struct {
	name       string
	algorithms []string
}{{"ED25519", []string{"ssh-ed25519"}}, {"RSA", []string{"rsa-sha2-512", "rsa-sha2-256"}}}

// slow is how long an answer takes at least that a person should know of: each connection takes that long, and more.
const slow = 2 * time.Second

// hostKeys fetches the host keys of a gateway and holds them against the pins. It returns why the gateway cannot be used, empty if it can.
func (c checks) hostKeys(ctx context.Context, g *config.Gateway) (shut string) {
	const check = "host key"
	ctx, cancel := openssh.WithPatience(ctx, hostKeyPatience)
	defer cancel()
	pins, errs, took := make([]config.Pin, len(kinds)), make([]error, len(kinds)), make([]time.Duration, len(kinds))
	var both sync.WaitGroup
	for i, kind := range kinds {
		both.Go(func() {
			begun := time.Now()
			pins[i], errs[i] = proxycmd.HostKey(ctx, g, kind.algorithms...)
			took[i] = time.Since(begun)
		})
	}
	both.Wait()
	pinned, none, late := 0, 0, 0
	for i := range kinds {
		switch {
		case errs[i] == nil:
			pinned++
		case errors.Is(errs[i], proxycmd.ErrNoHostKey):
			none++
		case ctx.Err() != nil && errors.Is(errs[i], context.Cause(ctx)):
			late++
		}
	}
	for i, kind := range kinds {
		switch about := g.Suffix + " " + kind.name; {
		case errs[i] == nil && took[i] > slow:
			c.warn(check, about, fmt.Sprintf("%s, which is pinned; it came after %s", pins[i], milliseconds(took[i])), ui.SlowWay)
		case errs[i] == nil:
			c.ok(check, about, "%s, which is pinned", pins[i])
		case errors.Is(errs[i], proxycmd.ErrNoHostKey) && none < len(kinds):
			c.skip(check, about, "%s has none", g.Address.HostPort())
		case ctx.Err() != nil && errors.Is(errs[i], context.Cause(ctx)):
			c.fail(check, about, fmt.Errorf("%s: %w", g.Address.HostPort(), context.Cause(ctx)), ui.SlowWay, "or a firewall on the way lets nothing through: try from another network")
		default:
			c.fail(check, about, ui.HintConnection(errs[i], g))
		}
	}
	switch {
	case pinned > 0 && pinned+none == len(kinds):
		return ""
	case late > 0 && pinned+none+late == len(kinds):
		return "the gateway has not shown its host keys in time"
	}
	return "the gateway cannot be trusted"
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}
