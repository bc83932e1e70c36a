package proxycmd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hostile"
)

// delivery is a piece of what one side sends, as one read returns it, or the end of it.
type delivery struct {
	server bool
	bytes  []byte // none for the end
}

// transcript is the result of a conversation.
type transcript struct {
	log      []occurrence
	toServer []byte
	err      error // as Connect would return it
}

// toClient returns everything that the client was shown.
func (c transcript) toClient() []byte {
	var b []byte
	for _, o := range c.log {
		if o.what == shown {
			b = append(b, o.bytes...)
		}
	}
	return b
}

// complete reports whether both sides got as far as NEWKEYS.
func (c transcript) complete() bool { return c.err == nil && len(saidBy(c.toClient())) > 2 }

// conversing is a connection between a client and a server that say what a test gives them, piece by piece. Each
// piece has been dealt with before the next one comes. Time only passes when a test sleeps.
type conversing struct {
	mu             sync.Mutex
	changed        *sync.Cond
	log            []occurrence
	client, server feed
	deaf           bool // the client accepts no more

	done chan struct{}
	err  error
}

// feed is what one side has said and nobody has read yet.
type feed struct {
	c     *conversing
	what  happening
	said  [][]byte
	ended bool
}

// Read returns at most one piece.
func (f *feed) Read(b []byte) (int, error) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	for len(f.said) == 0 && !f.ended {
		f.c.changed.Wait()
	}
	if len(f.said) == 0 {
		return 0, io.EOF
	}
	n := copy(b, f.said[0])
	if f.said[0] = f.said[0][n:]; len(f.said[0]) == 0 {
		f.said = f.said[1:]
	}
	f.c.log = append(f.c.log, occurrence{f.what, bytes.Clone(b[:n]), time.Now()})
	return n, nil
}

// deliver makes one side say something, or end, and waits until all consequences are over.
func (c *conversing) deliver(d delivery) {
	f := &c.client
	if d.server {
		f = &c.server
	}
	c.mu.Lock()
	if len(d.bytes) == 0 {
		f.ended = true
	} else if !f.ended {
		f.said = append(f.said, d.bytes)
	}
	c.mu.Unlock()
	c.changed.Broadcast()
	synctest.Wait()
}

// Write is the client's end.
func (c *conversing) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return 0, io.ErrClosedPipe
	}
	c.log = append(c.log, occurrence{shown, bytes.Clone(b), time.Now()})
	return len(b), nil
}

// loopback is a listener that every conversation uses.
var loopback = sync.OnceValue(func() *net.TCPListener {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		panic(err)
	}
	return l
})

var pairing sync.Mutex

