//go:build unix

package proxycmd_test

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clever-ssh/internal/test/hostile"

	"golang.org/x/crypto/ssh"
)

// The detector works: with the honest gateway behind the proxy, and with the attacker's key and no proxy, the client
// goes on to authenticate.
func TestControls(t *testing.T) {
	banner := func(c *hostile.Conn) {
		for range 1000 {
			c.Line("\x1b[31mno SSH- yet")
		}
	}
	openssh.goesThrough(t, map[string]server{
		"curve25519":                 {},
		"curve25519, RSA":            {id: hostile.Holder(pinnedRSA())},
		"group exchange":             {method: groupExchange},
		"group exchange, RSA":        {method: groupExchange, id: hostile.Holder(pinnedRSA())},
		"lines before":               {at: beforeIdentification, lie: banner},
		"LF alone":                   {line: "SSH-2.0-x y\n"},
		"identification of 255":      {line: "SSH-2.0-" + strings.Repeat("x", 245) + "\r\n"},
		"40 names":                   {offer: lists(hostile.Methods, fillers(39)+","+curve25519)},
		"a name of 64":               {offer: lists(hostile.Methods, strings.Repeat("x", 64)+","+curve25519)},
		"much padding":               {init: func(c *hostile.Conn, k hostile.KexInit) { c.KexInit(k, hostile.MorePadding(200)) }},
		"pseudo-names of the server": {offer: lists(hostile.Methods, curve25519+",kex-strict-s-v00@openssh.com,ext-info-s")},
	})
	for name, s := range map[string]server{
		"attacker, curve25519":     {id: attacker()},
		"attacker, group exchange": {id: attacker(), method: groupExchange},
		"attacker, RSA":            {id: hostile.Holder(attackersRSA())},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if o := openssh.connect(t, s.script, false, 0); !o.authenticated() {
				t.Errorf("the client did not go on to authenticate: %+v", o)
			}
		})
	}
}

func TestAttackHostKey(t *testing.T) {
	everything := []string{"-o", "HostKeyAlgorithms=+ssh-rsa"}
	designs := []string{"-o", "HostKeyAlgorithms=ssh-ed25519,rsa-sha2-512,rsa-sha2-256"}
	notPinned := func(key ssh.Signer) string {
		return regexp.QuoteMeta(fmt.Sprintf("host key %s of 127.0.0.1:", pin(key))) + `\d+` +
			regexp.QuoteMeta(fmt.Sprintf(" is not pinned (expected %s, %s)", pin(pinned()), pin(pinnedRSA())))
	}
	ecdsa := hostile.Holder(attackersECDSA())
	longer := func(key []byte) hostile.Identity {
		return hostile.Identity{Shown: key, Signer: pinned()}
	}
	key := pinned().PublicKey().Marshal()
	openssh.attacked(t, []attack{
		{name: "another key", script: server{id: attacker()}.script, fools: true, reason: notPinned(attackers())},
		{name: "another key, RSA", script: server{id: hostile.Holder(attackersRSA())}.script, fools: true,
			reason: notPinned(attackersRSA())},
		{name: "another key, group exchange", script: server{id: attacker(), method: groupExchange}.script, fools: true,
			reason: notPinned(attackers())},
		{name: "another key, design's algorithms", script: server{id: attacker()}.script, fools: true,
			reason: notPinned(attackers()), options: designs},
		{name: "only ECDSA", script: server{id: ecdsa}.script, fools: true, reason: notPinned(attackersECDSA()),
			options: everything},
		{name: "only ECDSA, design's algorithms", script: server{id: ecdsa}.script, stopped: true, options: designs,
			reason: `no matching host key type found. Their offer: ecdsa-sha2-nistp256`},
		{name: "a certificate",
			script: server{id: certificate(), offer: lists(hostile.HostKeys, ssh.CertAlgoED25519v01)}.script, fools: true,
			reason: `is not pinned`},
		{name: "the public key alone", script: server{id: decoy()}.script, stopped: true, reason: `incorrect signature`},
		{name: "the public key alone, RSA", stopped: true, reason: `incorrect signature|error in libcrypto`,
			script: server{id: hostile.Identity{Shown: pinnedRSA().PublicKey().Marshal(), Signer: attackersRSA()}}.script},
		{name: "the public key alone, group exchange", script: server{id: decoy(), method: groupExchange}.script,
			stopped: true, reason: `incorrect signature`},
		{name: "the pinned key and a byte", script: server{id: longer(append(slices.Clone(key), 0))}.script,
			reason: `is not pinned`},
		{name: "the pinned key less a byte", script: server{id: longer(key[:len(key)-1])}.script, reason: `is not pinned`},
		{name: "the pinned key after another",
			script: server{id: longer(slices.Concat(attackers().PublicKey().Marshal(), key))}.script,
			reason: `is not pinned`},
		{name: "no key", script: server{id: longer(nil)}.script,
			reason: `host key SHA256:47DEQpj8HBSa\+/TImW\+5JCeuQeRkm5NMpJWZG3hSuFU .* is not pinned`},
		{name: "the fingerprint for a key", script: server{id: longer([]byte(pin(pinned()).String()))}.script,
			reason: `is not pinned`},
	})
}

