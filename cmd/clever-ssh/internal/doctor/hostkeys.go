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

// kinds are the kinds of host keys that the entries allow.
var kinds = []struct {
	name       string
	algorithms []string
}{{"ED25519", []string{"ssh-ed25519"}}, {"RSA", []string{"rsa-sha2-512", "rsa-sha2-256"}}}

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
