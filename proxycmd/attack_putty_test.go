//go:build unix

package proxycmd_test

import (
	"crypto/rand"
	"slices"
	"strconv"
	"testing"

	"clever-ssh/internal/test/hostile"

	"golang.org/x/crypto/ssh"
)

// plink is told to accept the attackers' keys, too.
var plink = client{
	program:    "plink",
	disconnect: `(?s)Remote side sent disconnect message.*type (9|11) .*`,
	refused:    1,
	arguments: func(t *testing.T, dir, proxy string, port int) []string {
		args := []string{"-batch", "-ssh", "-noagent", "-P", strconv.Itoa(port), "-l", "ssh"}
		for _, key := range keys() {
			args = append(args, "-hostkey", pin(key).String())
		}
		// No proxy for 127.0.0.1: plink uses none for the local host, unless a setting without an option says so.
		if proxy != "" {
			return append(args, "-proxycmd", proxy, "gateway.invalid", "true")
		}
		return append(args, "127.0.0.1", "true")
	},
}

// dbclient, Dropbear's client, is the only client here that sends a guess of the key exchange with its KEXINIT (RFC
// 4253, section 7.1). It does not show the reason of an SSH_MSG_DISCONNECT.
var dbclient = client{
	program: "dbclient",
	refused: anyStatus,
	arguments: func(t *testing.T, dir, proxy string, port int) []string {
		args := []string{"-y", "-y", "-p", strconv.Itoa(port), "-l", "ssh"}
		if proxy != "" {
			args = append(args, "-J", proxy)
		}
		return append(args, "127.0.0.1", "true")
	},
}

func TestControlsPuTTY(t *testing.T) {
	plink.goesThrough(t, map[string]server{
		"curve25519":      {},
		"curve25519, RSA": {id: hostile.Holder(pinnedRSA())},
		"group exchange":  {method: groupExchange},
	})
}

func TestControlsDropbear(t *testing.T) {
	dbclient.goesThrough(t, map[string]server{
		"curve25519":    {}, // a right guess until Dropbear 2025, which guesses a method that the server does not have
		"a wrong guess": {offer: lists(hostile.Methods, "x,"+curve25519)},
	})
}

func TestAttackPuTTY(t *testing.T) {
	gex := server{id: attacker(), method: groupExchange}
	oldGex := gex
	oldGex.line = "SSH-2.0-OpenSSH_2.3.0\r\n"
	two := gex
	two.offer = lists(hostile.Methods, groupExchange+",,"+curve25519)
	plink.attacked(t, slices.Concat(sharedAttacks(), []attack{
		{name: "a group and more", fools: true, reason: `the key exchange group is malformed: \d+ bytes follow`,
			script: func(c *hostile.Conn) {
				p, g := hostile.Group14()
				c.Identify()
				c.KexInit(hostile.Offer(groupExchange, "ssh-ed25519"))
				c.ReadKexInit()
				x := c.ReadGroupRequest()
				c.Packet(append(hostile.GroupMessage(p, g), hostile.String([]byte("a third field"))...))
				reply := x.ReadInit(p, g)
				c.Packet(reply(attacker()))
				c.NewKeys()
				c.Wait()
			}},
		{name: "an old request for a group", script: oldGex.script,
			reason: `your client breaks the SSH protocol: it sent key exchange message 30, which does not fit`},
		{name: "an empty name", script: two.script, reason: `an empty name`},
		{name: "the public key alone", script: server{id: decoy()}.script, stopped: true, reason: `[Ss]ignature`},
	}))
}

func TestAttackDropbear(t *testing.T) {
	signature, err := attackers().Sign(rand.Reader, []byte("not the exchange hash"))
	if err != nil {
		t.Fatal(err)
	}
	half := make([]byte, 32)
	half[0] = 9 // curve25519's base point
	forged := slices.Concat([]byte{31}, hostile.String(decoy().Shown), hostile.String(half), hostile.String(ssh.Marshal(signature)))
	dbclient.attacked(t, slices.Concat(sharedAttacks(), []attack{
		{name: "a reply to a wrong guess", stopped: true, reason: `Bad hostkey signature`, script: func(c *hostile.Conn) {
			c.Identify()
			c.KexInit(hostile.Offer("x,"+curve25519, "ssh-ed25519"))
			c.ReadKexInit()
			c.SkipWrongGuess()
			c.Packet(forged)
			asked := c.ReadCurve25519()
			c.Packet(asked(attacker()))
			c.NewKeys()
			c.Wait()
		}},
		{name: "the public key alone", script: server{id: decoy()}.script, stopped: true, reason: `Bad hostkey signature`},
	}))
}

// sharedAttacks are those that fool every client.
func sharedAttacks() []attack {
	skipped := server{
		id: attacker(),
		offer: func(k hostile.KexInit) hostile.KexInit {
			k.Follows = 1
			return k.With(hostile.Methods, "ecdh-sha2-nistp521,"+curve25519)
		},
		at: afterKexInit, lie: sends(decoyReply(31)...),
	}
	ignore := []byte{hostile.MsgIgnore, 0, 0, 0, 0}
	return []attack{
		{name: "another key", script: server{id: attacker()}.script, reason: `is not pinned`, fools: true},
		{name: "a skipped guess", script: skipped.script, reason: `announces a guessed`, fools: true},
		{name: "the pinned key and a byte", reason: `is not pinned`, script: server{
			id: hostile.Identity{Shown: append(pinned().PublicKey().Marshal(), 0), Signer: pinned()}}.script},
		{name: "IGNORE before the reply", script: server{at: beforeReply, lie: sends(ignore...)}.script,
			reason: `message 2 instead of key exchange message 31`, fools: true},
		// In one piece: dbclient does not wait for the server's NEWKEYS once it has a reply from the gateway.
		{name: "IGNORE after the reply", reason: `message 2 instead of its NEWKEYS`, newKeys: true,
			script: server{reply: func(c *hostile.Conn, reply hostile.Reply) {
				c.Write(slices.Concat(hostile.Frame(reply(hostile.Holder(pinned()))), hostile.Frame(ignore)))
			}}.script},
		{name: "NEWKEYS before the reply", script: server{id: attacker(), at: beforeReply, lie: sends(21)}.script,
			reason: `message 21 instead of key exchange message 31`},
		{name: "a DISCONNECT of control characters",
			script: server{at: beforeReply, lie: func(c *hostile.Conn) { c.Disconnect(2, "\x1b[2J\x9b31m\r\n") }}.script,
			reason: `the server closed the connection: ".*x1b\[2J.*x9b31m`},
		{name: "HTTP", script: speaks("HTTP/1.1 400 Bad Request\r\n"),
			reason: `this is not an SSH server: its first line is "HTTP/1.1 400`},
		{name: "a broken connection", script: server{at: beforeReply, lie: func(c *hostile.Conn) { c.Reset() }}.script,
			reason: `connection reset by peer|the server closed the connection`},
		{name: "SSH-1.99", script: server{line: "SSH-1.99-x\r\n"}.script, reason: `is not that of SSH 2.0`, fools: true},
	}
}