// certificate is a host certificate that the attacker issued to itself. Its fingerprint covers the whole, whatever
// keys are in it.
func certificate() hostile.Identity {
	cert := &ssh.Certificate{
		Key: attackers().PublicKey(), CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity, ValidPrincipals: []string{"127.0.0.1"},
	}
	if err := cert.SignCert(rand.Reader, attackers()); err != nil {
		panic(err)
	}
	return hostile.Identity{Shown: cert.Marshal(), Signer: attackers()}
}

// A server that guesses the key exchange sends a reply at once, which the client skips if the guess was wrong (RFC
// 4253, section 7.1). The skipped reply shows the pinned key.
func TestAttackSkippedGuess(t *testing.T) {
	const reason = `the server announces a guessed`
	guess := func(follows byte, methods, hostKeys string) func(hostile.KexInit) hostile.KexInit {
		return func(k hostile.KexInit) hostile.KexInit {
			k.Follows = follows
			return k.With(hostile.Methods, methods).With(hostile.HostKeys, hostKeys)
		}
	}
	const wrong = "ecdh-sha2-nistp521," + curve25519
	skipped := func(c *hostile.Conn, reply hostile.Reply) {
		c.Packet(reply(decoy()))
		c.Packet(reply(attacker()))
	}
	openssh.attacked(t, []attack{
		{name: "when asked", script: server{offer: guess(1, wrong, "ssh-ed25519"), reply: skipped}.script, reason: reason,
			fools: true},
		{name: "at once", reason: reason, fools: true,
			script: server{id: attacker(), offer: guess(1, wrong, "ssh-ed25519"), at: afterKexInit, lie: sends(decoyReply(31)...)}.script},
		{name: "with NEWKEYS",
			script: server{id: attacker(), offer: guess(1, wrong, "ssh-ed25519"), reply: func(c *hostile.Conn, reply hostile.Reply) {
				c.Packet(reply(decoy()))
				c.NewKeys()
				c.Packet(reply(attacker()))
			}}.script, reason: reason, fools: true},
		{name: "true is 2", script: server{offer: guess(2, wrong, "ssh-ed25519"), reply: skipped}.script, reason: reason,
			fools: true},
		{name: "wrong host key algorithm",
			script: server{offer: guess(1, curve25519, "ssh-dss,ssh-ed25519"), reply: skipped}.script, reason: reason,
			fools:   true,
			options: []string{"-o", "KexAlgorithms=" + curve25519}},
		{name: "a right guess", script: server{offer: guess(1, curve25519, "ssh-ed25519")}.script, reason: reason,
			fools:   true,
			options: []string{"-o", "KexAlgorithms=" + curve25519, "-o", "HostKeyAlgorithms=ssh-ed25519"}},
	})
}

