//go:build unix

package proxycmd_test

import (
	"math/big"
	"strings"
	"time"

	"clever-ssh/internal/test/hostile"
)

// place is a point in a server's half of the handshake. Everything before it is honest.
type place int

const (
	nowhere place = iota
	beforeIdentification
	beforeKexInit
	afterKexInit // the client's has not been read yet
	beforeGroup  // the client has asked for one; only in group exchange
	beforeReply  // the client has sent its half
	afterReply   // before NEWKEYS
	afterNewKeys
)

func (p place) String() string {
	return [...]string{
		"nowhere", "before the identification", "before KEXINIT", "after KEXINIT", "before the group", "before the reply",
		"after the reply", "after NEWKEYS",
	}[p]
}

const (
	curve25519    = "curve25519-sha256"
	groupExchange = "diffie-hellman-group-exchange-sha256"
)

// server is a whole handshake with one lie in it. Whatever is not set is honest.
type server struct {
	id       hostile.Identity                            // the holder of the pinned key
	method   string                                      // curve25519
	offer    func(k hostile.KexInit) hostile.KexInit     // of another KEXINIT
	line     string                                      // the identification
	group    *big.Int                                    // in place of a prime
	at       place                                       // where the lie is told
	lie      func(c *hostile.Conn)                       // in addition
	more     map[place][]func(c *hostile.Conn)           // lies
	patience time.Duration                               // with the client; endless if zero
	init     func(c *hostile.Conn, init hostile.KexInit) // in place of sending KEXINIT
	reply    func(c *hostile.Conn, reply hostile.Reply)  // in place of the reply
}

func (s server) script(c *hostile.Conn) {
	if s.id.Signer == nil {
		s.id = hostile.Holder(pinned())
	}
	if s.method == "" {
		s.method = curve25519
	}
	if s.line == "" {
		s.line = "SSH-2.0-hostile\r\n"
	}
	c.Patience(s.patience)
	s.reached(c, beforeIdentification)
	c.IdentifyAs(s.line)
	s.reached(c, beforeKexInit)
	init := hostile.Offer(s.method, s.id.Algorithm())
	if s.offer != nil {
		init = s.offer(init)
	}
	if s.init != nil {
		s.init(c, init)
	} else {
		c.KexInit(init)
	}
	s.reached(c, afterKexInit)
	c.ReadKexInit()
	c.SkipWrongGuess()
	reply := s.exchange(c)
	s.reached(c, beforeReply)
	if s.reply != nil {
		s.reply(c, reply)
	} else {
		c.Packet(reply(s.id))
	}
	s.reached(c, afterReply)
	c.NewKeys()
	s.reached(c, afterNewKeys)
	c.Wait()
}

// exchange goes on until the client waits for the reply.
func (s server) exchange(c *hostile.Conn) hostile.Reply {
	if s.method != groupExchange {
		return c.ReadCurve25519()
	}
	p, g := hostile.Group14()
	x := c.ReadGroupRequest()
	s.reached(c, beforeGroup)
	if s.group != nil {
		// All its bytes, not only those that an mpint needs.
		p = s.group
		c.Message(hostile.MsgGexGroup, hostile.String(pinnedRSA().PublicKey().Marshal()), hostile.Mpint(g))
	} else {
		c.Packet(hostile.GroupMessage(p, g))
	}
	return x.ReadInit(p, g)
}

func (s server) reached(c *hostile.Conn, p place) {
	if s.lie != nil && s.at == p {
		s.lie(c)
	}
	for _, lie := range s.more[p] {
		lie(c)
	}
}

// decoy is what an attacker can show of the gateway: its public key, with a signature that is not the gateway's.
func decoy() hostile.Identity {
	return hostile.Identity{Shown: pinned().PublicKey().Marshal(), Signer: attackers()}
}

// attacker shows a key of its own, which the client accepts without the proxy.
func attacker() hostile.Identity { return hostile.Holder(attackers()) }

// decoyReply is a reply to nothing in particular, with the pinned key. An inspector may take it for the one that
// counts; a client must not.
func decoyReply(number byte) []byte {
	b := append([]byte{number}, hostile.String(decoy().Shown)...)
	b = append(b, hostile.String(make([]byte, 32))...)
	return append(b, hostile.String([]byte("no signature"))...)
}

// sends makes a lie that is one message.
func sends(payload ...byte) func(*hostile.Conn) {
	return func(c *hostile.Conn) { c.Packet(payload) }
}

// lists replaces a name-list of the server's KEXINIT.
func lists(list int, names string) func(hostile.KexInit) hostile.KexInit {
	return func(k hostile.KexInit) hostile.KexInit { return k.With(list, names) }
}

// rsaShaped is a number of some 2200 bits with the same encoding as the pinned RSA key, so that one message can be
// read both as a group and as a key.
func rsaShaped() *big.Int { return new(big.Int).SetBytes(pinnedRSA().PublicKey().Marshal()) }

// fillers returns n names that nobody knows.
func fillers(n int) string {
	var names []string
	for i := range n {
		names = append(names, "x"+strings.Repeat("y", i))
	}
	return strings.Join(names, ",")
}
