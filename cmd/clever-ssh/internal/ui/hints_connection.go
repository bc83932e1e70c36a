package ui

import (
	"errors"
	"fmt"
	"time"

	"clever-ssh/config"
	"clever-ssh/proxycmd"
)

// HintConnection adds hints to an error of proxycmd.
func HintConnection(err error, g *config.Gateway) error {
	var (
		hostKey   *proxycmd.HostKeyError
		dial      *proxycmd.DialError
		handshake *proxycmd.HandshakeError
		method    *proxycmd.MethodError
	)
	switch {
	case errors.As(err, &hostKey):
		source := "ask whoever runs the gateway for its fingerprints"
		if g.Address.IsClever() {
			source = "look up the gateway's fingerprints in Clever Cloud's documentation"
		}
		return Hint(err,
			"this is not the gateway that you pinned: somebody may be in between; nothing of yours was sent to them",
			source+", over another network if you can",
			"pin this fingerprint only if it is one of those: clever-ssh setup "+SuffixFlag(g.Suffix)+"--pin SHA256:... (once for each key)")
	case errors.As(err, &dial) && dial.Via != "":
		return Hint(err, "the via setting in clever-ssh.toml names that proxy: is it right, with user:password@ if the proxy asks for them, and does the proxy let SSH out?")
	case errors.As(err, &dial) && !g.Address.IsClever():
		return Hint(err, "is the network up, and is that the gateway's address? To change it: clever-ssh setup "+SuffixFlag(g.Suffix)+"--gateway [user@]host[:port]")
	case errors.As(err, &dial):
		return Hint(err, "is the network up, and does it let SSH out? Try from another network")
	case errors.Is(err, proxycmd.ErrBusy):
		return Hint(err, "wait a few seconds, then try again")
	case errors.Is(err, proxycmd.ErrNotNow):
		return Hint(err, "it has too many logins in progress: wait a few seconds, then try again",
			"or too many logins from here have failed, or were never finished: wait a few minutes")
	case errors.As(err, &method):
		return Hint(err, "does your ssh configuration set KexAlgorithms? Type: ssh -G "+g.Suffix+" | grep -i kexalgorithms")
	case errors.Is(err, proxycmd.ErrClosed), errors.Is(err, proxycmd.ErrTimeout):
		return Hint(err, "the gateway may be busy or restarting, or a firewall interferes: try again in a minute, or from another network")
	case errors.As(err, &handshake):
		return Hint(err, "whatever answered is not the gateway, or a device in between interferes; nothing of yours was sent to it",
			"on a network with a login page, log in there first; otherwise try another network")
	}
	return err
}

// Slow is how long an answer may take before a person should be told: each connection takes at least that long.
const Slow = 2 * time.Second

// SlowWay is a hint about a slow gateway.
const SlowWay = "the network is slow, or the gateway is busy: ssh waits for half a minute"

// UnusedWay returns the error for a ProxyJump or ProxyCommand in the user's own ssh configuration that is not
// used for these hosts.
func UnusedWay(way, hosts string, g *config.Gateway) error {
	return Hint(fmt.Errorf("%s in your ssh configuration is not used for %s", way, hosts),
		"if that is the only way to the gateway, name a proxy: clever-ssh setup "+SuffixFlag(g.Suffix)+"--via socks5://host:port")
}
