//go:build unix

package proxycmd_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test/hostile"
)

func TestAttackIdentification(t *testing.T) {
	as := func(line string) func(*hostile.Conn) {
		return server{line: line}.script
	}
	before := func(n int, line string) func(*hostile.Conn) {
		return server{at: beforeIdentification, lie: func(c *hostile.Conn) {
			for sent := 0; sent < n; sent += len(line) {
				c.Write([]byte(line))
			}
		}}.script
	}
	const reason = `the identification string ".*"(...)? is not that of SSH 2.0`
	openssh.attacked(t, []attack{
		{name: "SSH- alone before it", script: before(1, "SSH-\n"), reason: `the identification string "SSH-" is not`,
			fools: true},
		{name: "SSH- and CR before it", script: before(1, "SSH-\r\n"), reason: `the identification string "SSH-" is not`,
			fools: true},
		{name: "SSH-1.99", script: as("SSH-1.99-x\r\n"), reason: reason, fools: true},
		{name: "SSH-1.5", script: as("SSH-1.5-x\r\n"), reason: reason},
		{name: "SSH-2.00", script: as("SSH-2.00-x\r\n"), reason: reason, fools: true},
		{name: "NUL", script: as("SSH-2.0-x\x00y\r\n"), reason: reason},
		{name: "CR inside", script: as("SSH-2.0-x\ry\r\n"), reason: reason},
		{name: "two CR at the end", script: as("SSH-2.0-x\r\r\n"), reason: reason, fools: true},
		{name: "tab", script: as("SSH-2.0-x\ty\r\n"), reason: reason, fools: true},
		{name: "escape sequence", script: as("SSH-2.0-\x1b]0;x\x07\r\n"),
			reason: `the identification string "SSH-2.0-.*x1b\]0;x.*" is not`, fools: true},
		{name: "not ASCII", script: as("SSH-2.0-\xc3\xa9\r\n"), reason: reason, fools: true},
		{name: "256 bytes", script: as("SSH-2.0-" + strings.Repeat("x", 246) + "\r\n"), reason: reason, fools: true},
		{name: "300 bytes", script: as("SSH-2.0-" + strings.Repeat("x", 290) + "\r\n"), reason: reason, fools: true},
		{name: "9000 bytes", script: as("SSH-2.0-" + strings.Repeat("x", 9000) + "\r\n"),
			reason: `this is not an SSH server: its first line is "SSH-2.0-xxx`},
		{name: "1025 lines before it", script: before(1025*3, "x\r\n"),
			reason: `this is not an SSH server: its first line is "x"`},
		{name: "10 MB of lines before it", script: before(10<<20, strings.Repeat("x", 8000)+"\n"),
			reason: `this is not an SSH server: its first line is "xxx`},
		{name: "10 MB of empty lines before it", script: before(10<<20, "\n"),
			reason: `this is not an SSH server: its first line is ""`},
		{name: "a line of 10 MB before it", script: before(1, strings.Repeat("x", 10<<20)+"\n"),
			reason: `this is not an SSH server: its first line is "xxx`},
		{name: "no end", script: func(c *hostile.Conn) { c.Write([]byte("SSH-2.0-x")) },
			reason: `first line is "SSH-2.0-x"`},
	})
}

// Dropping a message would shift the sequence numbers that are part of every later MAC, and passing it on would let
// an attacker shift them. The server holds the pinned key; the message itself ends the connection.
func TestAttackMessagesInTheClear(t *testing.T) {
	messages := []struct {
		name    string
		payload []byte
	}{
		{"IGNORE", []byte{hostile.MsgIgnore, 0, 0, 0, 1, 'x'}},
		{"DEBUG", []byte{hostile.MsgDebug, 1, 0, 0, 0, 4, 0x1b, '[', '2', 'J', 0, 0, 0, 0}},
		{"UNIMPLEMENTED", []byte{hostile.MsgUnimplemented, 0, 0, 0, 0}},
		{"EXT_INFO", []byte{hostile.MsgExtInfo, 0, 0, 0, 0}},
		{"a global request", append([]byte{hostile.MsgGlobalRequest}, "\x00\x00\x00\x17hostkeys-00@openssh.com\x00"...)},
		{"SERVICE_ACCEPT", append([]byte{hostile.MsgServiceAccept}, "\x00\x00\x00\x0cssh-userauth"...)},
		{"USERAUTH_SUCCESS", []byte{hostile.MsgAuthSuccess}},
		{"USERAUTH_BANNER", append([]byte{hostile.MsgAuthBanner}, "\x00\x00\x00\x04\x1b[2J\x00\x00\x00\x00"...)},
	}
	var attacks []attack
	for _, m := range messages {
		for at := beforeKexInit; at < afterNewKeys; at++ {
			s := server{at: at, lie: sends(m.payload...)}
			if at == beforeGroup {
				s.method = groupExchange
			}
			attacks = append(attacks, attack{
				name: m.name + " " + at.String(), script: s.script, reason: fmt.Sprintf(`the server sent message %d `, m.payload[0]),
				newKeys: at == afterReply, fools: m.payload[0] == hostile.MsgIgnore,
			})
		}
	}
	openssh.attacked(t, attacks)
}