// socketPair returns two ends of a connection. What is written to the first stays in it until it is closed.
func socketPair(t testing.TB) (conn *net.TCPConn, remote net.Conn) {
	t.Helper()
	pairing.Lock()
	defer pairing.Unlock()
	c, err := net.Dial("tcp4", loopback().Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for remote == nil || remote.RemoteAddr().String() != c.LocalAddr().String() { // anything else is a stranger
		if remote, err = loopback().Accept(); err != nil {
			t.Fatal(err)
		}
	}
	return c.(*net.TCPConn), remote
}

// converse runs a conversation to its end. script says what happens in it. When script returns, both sides fall
// silent, the server first.
func converse(t *testing.T, hostKeys [][]byte, script func(c *conversing)) (result transcript) {
	t.Helper()
	conn, remote := socketPair(t)
	defer remote.Close()
	synctest.Test(t, func(*testing.T) {
		c := &conversing{done: make(chan struct{})}
		c.changed = sync.NewCond(&c.mu)
		c.client, c.server = feed{c: c, what: clientRead}, feed{c: c, what: serverRead}
		g := testGateway(22)
		for _, k := range hostKeys {
			g.Pins = append(g.Pins, config.Fingerprint(k))
		}
		go func() {
			defer close(c.done)
			c.err = c.connect(g, conn)
		}()
		synctest.Wait()
		script(c)
		c.deliver(delivery{server: true})
		c.deliver(delivery{})
		<-c.done
		synctest.Wait()
		conn.Close()
		result = transcript{log: c.log, err: c.err}
	})
	remote.SetReadDeadline(time.Now().Add(test.Patience))
	var err error
	if result.toServer, err = io.ReadAll(remote); err != nil {
		t.Error(err)
	}
	return result
}

// connect is Connect with an existing connection, and without anybody to tell. The server's half is not read from
// that connection, so that the bubble knows when everybody waits.
func (c *conversing) connect(g *config.Gateway, conn *net.TCPConn) error {
	client := readClient(&c.client)
	defer client.stop()
	server := readServer(&c.server)
	defer server.stop()
	remember := func(hostKey []byte) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.log = append(c.log, occurrence{remembered, bytes.Clone(hostKey), time.Now()})
	}
	whole := &conversation{judge: &handshake{gateway: g}, client: client, server: server, stdout: c, conn: conn, remember: remember}
	err := whole.run(context.Background(), DefaultTimeout)
	if err == errClientGone {
		return nil
	}
	if err != nil {
		code := uint32(reasonByApplication)
		if errors.As(err, new(*HostKeyError)) {
			code = reasonHostKeyNotVerifiable
		}
		client.refuse(c, whole.identified, code, "clever-ssh: "+err.Error())
		return err
	}
	io.Copy(c, server.reader)
	return nil
}

// deliveries makes a script of a list.
func deliveries(list []delivery) func(*conversing) {
	return func(c *conversing) {
		for _, d := range list {
			c.deliver(d)
		}
	}
}

func sha256s(hostKeys [][]byte) (sums [][32]byte) {
	for _, k := range hostKeys {
		sums = append(sums, sha256.Sum256(k))
	}
	return sums
}

// hostKeyBlob returns the host key in a recording.
func (r recording) hostKeyBlob() []byte {
	list, ok := readStrings(r.reply()[1:])
	if !ok {
		panic(r.name)
	}
	return list[0]
}

// orders are the orders in which the messages of one recording may come from its two sides.
var orders = map[string]func(r recording) []recorded{
	"as recorded": func(r recording) []recorded { return r.messages },
	// Each as early as possible: the server's identification and KEXINIT need nothing from the client, and its
	// NEWKEYS follows its reply.
	"server early": func(r recording) []recorded { return early(r, true) },
	"client early": func(r recording) []recorded { return early(r, false) },
}

// early sorts one side's identification and KEXINIT before the other's, and its NEWKEYS.
func early(r recording, server bool) []recorded {
	rank := func(m recorded) int {
		switch {
		case m.number == 0 || m.number == msgKexInit:
			if m.server == server {
				return 0
			}
			return 1
		case m.number == msgNewKeys:
			if m.server == server {
				return 3
			}
			return 4
		}
		return 2
	}
	list := slices.Clone(r.messages)
	slices.SortStableFunc(list, func(a, b recorded) int { return rank(a) - rank(b) })
	return list
}

// chunkings are ways to cut what one side sends without a pause into what single reads return.
var chunkings = map[string]func(b []byte, r *rand.Rand) [][]byte{
	"whole":       func(b []byte, _ *rand.Rand) [][]byte { return [][]byte{b} },
	"byte a time": func(b []byte, _ *rand.Rand) [][]byte { return slices.Collect(slices.Chunk(b, 1)) },
	"at random": func(b []byte, r *rand.Rand) (list [][]byte) {
		for len(b) > 0 {
			n := 1 + r.IntN(min(len(b), 1<<r.IntN(11)))
			list, b = append(list, b[:n]), b[n:]
		}
		return list
	},
}