// In group exchange, message 31 is the group, not the reply. OpenSSH answers unexpected messages with UNIMPLEMENTED
// and goes on.
func TestAttackReplyAheadOfItsGroup(t *testing.T) {
	gex := server{id: attacker(), method: groupExchange}
	with := func(at place, lie func(*hostile.Conn)) func(*hostile.Conn) {
		s := gex
		s.at, s.lie = at, lie
		return s.script
	}
	p, g := hostile.Group14()
	shaped := gex
	shaped.group = rsaShaped()
	openssh.attacked(t, []attack{
		{name: "a reply for a group", script: with(beforeGroup, sends(decoyReply(31)...)),
			reason: `the key exchange group is malformed: \d+ bytes follow`},
		{name: "a group that is the pinned key", script: shaped.script, reason: `is not pinned`, fools: true},
		{name: "a group with a negative number", script: with(beforeGroup, sends(31, 0, 0, 0, 1, 0x80, 0, 0, 0, 1, 2)),
			reason: `not positive`},
		{name: "a group of nothing", script: with(beforeGroup, sends(31, 0, 0, 0, 0, 0, 0, 0, 0)), reason: `not positive`},
		{name: "a truncated group", script: with(beforeGroup, sends(31, 0, 0, 1, 0, 1)),
			reason: `the key exchange group is malformed: a field extends past`},
		{name: "two groups at once", script: with(beforeGroup, func(c *hostile.Conn) {
			c.Write(slices.Concat(hostile.Frame(hostile.GroupMessage(p, g)), hostile.Frame(hostile.GroupMessage(p, g))))
		}), reason: `message 31 `},
		{name: "a second group", script: with(beforeReply, sends(hostile.GroupMessage(p, g)...)),
			reason: `message 31 instead of key exchange message 33`, fools: true},
		{name: "31 for 33", script: with(beforeReply, sends(decoyReply(31)...)), reason: `message 31 instead of key exchange message 33`,
			fools: true},
		{name: "a reply that is a group, with NEWKEYS", script: func(c *hostile.Conn) {
			c.Identify()
			c.KexInit(hostile.Offer(groupExchange, "ssh-ed25519"))
			c.ReadKexInit()
			x := c.ReadGroupRequest()
			c.Message(hostile.MsgGexGroup, hostile.String(pinnedRSA().PublicKey().Marshal()), hostile.Mpint(g))
			c.NewKeys()
			reply := x.ReadInit(rsaShaped(), g)
			c.Packet(reply(attacker()))
			c.NewKeys()
			c.Wait()
		}, reason: `message 21 out of turn|message 21 instead of key exchange message 33`, fools: true},
		{name: "33 before the group", script: with(beforeGroup, sends(decoyReply(33)...)),
			reason: `message 33 instead of key exchange message 31`, fools: true},
		{name: "32", script: with(beforeReply, sends(decoyReply(32)...)), reason: `message 32 instead of key exchange message 33`,
			fools: true},
		{name: "33 for 31 in curve25519",
			script: server{id: attacker(), at: beforeReply, lie: sends(decoyReply(33)...)}.script,
			reason: `message 33 instead of key exchange message 31`, fools: true},
		{name: "30 for 31 in curve25519",
			script: server{id: attacker(), at: beforeReply, lie: sends(decoyReply(30)...)}.script,
			reason: `message 30 instead of key exchange message 31`, fools: true},
		{name: "the reply before it is asked for",
			script: server{id: attacker(), at: afterKexInit, lie: sends(decoyReply(31)...)}.script,
			reason: `message 31 out of turn`},
		{name: "the reply with KEXINIT", reason: `message 31 out of turn`, script: func(c *hostile.Conn) {
			c.Identify()
			c.ReadKexInit()
			c.Write(slices.Concat(hostile.Frame(hostile.Offer(curve25519, "ssh-ed25519").Marshal()), hostile.Frame(decoyReply(31))))
			c.Wait()
		}},
		{name: "the reply before KEXINIT",
			script: server{id: attacker(), at: beforeKexInit, lie: sends(decoyReply(31)...)}.script,
			reason: `message 31 instead of its KEXINIT`},
		{name: "two replies", script: server{reply: func(c *hostile.Conn, reply hostile.Reply) {
			c.Packet(reply(hostile.Holder(pinned())))
			c.Packet(reply(attacker()))
		}}.script, reason: `message 31 instead of its NEWKEYS`, newKeys: true},
	})
}

