package survey

import (
	"context"
	"errors"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/proxycmd"

	"golang.org/x/crypto/ssh"
)

// beforeLogin returns the probes of what a gateway tells everybody. The first one connects, and those of the
// greeting only read what came. Each host key needs a connection of its own.
func beforeLogin() group {
	const checked = "the proxy command checks the host key in any handshake that it can read, and refuses the gateway otherwise"
	hostKey := func(algorithm string) probe {
		return probe{name: "key " + algorithm, expects: "a pinned host key", depends: "the entries allow these three; one is enough", see: seeHostKey(algorithm)}
	}
	return group{title: "Before the login", members: []probe{
		{name: "connection", expects: "in less than 2 s", depends: "each connection takes that long, and more", see: seeConnection},
		{name: "identification", depends: "nothing: it is only shown", see: onGreeting(seeIdentification)},
		{name: "lines before it", expects: "none", depends: "up to 1024 lines are skipped", see: onGreeting(seeLinesBefore)},
		{name: "key exchange first", expects: "yes, and no guess", depends: checked, see: onGreeting(seeFirstMessage)},
		{name: "key exchanges", expects: "one that is checked", depends: checked, see: onGreeting(seeKeyExchanges)},
		{name: "ciphers, MACs", expects: "known ones", depends: "ssh and the gateway must have one of each in common", see: onGreeting(seeCiphers)},
		{name: "host key types", expects: "ED25519 and RSA", depends: "the pins are for these two types; ssh never asks for a key of another type", see: onGreeting(seeHostKeyTypes)},
		hostKey("ssh-ed25519"),
		hostKey("rsa-sha2-512"),
		hostKey("rsa-sha2-256"),
	}}
}

// seeConnection connects, and keeps the gateway's greeting.
func seeConnection(ctx context.Context, s *survey) seen {
	s.greeting, s.greetErr = proxycmd.Greet(ctx, s.gateway)
	if s.greetErr != nil {
		return judge(false, "%s", whyNoHostKey(s.greetErr)).with(s.greetErr.Error())
	}
	took := s.greeting.Connected + s.greeting.Answered
	return judge(took < ui.Slow, "in %s, and %s to its name", ui.Milliseconds(s.greeting.Connected), ui.Milliseconds(s.greeting.Answered))
}

// onGreeting examines the gateway's greeting.
func onGreeting(look func(*proxycmd.Greeting) seen) func(context.Context, *survey) seen {
	return func(_ context.Context, s *survey) seen {
		if s.greeting.Identification == "" || s.greeting.KeyExchanges == nil && s.greetErr != nil {
			return skip("it did not get that far")
		}
		return look(s.greeting)
	}
}

func seeIdentification(g *proxycmd.Greeting) seen {
	return learn("%s", software(g.Identification)).with(g.Identification)
}

func seeLinesBefore(g *proxycmd.Greeting) seen {
	return judge(g.LinesBefore == 0, "%s", orNone(g.LinesBefore, "line"))
}

// seeFirstMessage sees whether the gateway begins with its lists of algorithms, and guesses nothing (RFC 4253,
// section 7).
func seeFirstMessage(g *proxycmd.Greeting) seen {
	switch {
	case len(g.Messages) > 0:
		return judge(false, "%s before it", ui.Counted(len(g.Messages), "message"))
	case g.Guesses:
		return judge(false, "it announces a guess")
	}
	return judge(true, "yes, no guess")
}

// seeKeyExchanges counts the key exchanges in which the proxy command checks the host key.
func seeKeyExchanges(g *proxycmd.Greeting) seen {
	n := 0
	for _, name := range g.KeyExchanges {
		if proxycmd.Checks(name) {
			n++
		}
	}
	got := judge(n > 0, "%d of %d", n, len(g.KeyExchanges)).with(strings.Join(g.KeyExchanges, ","))
	got.details = []string{listed(g.KeyExchanges)}
	return got
}

// seeCiphers sees whether one cipher and one MAC are known.
func seeCiphers(g *proxycmd.Greeting) seen {
	all := slices.Concat(g.Ciphers, g.MACs, g.Compressions)
	got := judge(slices.ContainsFunc(g.Ciphers, isKnown) && slices.ContainsFunc(g.MACs, isKnown), "%d and %d", len(g.Ciphers), len(g.MACs)).with(strings.Join(all, ","))
	got.details = []string{listed(g.Ciphers), listed(g.MACs), "compression: " + listed(g.Compressions)}
	return got
}

// seeHostKeyTypes sees whether the gateway has an ED25519 key, and no key of a type without a pin.
func seeHostKeyTypes(g *proxycmd.Greeting) seen {
	others := slices.DeleteFunc(slices.Clone(g.HostKeys), func(name string) bool {
		return slices.Contains([]string{"ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"}, name)
	})
	got := judge(len(others) == 0 && slices.Contains(g.HostKeys, "ssh-ed25519"), "%s", listed(g.HostKeys))
	return got.with(strings.Join(g.HostKeys, ","))
}

// seeHostKey asks for a host key of one type.
func seeHostKey(algorithm string) func(context.Context, *survey) seen {
	return func(ctx context.Context, s *survey) seen {
		key, err := proxycmd.HostKey(ctx, s.gateway, algorithm)
		if err == nil {
			s.trusted = true
			return judge(true, "pinned").with(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))))
		}
		return judge(false, "%s", whyNoHostKey(err)).with(err.Error())
	}
}

// whyNoHostKey returns the reason why there is no host key, without names or addresses.
func whyNoHostKey(err error) string {
	switch {
	case errors.Is(err, proxycmd.ErrNoHostKey):
		return "it has none"
	case errors.As(err, new(*proxycmd.HostKeyError)):
		return "a key that is not pinned"
	case errors.As(err, new(*proxycmd.MethodError)):
		return "no key exchange in common"
	case errors.Is(err, proxycmd.ErrBusy):
		return "too many logins are under way"
	case errors.Is(err, proxycmd.ErrNotNow):
		return "logins are turned away for now"
	case errors.Is(err, proxycmd.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, proxycmd.ErrClosed):
		return "the gateway closed the connection"
	case errors.As(err, new(*proxycmd.DialError)):
		return "no connection"
	}
	return "a handshake that the proxy command refuses"
}