// cut turns messages into deliveries. What one side sends without a pause is one piece before it is cut.
func cut(messages []recorded, chunking func([]byte, *rand.Rand) [][]byte) []delivery {
	r := rand.New(rand.NewPCG(1, 2))
	var list []delivery
	for len(messages) > 0 {
		n := slices.IndexFunc(messages, func(m recorded) bool { return m.server != messages[0].server })
		if n < 0 {
			n = len(messages)
		}
		var b []byte
		for _, m := range messages[:n] {
			b = append(b, m.raw...)
		}
		for _, chunk := range chunking(b, r) {
			list = append(list, delivery{messages[0].server, chunk})
		}
		messages = messages[n:]
	}
	return list
}

// Every recorded handshake goes through unchanged, whatever the pieces and the order, and the client sees it in the
// required order.
func TestRecordedConversations(t *testing.T) {
	t.Parallel()
	behind := []byte("ciphertext")
	for _, r := range mustRecordings(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			key := r.hostKeyBlob()
			for order, arrange := range orders {
				messages := append(slices.Clone(arrange(r)), recorded{false, 0, behind}, recorded{true, 0, behind})
				for chunking, f := range chunkings {
					// In pieces of one byte, it does not matter whose packets they are: once per method is enough.
					if chunking == "byte a time" && (order != "as recorded" || r.name != firstRecording(t, r.method).name) {
						continue
					}
					c := converse(t, [][]byte{key}, deliveries(cut(messages, f)))
					if c.err != nil || !bytes.Equal(c.toServer, append(r.stream(false), behind...)) || !bytes.Equal(c.toClient(), append(r.stream(true), behind...)) {
						t.Errorf("%s, %s: error %v, %d bytes to the server, %d to the client", order, chunking, c.err, len(c.toServer), len(c.toClient()))
					}
					if why := wrong(c.log, c.toServer, sha256.Sum256(key)); why != "" {
						t.Errorf("%s, %s: %s", order, chunking, why)
					}
				}
				// With another pin, the client sees what the server sent before its reply, and why that was all.
				c := converse(t, [][]byte{[]byte(pinnedKey)}, deliveries(cut(messages, chunkings["whole"])))
				var refused *HostKeyError
				if !errors.As(c.err, &refused) || refused.Found != r.pin() {
					t.Errorf("%s, another pin: error %v", order, c.err)
				}
				var before []byte
				for _, m := range r.messages {
					if m.server && m.number != 21 && !bytes.Contains(m.raw, key) {
						before = append(before, m.raw...)
					}
				}
				if reason, ok := bytes.CutPrefix(c.toClient(), before); !ok || !isDisconnect(reason) {
					t.Errorf("%s, another pin: the client is shown %q", order, c.toClient())
				}
				if why := wrong(c.log, c.toServer, sha256.Sum256([]byte(pinnedKey))); why != "" {
					t.Errorf("%s, another pin: %s", order, why)
				}
			}
		})
	}
}

// scheduled reads a schedule, which says who sends how much when. The highest bit of a byte means the server, the
// others are the number of bytes; from 64 on each counts for 64, 127 is everything that is left, and 0 the end.
func scheduled(client, server, schedule []byte) []delivery {
	var list []delivery
	take := func(isServer bool, n int) {
		from := &client
		if isServer {
			from = &server
		}
		if n = min(n, len(*from)); n > 0 {
			list = append(list, delivery{isServer, (*from)[:n]})
			*from = (*from)[n:]
		}
	}
	for _, b := range schedule {
		n, isServer := int(b&0x7f), b&0x80 != 0
		switch {
		case n == 0:
			list = append(list, delivery{server: isServer})
		case n == 127:
			take(isServer, 1<<20)
		case n >= 64:
			take(isServer, (n-63)*64)
		default:
			take(isServer, n)
		}
	}
	take(false, 1<<20)
	take(true, 1<<20)
	return list
}

// scheduleOf delivers the messages one by one, more or less.
func scheduleOf(messages []recorded) (schedule []byte) {
	for _, m := range messages {
		side := byte(0)
		if m.server {
			side = 0x80
		}
		n := len(m.raw)
		for ; n >= 64; n -= min(n/64, 63) * 64 {
			schedule = append(schedule, side|byte(63+min(n/64, 63)))
		}
		if n > 0 {
			schedule = append(schedule, side|byte(n))
		}
	}
	return schedule
}

