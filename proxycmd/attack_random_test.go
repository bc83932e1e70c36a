//go:build unix

package proxycmd_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"clever-ssh/internal/test/hostile"
)

// To try more than the few of every run: go test -run TestAttackAtRandom ./proxycmd -attacks 10000
var attacksAtRandom = flag.Int("attacks", 24, "how many random attacks to try on ssh")

// An attacker's whole handshakes, with up to four lies in them. Some of them fool ssh alone; none may do so through
// the proxy.
func TestAttackAtRandom(t *testing.T) {
	t.Parallel()
	openssh.need(t)
	var fooled atomic.Int32
	t.Cleanup(func() {
		t.Logf("%d of %d fool ssh alone", fooled.Load(), *attacksAtRandom)
		if fooled.Load() == 0 {
			t.Error("not one of these attacks is real")
		}
	})
	for seed := range *attacksAtRandom {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			s := randomServer(rand.New(rand.NewPCG(uint64(seed), 0)))
			o := openssh.connect(t, s.script, true, time.Second)
			if o.record.NewKeys || o.record.After > 0 || o.status == 0 {
				t.Errorf("the client went on: %+v", o)
			}
			if !proxyLine.MatchString(o.proxySaid) && o.proxySaid != "" {
				t.Errorf("the proxy said %q", o.proxySaid)
			}
			if openssh.connect(t, s.script, false, time.Second).authenticated() {
				fooled.Add(1)
			}
		})
	}
}

// randomServer is an attacker with its own key, or with the pinned key and its own signature.
func randomServer(r *rand.Rand) server {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	s := server{id: attacker(), patience: 300 * time.Millisecond, more: map[place][]func(*hostile.Conn){}}
	if r.IntN(8) == 0 {
		s.id = decoy()
	}
	if r.IntN(2) == 0 {
		s.method = groupExchange
		if r.IntN(3) == 0 {
			s.group = rsaShaped()
		}
	} else {
		s.method = curve25519
	}
	other := map[string]string{curve25519: groupExchange, groupExchange: curve25519}[s.method]
	if r.IntN(8) == 0 {
		s.line = pick([]string{
			"SSH-2.0-x\n", "SSH-1.99-x\r\n", "SSH-2.0-x\r\r\n", "SSH-2.00-x\n", "SSH-2.0-\x1b[2J\n",
			"SSH-2.0-FuTTY\r\n", "SSH-2.0-Cisco-1.25\r\n", // OpenSSH does group exchange differently with these
		})
	}
	if r.IntN(2) == 0 {
		methods := pick([]string{
			s.method, s.method, "ecdh-sha2-nistp521," + s.method, s.method + "," + s.method,
			s.method + ",", s.method + ",," + other, "," + s.method,
			s.method + "\x00", s.method + "\x00," + other, s.method + ", " + other,
			fillers(39) + "," + s.method + "," + other, fillers(38) + "," + s.method + ",yx," + other,
			strings.Repeat("z", 65) + "," + s.method, s.method + "," + strings.Repeat("z", 900),
			"ext-info-c," + s.method, "kex-strict-s-v00@openssh.com," + s.method, strings.ToUpper(other) + "," + s.method,
		})
		follows := byte(r.IntN(3) * r.IntN(2))
		trailing := make([]byte, r.IntN(2)*r.IntN(9))
		s.offer = func(k hostile.KexInit) hostile.KexInit {
			k.Follows, k.Trailing = follows, trailing
			return k.With(hostile.Methods, methods)
		}
	}
	if r.IntN(4) == 0 {
		s.reply = func(c *hostile.Conn, reply hostile.Reply) {
			c.Packet(reply(decoy()))
			if r.IntN(2) == 0 {
				c.NewKeys()
			}
			c.Packet(reply(attacker()))
		}
	}
	p, g := hostile.Group14()
	for range r.IntN(5) {
		at := beforeIdentification + place(r.IntN(int(afterNewKeys-beforeIdentification)+1))
		var lie func(c *hostile.Conn)
		switch r.IntN(8) {
		case 0:
			lie = sends(decoyReply(byte(30 + r.IntN(5)))...)
		case 1:
			lie = sends(append([]byte{21}, make([]byte, r.IntN(2))...)...)
		case 2:
			lie = sends(byte(1+r.IntN(7)), 0, 0, 0, 0, 0, 0, 0, 0, 0)
		case 3:
			lie = sends(byte(r.IntN(256)))
		case 4:
			lie = sends(hostile.GroupMessage(p, g)...)
		case 5:
			lie = func(c *hostile.Conn) { c.KexInit(hostile.Offer(other, "ssh-ed25519")) }
		case 6:
			lie = func(c *hostile.Conn) {
				c.Line(pick([]string{"", "SSH-", "SSH-2.0-other", "hello", "\x00\x00\x00\x0c"}))
			}
		case 7:
			knob := []hostile.Knob{
				hostile.MorePadding(8 * r.IntN(20)), hostile.MorePadding(r.IntN(8)),
				hostile.ClaimPadding(byte(r.IntN(256))), hostile.ClaimLength(uint32(r.IntN(64))),
			}[r.IntN(4)]
			message := [][]byte{{21}, decoyReply(31), {2, 0, 0, 0, 0}}[r.IntN(3)]
			lie = func(c *hostile.Conn) { c.Write(hostile.Frame(message, knob)) }
		}
		s.more[at] = append(s.more[at], lie)
	}
	return s
}
