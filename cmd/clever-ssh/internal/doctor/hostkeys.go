package doctor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/proxycmd"
)

// hostKeyPatience bounds the key exchange, which takes three round trips.
const hostKeyPatience = 6 * time.Second

// hostKeyCheck is the name of the host key check.
const hostKeyCheck = "host key"

// hostKeyKinds are the kinds of host keys that the entries allow.
var hostKeyKinds = []struct {
	name       string
	algorithms []string
}{{"ED25519", []string{"ssh-ed25519"}}, {"RSA", []string{"rsa-sha2-512", "rsa-sha2-256"}}}

// shownHostKey is a gateway's answer to a request for one kind of host key.
type shownHostKey struct {
	kind string
	pin  config.Pin
	took time.Duration
	err  error
	late bool // the error is that time ran out
}

// none reports whether the gateway has no key of that kind.
func (k shownHostKey) none() bool { return errors.Is(k.err, proxycmd.ErrNoHostKey) }

// fetchHostKeys asks a gateway for all kinds of host keys at once.
func fetchHostKeys(ctx context.Context, g *config.Gateway) []shownHostKey {
	ctx, cancel := openssh.WithPatience(ctx, hostKeyPatience)
	defer cancel()
	keys := make([]shownHostKey, len(hostKeyKinds))
	var all sync.WaitGroup
	for i, kind := range hostKeyKinds {
		all.Go(func() {
			begun := time.Now()
			key, err := proxycmd.HostKey(ctx, g, kind.algorithms...)
			keys[i] = shownHostKey{kind: kind.name, took: time.Since(begun), err: err}
			if err == nil {
				keys[i].pin = config.Fingerprint(key.Marshal())
			}
		})
	}
	all.Wait()
	for i := range keys {
		if keys[i].late = ctx.Err() != nil && errors.Is(keys[i].err, context.Cause(ctx)); keys[i].late {
			keys[i].err = context.Cause(ctx)
		}
	}
	return keys
}

// hostKeys compares a gateway's host keys with the pins. It returns the reason why the gateway cannot be used,
// or "".
func (r reporter) hostKeys(ctx context.Context, g *config.Gateway) (blocked string) {
	const check = hostKeyCheck
	keys := fetchHostKeys(ctx, g)
	pinned, none, late := 0, 0, 0
	for _, k := range keys {
		switch {
		case k.err == nil:
			pinned++
		case k.none():
			none++
		case k.late:
			late++
		}
	}
	for _, k := range keys {
		switch about := g.Suffix + " " + k.kind; {
		case k.err == nil && k.took > ui.Slow:
			r.warn(check, about, fmt.Sprintf("%s, which is pinned; it arrived after %s", k.pin, ui.Milliseconds(k.took)), ui.SlowWay)
		case k.err == nil:
			r.ok(check, about, "%s, which is pinned", k.pin)
		case k.none() && none < len(keys):
			r.skip(check, about, "%s has none", g.Address.HostPort())
		case k.late:
			r.fail(check, about, fmt.Errorf("%s: %w", g.Address.HostPort(), k.err), ui.SlowWay, "or a firewall in between lets nothing through: try from another network")
		default:
			r.fail(check, about, ui.HintConnection(k.err, g))
		}
	}
	switch {
	case pinned > 0 && pinned+none == len(keys):
		return ""
	case late > 0 && pinned+none+late == len(keys):
		return "the gateway did not show its host keys in time"
	}
	return "the gateway cannot be trusted"
}