// FuzzStreams makes two sides send anything in any pieces. The corpus is real handshakes; every other host key is
// pinned.
func FuzzStreams(f *testing.F) {
	var keys [][]byte
	for i, r := range mustRecordings(f) {
		if i%2 == 0 {
			keys = append(keys, r.hostKeyBlob())
		}
		f.Add(r.stream(false), r.stream(true), scheduleOf(r.messages))
	}
	sums := sha256s(keys)
	f.Fuzz(func(t *testing.T, client, server, schedule []byte) {
		if len(client) > 64<<10 || len(server) > 64<<10 || len(schedule) > 1000 {
			return // more than the sockets hold
		}
		c := converse(t, keys, deliveries(scheduled(client, server, schedule)))
		if why := wrong(c.log, c.toServer, sums...); why != "" {
			t.Error(why)
		}
	})
}

// The words of a conversation that a fuzzer makes up: the messages of each side, right and wrong.

var methodLists = []string{
	"curve25519-sha256", gexMethod, "curve25519-sha256," + gexMethod, gexMethod + ",curve25519-sha256", "x,curve25519-sha256",
	"rsa2048-sha256", "rsa2048-sha256,curve25519-sha256", "curve25519-sha256,rsa2048-sha256", "diffie-hellman-group1-sha1", "ext-info-c", "kex-strict-s-v00@openssh.com",
	"curve25519-sha256,curve25519-sha256", gexMethod + ",,curve25519-sha256", "curve25519-sha256,", "," + gexMethod, "", "curve25519-sha256\x00", "curve25519-sha256 ",
	strings.Repeat("x", 64) + ",curve25519-sha256", strings.Repeat("x", 65) + ",curve25519-sha256", "Curve25519-sha256,curve25519-sha256",
	"sntrup761x25519-sha512@openssh.com,mlkem768x25519-sha256", "diffie-hellman-group18-sha512,ecdh-sha2-nistp521", "gss-group14-sha256-x,curve25519-sha256", "curve25519-sha256\x7f",
}

var lines = []string{
	"SSH-2.0-x\r\n", "SSH-2.0-x\n", "hello\r\nSSH-2.0-x\r\n", "SSH-1.99-x\r\n", "SSH-2.0-x\r\r\n", "SSH-2.0-\x1b[2J\n", "SSH-2.0-x\x00\n", "SSH-\nSSH-2.0-x\n",
	"hello\n", "\n", "SSH-2.0-" + strings.Repeat("x", 245) + "\r\n", "SSH-2.0-" + strings.Repeat("x", 246) + "\r\n", "SSH-2.00-x\n", "SSH-2.0-caf\xc3\xa9\n",
	strings.Repeat("\n", 1024) + "SSH-2.0-x\n", strings.Repeat("\n", 1025) + "SSH-2.0-x\n", strings.Repeat("x", 8192) + "\nSSH-2.0-x\n", ourIdentification, "SSH-2.0-x",
}

var hostKeys = []string{
	pinnedKey, unpinnedKey, pinnedKey + "\x00", pinnedKey[:len(pinnedKey)-1], "", string(fields(pinnedKey)), unpinnedKey + pinnedKey,
}

func pick(list []string, n byte) string { return list[int(n)%len(list)] }

// inits makes a KEXINIT: five bits choose the methods, the others a mistake.
func inits(arg byte) []byte {
	methods := pick(methodLists, arg&0x1f)
	switch arg >> 5 {
	case 1:
		return initPayload(0, methods, 1)
	case 2:
		return initPayload(0, methods, 2)
	case 3:
		return append(initPayload(0, methods, 0), 0)
	case 4:
		return initPayload(0, names(39)+","+methods, 0)
	case 5:
		return initPayload(0, names(40)+","+methods, 0)
	case 6:
		return initPayload(9, methods, 0)
	}
	return initPayload(0, methods, 0)
}