// OpenSSH reads 40 names of a list and stops at an empty one. Suppose a client picks group exchange, where message 31
// is a group, and an inspector believes in curve25519, where it is the reply: they see two different servers.
func TestAttackMethodChosenDifferently(t *testing.T) {
	two := func(methods string) func(*hostile.Conn) {
		return server{id: attacker(), method: groupExchange, group: rsaShaped(), offer: lists(hostile.Methods, methods)}.script
	}
	one := func(list int, names string) func(*hostile.Conn) {
		return server{offer: lists(list, names)}.script
	}
	openssh.attacked(t, []attack{
		{name: "41 names", script: two(fillers(39) + "," + groupExchange + "," + curve25519),
			reason: `name-list 1: 41 names`, fools: true},
		{name: "an empty name", script: two(groupExchange + ",," + curve25519), reason: `name-list 1: an empty name`,
			fools: true},
		{name: "an empty name at the end", script: one(hostile.Methods, curve25519+","),
			reason: `name-list 1: an empty name`, fools: true},
		{name: "an empty name at the start", script: one(hostile.Methods, ","+curve25519),
			reason: `name-list 1: an empty name`},
		{name: "a comma", script: one(hostile.Methods, ","), reason: `name-list 1: an empty name`},
		{name: "NUL at the end", script: two(groupExchange + "\x00"), reason: `name-list 1: the name ".*x00" contains`,
			fools: true},
		{name: "NUL inside", script: one(hostile.Methods, curve25519+"\x00,x"), reason: `name-list 1: the name ".*x00" contains`},
		{name: "twice", script: one(hostile.Methods, curve25519+",x,"+curve25519),
			reason: `name-list 1: it lists the name "curve25519-sha256" twice`, fools: true},
		{name: "65 characters", script: one(hostile.Methods, strings.Repeat("x", 65)+","+curve25519),
			reason: `a name of 65 characters`, fools: true},
		{name: "not ASCII", script: one(hostile.Methods, curve25519+",\xc3\xa9"),
			reason: `the name ".*u00e9" contains characters other than`, fools: true},
		{name: "not UTF-8", script: one(hostile.Methods, curve25519+",\xff\x9b31m"),
			reason: `the name ".*xff.*x9b31m" contains characters other than`, fools: true},
		{name: "escape sequence", script: one(hostile.Methods, curve25519+",\x1b[2J"),
			reason: `the name ".*x1b\[2J" contains characters other than`, fools: true},
		{name: "a space", script: one(hostile.Methods, curve25519+", "), reason: `the name " " contains characters other than`,
			fools: true},
		{name: "DEL", script: one(hostile.Methods, curve25519+",\x7f"),
			reason: `the name ".*x7f" contains characters other than`, fools: true},
		{name: "a host key algorithm twice, with another key", reason: `is not pinned`, fools: true,
			script: server{id: attacker(), offer: lists(hostile.HostKeys, "ssh-ed25519,ssh-ed25519")}.script},
		{name: "an empty language", script: one(hostile.Languages, "en,"), reason: `name-list 10: an empty name`,
			fools: true},
		{name: "41 languages", script: one(hostile.Languages, fillers(41)), reason: `name-list 10: 41 names`, fools: true},
		{name: "no method", script: one(hostile.Methods, ""), reason: `no key exchange method in common: the server offers ""`},
		{name: "an unknown method", script: one(hostile.Methods, "rsa2048-sha256"),
			reason: `no key exchange method in common: the server offers "rsa2048-sha256"`},
		{name: "a pseudo-name", script: one(hostile.Methods, "ext-info-c"),
			reason: `the key exchange method "ext-info-c" is not one`},
		{name: "group1", script: one(hostile.Methods, "diffie-hellman-group1-sha1"),
			reason:  `the key exchange method "diffie-hellman-group1-sha1" is not one`,
			options: []string{"-o", "KexAlgorithms=+diffie-hellman-group1-sha1"}},
		{name: "group exchange with SHA-1", script: one(hostile.Methods, "diffie-hellman-group-exchange-sha1"),
			reason:  `the key exchange method "diffie-hellman-group-exchange-sha1" is not one`,
			options: []string{"-o", "KexAlgorithms=+diffie-hellman-group-exchange-sha1"}},
	})
}

// An inspector that takes the first NEWKEYS for the end of the cleartext stops looking. OpenSSH answers an unexpected
// one with UNIMPLEMENTED and goes on.
func TestAttackEarlyNewKeys(t *testing.T) {
	early := func(at place) func(*hostile.Conn) {
		return server{id: attacker(), at: at, lie: func(c *hostile.Conn) { c.NewKeys() }}.script
	}
	openssh.attacked(t, []attack{
		{name: "before KEXINIT", script: early(beforeKexInit), reason: `message 21 instead of its KEXINIT`, fools: true},
		{name: "after KEXINIT", script: early(afterKexInit), reason: `message 21 out of turn|message 21 instead of key exchange message 31`, fools: true},
		{name: "before the reply", script: early(beforeReply), reason: `message 21 instead of key exchange message 31`, fools: true},
		{name: "before the group",
			script: server{id: attacker(), method: groupExchange, at: beforeGroup, lie: sends(21)}.script,
			reason: `message 21 instead of key exchange message 31`, fools: true},
		{name: "between group and reply",
			script: server{id: attacker(), method: groupExchange, at: beforeReply, lie: sends(21)}.script,
			reason: `message 21 instead of key exchange message 33`, fools: true},
		{name: "twice", script: server{id: attacker(), at: beforeReply, lie: func(c *hostile.Conn) {
			c.NewKeys()
			c.NewKeys()
		}}.script, reason: `message 21 instead of key exchange message 31`, fools: true},
		{name: "of two bytes", script: server{at: afterReply, lie: sends(21, 0)}.script,
			reason: `NEWKEYS is malformed: it has 2 bytes`, newKeys: true},
		{name: "of two bytes, before the reply",
			script: server{id: attacker(), at: beforeReply, lie: sends(21, 0)}.script,
			reason: `message 21 instead of key exchange message 31`, fools: true},
		{name: "held after a decoy", script: server{reply: func(c *hostile.Conn, reply hostile.Reply) {
			c.Write(slices.Concat(hostile.Frame(reply(decoy())), hostile.Frame([]byte{21}), hostile.Frame(reply(attacker()))))
		}}.script, stopped: true, reason: `incorrect signature`},
	})
}