func TestAttackMalformedMessages(t *testing.T) {
	replies := func(change func([]byte) []byte) func(*hostile.Conn) {
		return server{reply: func(c *hostile.Conn, reply hostile.Reply) { c.Packet(change(reply(hostile.Holder(pinned())))) }}.script
	}
	inits := func(change func([]byte) []byte) func(*hostile.Conn) {
		return server{init: func(c *hostile.Conn, k hostile.KexInit) { c.Packet(change(k.Marshal())) }}.script
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	openssh.attacked(t, []attack{
		{name: "two KEXINITs", script: server{init: func(c *hostile.Conn, k hostile.KexInit) {
			c.Write(slices.Concat(hostile.Frame(k.Marshal()), hostile.Frame(k.Marshal()))) // at once, or the client answers in between
		}}.script, reason: `message 20 out of turn`},
		{name: "a KEXINIT for the reply", script: server{at: beforeReply, lie: func(c *hostile.Conn) {
			c.KexInit(hostile.Offer(groupExchange, "ssh-ed25519"))
		}}.script, reason: `message 20 instead of key exchange message 31`},
		{name: "a KEXINIT after the reply", script: server{at: afterReply, lie: func(c *hostile.Conn) {
			c.KexInit(hostile.Offer(groupExchange, "ssh-ed25519"))
		}}.script, reason: `message 20 instead of its NEWKEYS`, newKeys: true},
		{name: "no KEXINIT",
			script: server{init: func(*hostile.Conn, hostile.KexInit) {}, at: afterKexInit, lie: sends(decoyReply(31)...)}.script,
			reason: `message 31 instead of its KEXINIT`},
		{name: "KEXINIT and a byte", script: inits(func(b []byte) []byte { return append(b, 0) }),
			reason: `6 bytes follow its name-lists instead of 5`},
		{name: "KEXINIT and a list", reason: `KEXINIT is malformed`,
			script: inits(func(b []byte) []byte { return append(b, 0, 0, 0, 0) })},
		{name: "KEXINIT less a byte", script: inits(cut(1)), reason: `4 bytes follow its name-lists instead of 5`},
		{name: "KEXINIT without its end", script: inits(cut(5)), reason: `0 bytes follow its name-lists instead of 5`},
		{name: "KEXINIT with nine lists", reason: `KEXINIT is malformed`,
			script: server{offer: func(k hostile.KexInit) hostile.KexInit {
				k.Lists = k.Lists[:9]
				return k
			}}.script},
		{name: "KEXINIT of a byte", script: inits(func(b []byte) []byte { return b[:1] }),
			reason: `KEXINIT is malformed: it is too short`},
		{name: "KEXINIT of a cookie", script: inits(func(b []byte) []byte { return b[:17] }),
			reason: `KEXINIT is malformed: a field extends past`},
		{name: "a list of 4 GiB", reason: `KEXINIT is malformed: a field extends past`,
			script: inits(func(b []byte) []byte { return append(b[:17], 0xff, 0xff, 0xff, 0xff, 'x') })},
		{name: "a reply with a fourth field", script: replies(func(b []byte) []byte { return append(b, 0, 0, 0, 0) }),
			reason: `the key exchange reply is malformed: 4 bytes follow`},
		{name: "a reply less a byte", script: replies(cut(1)),
			reason: `the key exchange reply is malformed: a field extends past`},
		{name: "a reply without its signature", script: replies(func(b []byte) []byte { return b[:1+4+51+4+32] }),
			reason: `the key exchange reply is malformed: a field extends past`},
		{name: "a reply of a byte", script: replies(func(b []byte) []byte { return b[:1] }),
			reason: `the key exchange reply is malformed: a field extends past`},
		{name: "a key of 4 GiB",
			script: replies(func(b []byte) []byte { return append([]byte{31, 0xff, 0xff, 0xff, 0xff}, b[5:]...) }),
			reason: `the key exchange reply is malformed: a field extends past`},
		{name: "a reply in two halves", script: server{reply: func(c *hostile.Conn, reply hostile.Reply) {
			b := reply(hostile.Holder(pinned()))
			c.Packet(b[:60])
			c.Packet(append([]byte{31}, b[60:]...))
		}}.script, reason: `the key exchange reply is malformed`},
		{name: "message 0", script: server{at: beforeReply, lie: sends(0)}.script, reason: `message 0 instead of key exchange message 31`},
		{name: "message 255", script: server{at: beforeReply, lie: sends(255)}.script,
			reason: `message 255 instead of key exchange message 31`},
	})
}

func TestAttackFraming(t *testing.T) {
	init := func(knobs ...hostile.Knob) func(*hostile.Conn) {
		return server{init: func(c *hostile.Conn, k hostile.KexInit) { c.KexInit(k, knobs...) }}.script
	}
	newKeys := func(knobs ...hostile.Knob) func(*hostile.Conn) {
		return server{at: afterReply, lie: func(c *hostile.Conn) { c.Write(hostile.Frame([]byte{21}, knobs...)) }}.script
	}
	var attacks []attack
	for _, n := range []uint32{0, 1, 11, 13, 19, 35001, 35004, 1 << 18, 1 << 31, 1<<32 - 1, 1<<32 - 4} {
		attacks = append(attacks,
			attack{name: fmt.Sprintf("length %d", n), script: init(hostile.ClaimLength(n)),
				reason: fmt.Sprintf(`a packet claims a length of %d bytes`, n)},
			attack{name: fmt.Sprintf("NEWKEYS of length %d", n), script: newKeys(hostile.ClaimLength(n)),
				reason: fmt.Sprintf(`a packet claims a length of %d bytes`, n), newKeys: true})
	}
	for n := range byte(4) {
		attacks = append(attacks, attack{name: fmt.Sprintf("padding %d", n), script: init(hostile.ClaimPadding(n)),
			reason: fmt.Sprintf(`a packet of \d+ bytes claims a padding of %d bytes`, n)})
	}
	openssh.attacked(t, append(attacks,
		attack{name: "padding longer than the packet", script: newKeys(hostile.ClaimPadding(200)),
			reason: `a packet of 12 bytes claims a padding of 200 bytes`, newKeys: true},
		attack{name: "padding as long as the packet", script: newKeys(hostile.ClaimPadding(12)),
			reason: `a packet of 12 bytes claims a padding of 12 bytes`, newKeys: true},
		attack{name: "nothing but padding", script: newKeys(hostile.ClaimPadding(11)),
			reason: `a packet of 12 bytes claims a padding of 11 bytes`, newKeys: true},
		attack{name: "a packet of 8 bytes", script: newKeys(hostile.Padding(2), hostile.ClaimPadding(4)),
			reason: `a packet claims a length of 4 bytes`, newKeys: true},
		attack{name: "a truncated KEXINIT", reason: `closed the connection during the handshake`,
			script: server{init: func(c *hostile.Conn, k hostile.KexInit) {
				b := hostile.Frame(k.Marshal())
				c.Write(b[:len(b)-1])
				c.HalfClose()
				c.Wait()
			}}.script},
		attack{name: "a truncated header", reason: `closed the connection during the handshake`,
			script: server{init: func(c *hostile.Conn, k hostile.KexInit) {
				c.Write([]byte{0, 0, 0, 12})
				c.HalfClose()
				c.Wait()
			}}.script},
		attack{name: "a truncated reply", reason: `closed the connection during the handshake`,
			script: server{reply: func(c *hostile.Conn, reply hostile.Reply) {
				b := hostile.Frame(reply(hostile.Holder(pinned())))
				c.Write(b[:len(b)-1])
				c.HalfClose()
				c.Wait()
			}}.script},
	))
}

func TestAttackSilence(t *testing.T) {
	const (
		short   = time.Second
		reason  = `the server did not answer within 1s`
		reason2 = `the server did not answer within 2s`
	)
	silent := func(c *hostile.Conn) { c.Wait() }
	slowly := func(c *hostile.Conn, b []byte) {
		for i := range b {
			c.Write(b[i : i+1])
			c.Sleep(time.Second)
		}
	}
	attacks := []attack{
		{name: "a byte per second of the identification", reason: reason2, timeout: 2 * time.Second,
			script: func(c *hostile.Conn) { slowly(c, []byte("SSH-2.0-hostile\r\n")) }},
		{name: "a byte per second of lines before it", reason: `this is not an SSH server: its first line is ""`,
			timeout: 2 * time.Second,
			script:  func(c *hostile.Conn) { slowly(c, bytes.Repeat([]byte("\n"), 1000)) }},
		{name: "a byte per second of KEXINIT", reason: reason2, timeout: 2 * time.Second,
			script: server{init: func(c *hostile.Conn, k hostile.KexInit) { slowly(c, hostile.Frame(k.Marshal())) }}.script},
		{name: "a byte per second of the reply", reason: reason2, timeout: 2 * time.Second,
			script: server{reply: func(c *hostile.Conn, reply hostile.Reply) { slowly(c, hostile.Frame(reply(attacker()))) }}.script},
	}
	said := server{at: beforeKexInit, lie: silent, more: map[place][]func(*hostile.Conn){
		beforeIdentification: {func(c *hostile.Conn) { c.Line("welcome") }},
	}}
	attacks = append(attacks, attack{name: "after a line and the identification", script: said.script, reason: reason, timeout: short})
	for at := beforeIdentification; at <= beforeReply; at++ {
		s := server{at: at, lie: silent}
		if at == beforeGroup {
			s.method = groupExchange
		}
		if at == afterKexInit {
			continue // it is the client's turn, and the server listens: nothing is missing yet
		}
		attacks = append(attacks, attack{name: at.String(), script: s.script, reason: reason, timeout: short})
	}
	openssh.attacked(t, attacks)
}

func TestAttackBrokenConnection(t *testing.T) {
	var attacks []attack
	for at := beforeIdentification; at <= afterReply; at++ {
		s := server{at: at}
		if at == beforeGroup {
			s.method = groupExchange
		}
		s.lie = func(c *hostile.Conn) { c.Reset() }
		attacks = append(attacks, attack{name: "reset " + at.String(), script: s.script, newKeys: at == afterReply,
			reason: `connection reset by peer|the server closed the connection`})
		s.lie = func(c *hostile.Conn) {
			c.HalfClose()
			c.Wait()
		}
		attacks = append(attacks, attack{name: "half-closed " + at.String(), script: s.script, newKeys: at == afterReply,
			reason: `the server closed the connection`})
	}
	openssh.attacked(t, attacks)
}

// What a server says before it is known is shown to a person. It must not move the cursor, set the window's title or
// pretend to be another line from clever-ssh or ssh.
func TestAttackTerminal(t *testing.T) {
	const text = "\x1b[2J\x1b]0;owned\x07\r\nclever-ssh: all is well\x9b31m\xe2\x80\xae\u00e9\x00\x08\x7f"
	const shown = `.*x1b\[2J.*x1b\]0;owned.*a.*r.*nclever-ssh: all is well.*x9b31m.*u202e.*u00e9.*x00.*b.*x7f`
	var attacks []attack
	for at := beforeKexInit; at <= afterReply; at++ {
		s := server{at: at, lie: func(c *hostile.Conn) { c.Disconnect(2, text) }}
		if at == beforeGroup {
			s.method = groupExchange
		}
		attacks = append(attacks, attack{name: "DISCONNECT " + at.String(), script: s.script, newKeys: at == afterReply,
			reason: `the server closed the connection: "` + shown + `.*" \(reason 2\)`})
	}
	openssh.attacked(t, append(attacks,
		attack{name: "a long DISCONNECT",
			script: server{at: beforeReply, lie: func(c *hostile.Conn) { c.Disconnect(1<<32-1, strings.Repeat("\x1b", 30000)) }}.script,
			reason: `the server closed the connection: "[\\x1b]*`},
		attack{name: "an empty DISCONNECT", script: server{at: beforeReply, lie: sends(1)}.script,
			reason: `a malformed DISCONNECT`},
		attack{name: "a truncated DISCONNECT",
			script: server{at: beforeReply, lie: sends(1, 0, 0, 0, 2, 0, 0, 0, 9, 'x')}.script,
			reason: `a malformed DISCONNECT`},
		attack{name: "HTTP", script: speaks("HTTP/1.1 400 Bad Request\r\nServer: x\x1b[2J\r\n\r\n"),
			reason: `this is not an SSH server: its first line is "HTTP/1.1 400 Bad Request"`},
		attack{name: "a first line of control characters", script: speaks(strings.ReplaceAll(text, "\r\n", "") + "\r\n"),
			reason: `this is not an SSH server: its first line is ".*x1b\[2J`},
		attack{name: "TLS", script: speaks("\x15\x03\x01\x00\x02\x02\x16"),
			reason: `this is not an SSH server: its first line is ".*x15.*x03.*x01`},
		attack{name: "SMTP, which waits", timeout: time.Second, reason: `first line is "220 mail.example ESMTP"`,
			script: func(c *hostile.Conn) {
				c.Line("220 mail.example ESMTP")
				c.Wait()
			}},
		attack{name: "nothing", script: speaks(""), reason: `the server closed the connection before it said anything`},
	))
}

// speaks is a server of another protocol.
func speaks(greeting string) func(*hostile.Conn) {
	return func(c *hostile.Conn) {
		c.ReadIdentification()
		c.Write([]byte(greeting))
	}
}