// answers makes a message with the fields of a reply, which a few bits spoil.
func answers(number, arg byte) []byte {
	key := pick(hostKeys, arg&7)
	switch arg >> 3 & 7 {
	case 1:
		return append([]byte{number}, fields(key, "half")...)
	case 2:
		return append([]byte{number}, fields(key, "half", "signature", "more")...)
	case 3:
		return append([]byte{number}, fields("half", key, "signature")...)
	case 4:
		return append(append([]byte{number}, fields(key, "half", "signature")...), 0)
	case 5:
		return append([]byte{number}, fields(key, "half", strings.Repeat("s", 34_800))...)
	case 6:
		return append([]byte{number}, fields(key, "half", strings.Repeat("s", 35_000))...)
	}
	return append([]byte{number}, fields(key, "half", "signature")...)
}

// groups makes a message 31 with two numbers, which a few bits spoil.
func groups(arg byte) []byte {
	return groupPayload(pick([]string{"\x00\xc0prime", "", "\x80", pinnedKey}, arg&3), pick([]string{"\x02", "", "\xff", pinnedKey}, arg>>2&3))
}

// disconnects makes a DISCONNECT from the server, which may try to look like ours.
func disconnects(arg byte) []byte {
	b := hostile.Uint32(uint32(arg & 15))
	b = append([]byte{msgDisconnect}, b...)
	return append(b, fields(pick([]string{"clever-ssh: all is well", "\x1b[2J", "", strings.Repeat("\x1b", 1000)}, arg>>4), "")...)
}

// What the first byte of a word means, for the server and for the client; the second is its argument.
var (
	serverWords = []func(arg byte) []byte{
		inits, inits, groups, func(a byte) []byte { return answers(31, a) }, func(a byte) []byte { return answers(31, a) }, func(a byte) []byte { return answers(33, a) },
		func(a byte) []byte { return append([]byte{msgNewKeys}, make([]byte, a&3)...) }, func(byte) []byte { return []byte{msgNewKeys} },
		func(a byte) []byte { return []byte{a} }, func(a byte) []byte { return answers(a, 0) }, disconnects,
	}
	clientWords = []func(arg byte) []byte{
		inits, inits, func(byte) []byte { return []byte{30, 'e'} }, func(byte) []byte { return []byte{34, 'e'} }, func(byte) []byte { return []byte{32, 'e'} },
		func(byte) []byte { return []byte{msgNewKeys} }, func(byte) []byte { return []byte{30, 'e'} }, func(a byte) []byte { return []byte{msgIgnore + a%3} },
		func(a byte) []byte { return []byte{a} }, func(a byte) []byte { return []byte{msgNewKeys, a} }, disconnects,
	}
)

// A word is two bytes. In the first, the lowest bit says whose word it is, the next four say which one, and the rest
// say how it arrives: alone, in two pieces, together with the next word, or in a strange packet.
const (
	lineWord = 11 + iota // an identification
	rawWord              // no message at all
	sleepWord
	deafWord
	endWord
)

func word(server bool, which int, how, arg byte) []byte {
	b := byte(which)<<1 | how<<5
	if server {
		b |= 1
	}
	return []byte{b, arg}
}

// speak plays a script of words.
func speak(script []byte) func(*conversing) {
	return func(c *conversing) {
		var kept [2][]byte // what arrives together with the next word
		for len(script) > 1 {
			op, arg := script[0], script[1]
			script = script[2:]
			server, which, how := op&1 != 0, int(op>>1&15), op>>5
			side, words := 0, clientWords
			if server {
				side, words = 1, serverWords
			}
			var b []byte
			switch which {
			case lineWord:
				b = []byte(pick(lines, arg))
			case rawWord:
				b = bytes.Repeat([]byte{arg}, 1+int(arg&15))
			case sleepWord:
				time.Sleep(time.Duration(arg) * time.Second / 8)
				continue
			case deafWord:
				c.mu.Lock()
				c.deaf = c.deaf || arg == 0xff
				c.mu.Unlock()
				continue
			case endWord:
				c.deliver(delivery{server: server})
				continue
			default:
				payload := words[which](arg)
				switch how {
				case 4:
					b = hostile.Frame(payload, hostile.ClaimPadding(arg))
				case 5:
					b = hostile.Frame(payload, hostile.ClaimLength(uint32(arg)))
				case 6:
					b = hostile.Frame(payload, hostile.MorePadding(int(arg)&^7&0xf8%240))
				case 7:
					b = hostile.Frame(payload, hostile.MorePadding(int(arg%32)))
				default:
					b = hostile.Frame(payload)
				}
			}
			b = append(kept[side], b...)
			kept[side] = nil
			switch how {
			case 1:
				kept[side] = b
				continue
			case 2:
				n := int(arg) % len(b)
				if n > 0 {
					c.deliver(delivery{server, b[:n]})
				}
				c.deliver(delivery{server, b[n:]})
			case 3:
				for _, one := range slices.Collect(slices.Chunk(b[:min(len(b), 3000)], 1)) {
					c.deliver(delivery{server, one})
				}
			default:
				c.deliver(delivery{server, b})
			}
		}
		for side, b := range kept {
			if len(b) > 0 {
				c.deliver(delivery{side == 1, b})
			}
		}
	}
}

// scripts returns conversations, as words, of two sides that keep to the rules.
func scripts() [][]byte {
	c := func(which int, arg byte) []byte { return word(false, which, 0, arg) }
	s := func(which int, arg byte) []byte { return word(true, which, 0, arg) }
	const (
		init, guessing = 0, 1 << 5
		gex            = 1
	)
	kex30, kex34, kex32, clientNewKeys := c(2, 0), c(3, 0), c(4, 0), c(5, 0)
	group, reply31, reply33, serverNewKeys := s(2, 0), s(3, 0), s(5, 0), s(7, 0)
	lines := slices.Concat(c(lineWord, 0), s(lineWord, 0))
	data := slices.Concat(s(rawWord, 'x'), c(rawWord, 'y'))
	one := slices.Concat(kex30, reply31, serverNewKeys, clientNewKeys, data)
	two := slices.Concat(kex34, group, kex32, reply33, serverNewKeys, clientNewKeys, data)
	return [][]byte{
		slices.Concat(lines, c(init, 0), s(init, 0), one),
		slices.Concat(lines, s(init, 0), c(init, 0), one),
		slices.Concat(lines, c(init, gex), s(init, gex), two),
		slices.Concat(lines, s(init, gex), c(init, gex), two),
		slices.Concat(lines, c(init, 2), s(init, 3), one),
		slices.Concat(lines, c(init, 3), s(init, 2), two),
		slices.Concat(lines, c(init, guessing), kex30, s(init, 0), reply31, clientNewKeys, serverNewKeys, data),
		slices.Concat(lines, c(init, guessing), kex34, s(init, 0), one),
		slices.Concat(lines, c(init, guessing|gex), kex30, s(init, gex), two),
		slices.Concat(lines, c(init, guessing|gex), s(init, gex), kex34, group, kex32, reply33, clientNewKeys, serverNewKeys, data),
		slices.Concat(lines, c(init, 0), s(init, 0), kex30, s(3, 1)),
		slices.Concat(lines, c(init, gex), s(init, gex), kex34, group, kex32, s(5, 1)),
		slices.Concat(lines, c(init, 0), s(10, 0)),
	}
}

// FuzzConversation makes two sides exchange messages that are each right, or nearly so.
func FuzzConversation(f *testing.F) {
	for _, s := range scripts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) <= 100 {
			speakAndJudge(t, script)
		}
	})
}

func speakAndJudge(t *testing.T, script []byte) transcript {
	t.Helper()
	c := converse(t, [][]byte{[]byte(pinnedKey)}, speak(script))
	if why := wrong(c.log, c.toServer, sha256.Sum256([]byte(pinnedKey))); why != "" {
		t.Errorf("script %q: %s", script, why)
	}
	return c
}

// Every word instead of every word of a conversation that keeps to the rules, and before it.
func TestConversationsWithOneWordChanged(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	all := scripts()
	tries, complete := 0, 0
	for _, honest := range [][]byte{all[0], all[2], all[6], all[9]} {
		for at := 0; at < len(honest); at += 2 {
			for which := range endWord + 1 {
				for arg := range byte(2) {
					for _, server := range []bool{false, true} {
						changed := word(server, which, 0, arg)
						for _, behind := range [][]byte{honest[at:], honest[at+2:]} {
							tries++
							if speakAndJudge(t, slices.Concat(honest[:at], changed, behind)).complete() {
								complete++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d of %d complete", complete, tries)
	if complete < tries/10 || complete > tries/2 {
		t.Errorf("%d of %d complete", complete, tries)
	}
}

// Every kind of KEXINIT, from one side or from both.
func TestConversationsWithEveryKexInit(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	all := scripts()
	complete := 0
	for _, honest := range [][]byte{all[0], all[2]} {
		const client, server = 4 + 1, 6 + 1 // where their arguments are
		for arg := range 256 {
			for _, args := range [][2]byte{{byte(arg), byte(arg)}, {byte(arg), byte(arg & 0x1f)}, {byte(arg & 0x1f), byte(arg)}} {
				s := slices.Clone(honest)
				s[client], s[server] = args[0], args[1]
				if speakAndJudge(t, s).complete() {
					complete++
				}
			}
		}
	}
	if complete < 30 {
		t.Errorf("only %d complete", complete)
	}
}

// Every word in strange packets, and with other arguments.
func TestConversationsInStrangePackets(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	all := scripts()
	for _, honest := range [][]byte{all[0], all[2]} {
		for at := 4; at < len(honest); at += 2 {
			for how := range byte(8) {
				for _, arg := range []byte{0, 1, 3, 4, 8, 10, 11, 12, 16, 5 << 3, 6 << 3, 64, 200, 255} {
					s := slices.Clone(honest)
					s[at], s[at+1] = s[at]&0x1f|how<<5, arg
					speakAndJudge(t, s)
				}
			}
		}
	}
}

// A lie would look like a conversation that keeps to the rules except for a word or two.
func TestConversationsAtRandom(t *testing.T) {
	test.Slow(t)
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 0))
	honest := scripts()
	for i, s := range honest {
		c := speakAndJudge(t, s)
		if refused := i >= len(honest)-3; c.complete() == refused {
			t.Errorf("script %d: complete %v, error %v", i, c.complete(), c.err)
		}
	}
	complete := 0
	reasons := map[string]int{}
	const tries = 3000
	for range tries {
		s := slices.Clone(honest[r.IntN(len(honest))])
		for range 1 + r.IntN(3) {
			at := 2 * r.IntN(len(s)/2)
			any := []byte{byte(r.IntN(256)), byte(r.IntN(256))}
			switch r.IntN(6) {
			case 0:
				s = slices.Insert(s, at, any...)
			case 1:
				copy(s[at:], any)
			case 2:
				s[at+1] = any[1]
			case 3:
				s[at] = s[at]&0x1f | any[0]&0xe0
			case 4:
				s = slices.Delete(s, at, at+2)
			case 5:
				s = slices.Insert(s, at, bytes.Clone(s[at:at+2])...)
			}
			if len(s) == 0 {
				break
			}
		}
		c := speakAndJudge(t, s)
		if c.complete() {
			complete++
		} else if c.err != nil {
			reasons[strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' {
					return -1
				}
				return r
			}, strings.Join(strings.Fields(c.err.Error())[:5], " "))]++
		}
	}
	t.Logf("%d of %d complete; the others: %v", complete, tries, reasons)
	if complete < tries/20 || len(reasons) < 20 {
		t.Errorf("only %d of %d complete, only %d reasons", complete, tries, len(reasons))
	}
}
