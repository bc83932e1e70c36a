package proxycmd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"

	"golang.org/x/crypto/ssh"
)

// The handshakes in this file hold no cryptography. The state machine looks at the order of the messages and at the
// host key; the client finds out whether a signature is right.

var (
	pinnedKey   = string(fields("ssh-ed25519", strings.Repeat("k", 32)))
	unpinnedKey = string(fields("ssh-ed25519", strings.Repeat("x", 32)))
)

// testGateway is a gateway at a loopback port with the given host keys pinned, and a pin that nobody has.
func testGateway(port uint16, hostKeys ...string) *config.Gateway {
	g := &config.Gateway{Suffix: "test", Address: config.Address{User: "ssh", Host: "127.0.0.1", Port: port}, Pins: []config.Pin{{}}}
	for _, k := range hostKeys {
		g.Pins = append(g.Pins, config.Fingerprint([]byte(k)))
	}
	return g
}

// message frames a payload and reads it again, as it would come from the network.
func message(payload []byte) packet {
	p, err := readPacket(bufio.NewReader(bytes.NewReader(newPacket(payload))))
	if err != nil {
		panic(err)
	}
	return p
}

func replyPayload(number byte, hostKey string) []byte {
	return append([]byte{number}, fields(hostKey, "the server's half", "signature")...)
}

func groupPayload(prime, generator string) []byte {
	return append([]byte{msgGexGroup}, fields(prime, generator)...)
}

// move is one message of a handshake, and what must be released when it is read, and not earlier.
type move struct {
	server             bool // whose message it is
	payload            []byte
	toServer, toClient [][]byte
}

func (m move) String() string {
	if m.server {
		return fmt.Sprintf("server's %d", m.payload[0])
	}
	return fmt.Sprintf("client's %d", m.payload[0])
}

// A guess is the client's first key-exchange message, sent before it knows the server's methods.
type guess string

const (
	noGuess         guess = "no guess"
	rightGuess      guess = "right guess"
	wrongGuess      guess = "wrong guess with the same number"
	wrongOtherGuess guess = "wrong guess with another number"
)

// honest lays out the handshake of two sides that keep to the rules. kexInits is the order in which the client's
// KEXINIT (C), its guess (G) and the server's KEXINIT (S) arrive; newKeys is the order of the two NEWKEYS.
func honest(method string, g guess, kexInits, newKeys string) []move {
	clientInit, serverInit := methodsInit(method, g != noGuess), methodsInit("other,"+method, false)
	reply := replyPayload(msgKexReply, pinnedKey)
	asks := []byte{msgKexRequest}
	if method == gexMethod {
		reply = replyPayload(msgGexReply, pinnedKey)
		asks = []byte{msgGexRequest, msgGexInit}
	}
	guessed := asks[0]
	if g == wrongOtherGuess {
		guessed = msgKexRequest + msgGexRequest - guessed
	}

	var moves []move
	client := func(payload []byte, toClient ...[]byte) {
		moves = append(moves, move{payload: payload, toServer: [][]byte{payload}, toClient: toClient})
	}
	server := func(payload []byte, toClient ...[]byte) {
		moves = append(moves, move{server: true, payload: payload, toClient: toClient})
	}
	// The later of the two releases what was held back.
	both := func(order string, clients, servers []byte) {
		for i, who := range order {
			var released [][]byte
			if i == strings.LastIndexAny(order, "CS") {
				released = [][]byte{servers}
			}
			switch who {
			case 'C':
				client(clients, released...)
			case 'S':
				server(servers, released...)
			case 'G':
				client([]byte{guessed, 'g'})
			}
		}
	}
	both(kexInits, clientInit, serverInit)
	for i, ask := range asks {
		if i > 0 || g != rightGuess {
			client([]byte{ask, 'e'})
		}
		answer := reply
		if i < len(asks)-1 {
			answer = groupPayload("\x00\xc0prime", "\x02")
		}
		server(answer, answer)
	}
	both(newKeys, []byte{msgNewKeys}, []byte{msgNewKeys})
	return moves
}

// everyHonest calls f for each handshake that two honest sides may have.
func everyHonest(f func(name string, g guess, moves []move)) {
	for _, method := range append([]string{gexMethod}, singleMethods...) {
		for _, g := range []guess{noGuess, rightGuess, wrongGuess, wrongOtherGuess} {
			orders := []string{"CGS", "CSG", "SCG"}
			if g == noGuess {
				orders = []string{"CS", "SC"}
			}
			for _, kexInits := range orders {
				for _, newKeys := range []string{"CS", "SC"} {
					f(fmt.Sprintf("%s, %s, KEXINIT %s, NEWKEYS %s", method, g, kexInits, newKeys), g, honest(method, g, kexInits, newKeys))
				}
			}
		}
	}
}

// apply reads one message and returns what it released.
func apply(h *handshake, m move) (toServer, toClient []byte, err error) {
	if m.server {
		err = h.fromServer(message(m.payload))
	} else {
		err = h.fromClient(message(m.payload))
	}
	toServer, toClient = h.toServer, h.toClient
	h.toServer, h.toClient = nil, nil
	return toServer, toClient, err
}

// framed returns the stream that payloads make.
func framed(payloads [][]byte) []byte {
	var b []byte
	for _, p := range payloads {
		b = append(b, newPacket(p)...)
	}
	return b
}

// follow reads the moves. It fails if one is refused, releases anything but what it must, or remembers a host key
// other than the one that it shows.
func follow(t *testing.T, h *handshake, moves []move) {
	t.Helper()
	for i, m := range moves {
		toServer, toClient, err := apply(h, m)
		if err != nil || !bytes.Equal(toServer, framed(m.toServer)) || !bytes.Equal(toClient, framed(m.toClient)) {
			t.Fatalf("%v, the %v: error %v, to server %q, to client %q", moves[:i], m, err, toServer, toClient)
		}
		shown := ""
		if m.server && bytes.Contains(m.payload, []byte(pinnedKey)) {
			shown = pinnedKey
		}
		if string(h.hostKey) != shown {
			t.Fatalf("%v, the %v: the host key %q is remembered", moves[:i], m, h.hostKey)
		}
		h.hostKey = nil
	}
}

func TestHonestHandshakes(t *testing.T) {
	everyHonest(func(name string, _ guess, moves []move) {
		t.Run(name, func(t *testing.T) {
			h := &handshake{gateway: testGateway(22, unpinnedKey+"x", pinnedKey)}
			follow(t, h, moves)
			if !h.complete || !h.checked() {
				t.Errorf("complete %v, checked %v", h.complete, h.checked())
			}
		})
	})
}

// next returns the message that one side would send after n of the moves, or nil if it has to wait for the other.
func next(moves []move, n int, server bool) []byte {
	replied := slices.ContainsFunc(moves[:n], func(m move) bool { return m.server && bytes.Contains(m.payload, []byte(pinnedKey)) })
	for i, m := range moves[n:] {
		if m.server != server {
			continue
		}
		// Only KEXINIT, and NEWKEYS after the reply, need not wait for the other side.
		if number := m.payload[0]; i == 0 || number == msgKexInit || number == msgNewKeys && replied {
			return m.payload
		}
		break
	}
	return nil
}

// At every point, any message number from the server but the expected one ends the connection.
func TestServerOutOfTurn(t *testing.T) {
	t.Parallel()
	tried := 0
	bodies := [][]byte{nil, replyPayload(0, pinnedKey)[1:], groupPayload("\x01", "\x02")[1:], initPayload(-1, "", 0)[1:]}
	everyHonest(func(name string, g guess, moves []move) {
		if g != noGuess && !strings.HasPrefix(name, gexMethod) && !strings.HasPrefix(name, singleMethods[0]+",") {
			return // the methods with one reply differ only in their names
		}
		h := &handshake{gateway: testGateway(22, pinnedKey)}
		for n := range len(moves) + 1 {
			allowed := next(moves, n, true)
			if g == wrongGuess && allowed == nil && h.asked {
				// This server looks just like one that answers the guess; the client will notice.
				allowed = []byte{h.rounds[0].server}
			}
			for number := range 256 {
				if allowed != nil && number == int(allowed[0]) {
					continue
				}
				// Apart from its number, the message is right in nothing, or in everything.
				for _, body := range bodies {
					tried++
					state := *h
					payload := append([]byte{byte(number)}, body...)
					err := state.fromServer(packet{raw: payload, payload: payload})
					if err == nil || len(state.toClient) > 0 || len(state.toServer) > 0 || state.hostKey != nil || state.complete != h.complete {
						t.Fatalf("%s: after %v the server's %d: error %v, to client %q, to server %q, host key %q", name, moves[:n], number, err, state.toClient, state.toServer, state.hostKey)
					}
					if number != msgDisconnect && !strings.Contains(err.Error(), fmt.Sprintf("message %d", number)) && !strings.Contains(err.Error(), "malformed") {
						t.Fatalf("%s: after %v the server's %d: the error %v does not say which message", name, moves[:n], number, err)
					}
				}
			}
			if n < len(moves) {
				follow(t, h, moves[n:n+1])
			}
		}
	})
	if tried < 100_000 {
		t.Errorf("only %d tried", tried)
	}
}

// The client is trusted, but a client that sends what does not fit has understood the server differently.
func TestClientOutOfTurn(t *testing.T) {
	t.Parallel()
	everyHonest(func(name string, g guess, moves []move) {
		if g != noGuess {
			return
		}
		h := &handshake{gateway: testGateway(22, pinnedKey)}
		for n := 0; !h.clientNewKeys; n++ { // what follows NEWKEYS is encrypted, and nobody looks at it
			allowed := next(moves, n, false)
			for number := range 256 {
				state := *h
				payload := []byte{byte(number)}
				toServer, toClient, err := apply(&state, move{payload: payload})
				switch {
				case allowed != nil && number == int(allowed[0]):
				case number == msgDisconnect:
					if err != errClientGone || !bytes.Equal(toServer, newPacket(payload)) || len(toClient) > 0 {
						t.Fatalf("%s: after %v DISCONNECT: error %v, to server %q, to client %q", name, moves[:n], err, toServer, toClient)
					}
				case number == msgIgnore || number == msgUnimplemented || number == msgDebug:
					if err != nil || !bytes.Equal(toServer, newPacket(payload)) || len(toClient) > 0 {
						t.Fatalf("%s: after %v the client's %d: error %v, to server %q, to client %q", name, moves[:n], number, err, toServer, toClient)
					}
				default:
					if err == nil || len(toServer) > 0 || len(toClient) > 0 || state.complete {
						t.Fatalf("%s: after %v the client's %d: error %v, to server %q, to client %q", name, moves[:n], number, err, toServer, toClient)
					}
				}
			}
			follow(t, h, moves[n:n+1])
		}
	})
}

func TestClientsGuesses(t *testing.T) {
	server := move{server: true, payload: methodsInit("curve25519-sha256", false)}
	gexServer := move{server: true, payload: methodsInit(gexMethod, false)}
	init := func(method string, follows bool) move { return move{payload: methodsInit(method, follows)} }
	says := func(payload ...byte) move { return move{payload: payload} }
	reply := move{server: true, payload: replyPayload(msgKexReply, pinnedKey)}
	group := move{server: true, payload: groupPayload("\x01", "\x02")}
	const method = "curve25519-sha256"
	for _, test := range []struct {
		name  string
		moves []move // all but the last are accepted
		ok    bool   // whether the last one is
	}{
		{"a message before its KEXINIT", []move{says(30)}, false},
		{"a guess that was not announced", []move{init(method, false), says(30)}, false},
		{"a guess that was announced", []move{init(method, true), says(30)}, true},
		{"a guess from the whole range of numbers", []move{init(method, true), says(49)}, true},
		{"a guess out of the range", []move{init(method, true), says(50)}, false},
		{"a guess out of the range, below", []move{init(method, true), says(29)}, false},
		{"NEWKEYS for a guess", []move{init(method, true), says(21)}, false},
		{"three messages before the server's KEXINIT", []move{init(method, true), says(30), says(30), says(30)}, false},
		{"a second KEXINIT", []move{init(method, false), init(method, false)}, false},
		{"a second KEXINIT after the server's", []move{server, init(method, false), init(method, false)}, false},
		{"a second message without a guess", []move{server, init(method, false), says(30), says(30)}, false},
		{"a second message after a guess", []move{server, init(method, true), says(30), says(30)}, true},
		{"a third message after a guess", []move{server, init(method, true), says(30), says(30), says(30)}, false},
		{"a third message, the guess was early", []move{init(method, true), says(30), server, says(30), says(30)}, false},
		{"two wrong guesses", []move{init(method, true), says(34), server, says(34)}, false},
		{"two wrong guesses, late", []move{server, init(method, true), says(34), says(32)}, false},
		{"a second message after the reply", []move{server, init(method, true), says(30), reply, says(30)}, false},
		{"a second message after the reply, which guesses another", []move{server, init(method, true), says(30), reply, says(34)}, false},
		{"34 for a method with one reply", []move{server, init(method, false), says(34)}, false},
		{"32 for a method with one reply", []move{server, init(method, false), says(32)}, false},
		{"30 for group exchange", []move{gexServer, init(gexMethod, false), says(30)}, false},
		{"32 before the group", []move{gexServer, init(gexMethod, false), says(34), says(32)}, false},
		{"34 twice", []move{gexServer, init(gexMethod, false), says(34), group, says(34)}, false},
		{"34 after the group, after a guess", []move{gexServer, init(gexMethod, true), says(34), group, says(34)}, false},
		{"32 twice", []move{gexServer, init(gexMethod, false), says(34), group, says(32), says(32)}, false},
		{"NEWKEYS before the group", []move{gexServer, init(gexMethod, false), says(34), says(21)}, false},
		{"NEWKEYS after the group", []move{gexServer, init(gexMethod, false), says(34), group, says(21)}, false},
		{"NEWKEYS first", []move{says(21)}, false},
		{"NEWKEYS before the reply", []move{server, init(method, false), says(30), says(21)}, false},
		{"NEWKEYS after the reply", []move{server, init(method, false), says(30), reply, says(21)}, true},
		{"NEWKEYS of two bytes", []move{server, init(method, false), says(30), reply, says(21, 0)}, false},
		{"EXT_INFO before NEWKEYS", []move{server, init(method, false), says(30), reply, says(7)}, false},
		{"a malformed KEXINIT", []move{{payload: append(methodsInit(method, false), 0)}}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &handshake{gateway: testGateway(22, pinnedKey)}
			last := len(test.moves) - 1
			for i, m := range test.moves[:last] {
				if _, _, err := apply(h, m); err != nil {
					t.Fatalf("move %d, the %v: %v", i, m, err)
				}
			}
			toServer, toClient, err := apply(h, test.moves[last])
			if (err == nil) != test.ok {
				t.Errorf("error %v", err)
			}
			if err != nil && len(toServer)+len(toClient) > 0 {
				t.Errorf("to server %q, to client %q", toServer, toClient)
			}
		})
	}
}

// A client that sent one message too many for a wrong guess, before it saw the server's KEXINIT, learns so and does
// not get the KEXINIT: on error nothing has been passed on.
func TestNothingIsReleasedWithAnError(t *testing.T) {
	h := &handshake{gateway: testGateway(22, pinnedKey)}
	for _, m := range []move{{payload: methodsInit(gexMethod, true)}, {payload: []byte{30}}, {payload: []byte{30}}} {
		if _, _, err := apply(h, m); err != nil {
			t.Skip("refused earlier: ", err)
		}
	}
	_, toClient, err := apply(h, move{server: true, payload: methodsInit(gexMethod, false)})
	if err == nil || len(toClient) > 0 {
		t.Errorf("error %v, to client %q", err, toClient)
	}
}

// untilReply returns a handshake just before the message in question, for the method with one reply and for group
// exchange.
func untilReply(t *testing.T, method string) *handshake {
	h := &handshake{gateway: testGateway(22, pinnedKey)}
	moves := honest(method, noGuess, "CS", "CS")
	follow(t, h, moves[:len(moves)-3])
	return h
}

func TestReply(t *testing.T) {
	type malformed struct {
		name string
		body []byte
		err  string
	}
	good := fields(pinnedKey, "half", "signature")
	list := []malformed{
		{"well formed", good, ""},
		{"empty fields", fields(pinnedKey, "", ""), ""},
		{"two strings", fields(pinnedKey, "half"), "malformed: a field extends past the end"},
		{"one string", fields(pinnedKey), "malformed"},
		{"nothing", nil, "malformed"},
		{"four strings", fields(pinnedKey, "half", "signature", ""), "malformed: 4 bytes follow"},
		{"a byte after it", append(bytes.Clone(good), 0), "malformed: 1 bytes follow"},
		{"the pinned key second", fields(unpinnedKey, pinnedKey, pinnedKey), "is not pinned"},
		{"a byte after the key", fields(pinnedKey+"\x00", "half", "signature"), "is not pinned"},
		{"a byte less of the key", fields(pinnedKey[:len(pinnedKey)-1], "half", "signature"), "is not pinned"},
		{"the key in a string of its own", fields(string(fields(pinnedKey)), "half", "signature"), "is not pinned"},
		{"no key", fields("", "half", "signature"), "is not pinned"},
	}
	for n := range len(good) {
		list = append(list, malformed{fmt.Sprintf("cut after %d bytes", n), good[:n], "malformed"})
	}
	for _, method := range []string{"curve25519-sha256", gexMethod} {
		number := byte(msgKexReply)
		if method == gexMethod {
			number = msgGexReply
		}
		for _, test := range list {
			t.Run(method+"/"+test.name, func(t *testing.T) {
				h := untilReply(t, method)
				_, toClient, err := apply(h, move{server: true, payload: append([]byte{number}, test.body...)})
				if test.err == "" {
					if err != nil || len(toClient) == 0 || h.hostKey == nil {
						t.Errorf("error %v, to client %q, host key %q", err, toClient, h.hostKey)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), test.err) || len(toClient) > 0 || h.hostKey != nil || h.checked() {
					t.Errorf("error %v, want one with %q; to client %q, host key %q", err, test.err, toClient, h.hostKey)
				}
			})
		}
	}
}

func TestUnpinnedHostKey(t *testing.T) {
	h := untilReply(t, "curve25519-sha256")
	_, toClient, err := apply(h, move{server: true, payload: replyPayload(msgKexReply, unpinnedKey)})
	var wrong *HostKeyError
	if !errors.As(err, &wrong) || len(toClient) > 0 || h.hostKey != nil {
		t.Fatalf("error %v, to client %q, host key %q", err, toClient, h.hostKey)
	}
	if wrong.Address != "127.0.0.1:22" || wrong.Found != config.Fingerprint([]byte(unpinnedKey)) || !slices.Equal(wrong.Pinned, h.gateway.Pins) {
		t.Errorf("%+v", wrong)
	}
	for _, part := range []string{wrong.Address, wrong.Found.String(), wrong.Pinned[0].String(), wrong.Pinned[1].String()} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %s", err, part)
		}
	}
}

func TestGroup(t *testing.T) {
	for _, test := range []struct {
		name string
		body []byte
		ok   bool
	}{
		{"ordinary", fields("\x00\xc0prime", "\x02"), true},
		{"one byte each", fields("\x01", "\x7f"), true},
		// Its first field is a pinned key, under the number of other methods' replies. It is a group all the same.
		{"a pinned key for a prime", fields(pinnedKey, "\x02"), true},
		{"a reply with a pinned key", fields(pinnedKey, "half", "signature"), false},
		{"one number", fields("\x01"), false},
		{"nothing", nil, false},
		{"a byte after it", append(fields("\x01", "\x02"), 0), false},
		{"cut off", fields("\x01", "\x02")[:9], false},
		{"no prime", fields("", "\x02"), false},
		{"no generator", fields("\x01", ""), false},
		{"a negative prime", fields("\x80", "\x02"), false},
		{"a negative generator", fields("\x01", "\xff\x02"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := &handshake{gateway: testGateway(22, pinnedKey)}
			follow(t, h, honest(gexMethod, noGuess, "SC", "CS")[:3])
			payload := append([]byte{msgGexGroup}, test.body...)
			_, toClient, err := apply(h, move{server: true, payload: payload})
			if test.ok && (err != nil || !bytes.Equal(toClient, newPacket(payload))) {
				t.Errorf("error %v, to client %q", err, toClient)
			}
			if !test.ok && (err == nil || !strings.Contains(err.Error(), "the key exchange group is malformed") || len(toClient) > 0) {
				t.Errorf("error %v, to client %q", err, toClient)
			}
			if h.checked() || h.hostKey != nil {
				t.Errorf("%q counts as a checked host key", h.hostKey)
			}
		})
	}
}

func TestServersKexInit(t *testing.T) {
	for _, test := range []struct {
		name    string
		payload []byte
		err     string
	}{
		{"malformed", append(methodsInit("curve25519-sha256", false), 0), "KEXINIT is malformed"},
		{"a guess", methodsInit("curve25519-sha256", true), "announces a guessed"},
		{"a guess, spelled 2", initPayload(0, "curve25519-sha256", 2), "announces a guessed"},
		{"nothing in common", methodsInit("curve448-sha512", false), "no key exchange method in common"},
		{"one that is not on the list", methodsInit("rsa2048-sha256", false), "rsa2048-sha256"},
	} {
		for _, order := range []string{"client first", "server first"} {
			t.Run(test.name+", "+order, func(t *testing.T) {
				moves := []move{{payload: methodsInit("rsa2048-sha256,curve25519-sha256", false)}, {server: true, payload: test.payload}}
				if order == "server first" {
					slices.Reverse(moves)
				}
				h := &handshake{gateway: testGateway(22, pinnedKey)}
				var err error
				var released []byte
				for _, m := range moves {
					var toClient []byte
					if _, toClient, err = apply(h, m); err != nil {
						break
					}
					released = append(released, toClient...)
				}
				if err == nil || !strings.Contains(err.Error(), test.err) || len(released) > 0 {
					t.Errorf("error %v, want one with %q; to client %q", err, test.err, released)
				}
			})
		}
	}
}

// The server's NEWKEYS is one byte, comes once, and is held back until the client's.
func TestServersNewKeys(t *testing.T) {
	start := func() *handshake {
		h := &handshake{gateway: testGateway(22, pinnedKey)}
		moves := honest("curve25519-sha256", noGuess, "CS", "SC")
		follow(t, h, moves[:len(moves)-2])
		return h
	}
	h := start()
	if _, toClient, err := apply(h, move{server: true, payload: []byte{msgNewKeys, 0}}); err == nil || len(toClient) > 0 {
		t.Errorf("NEWKEYS of two bytes: error %v, to client %q", err, toClient)
	}
	h = start()
	if _, toClient, err := apply(h, move{server: true, payload: []byte{msgNewKeys}}); err != nil || len(toClient) > 0 {
		t.Errorf("NEWKEYS: error %v, to client %q before the client's", err, toClient)
	}
	if _, toClient, err := apply(h, move{server: true, payload: []byte{msgNewKeys}}); err == nil || len(toClient) > 0 {
		t.Errorf("NEWKEYS twice: error %v, to client %q", err, toClient)
	}
	if h.complete {
		t.Error("complete without the client's NEWKEYS")
	}
}

func TestDisconnect(t *testing.T) {
	disconnect := func(reason uint32, text string) []byte {
		return append(binary.BigEndian.AppendUint32([]byte{msgDisconnect}, reason), fields(text, "en")...)
	}
	for _, test := range []struct {
		payload []byte
		want    string
	}{
		{disconnect(2, "bye"), `the server closed the connection: "bye" (reason 2)`},
		{disconnect(4294967295, "\x1b[2J\x07\u202e\r\nclever-ssh: all is well"), `the server closed the connection: "\x1b[2J\a\u202e\r\nclever-ssh: all is well" (reason 4294967295)`},
		{disconnect(0, ""), `the server closed the connection: "" (reason 0)`},
		{disconnect(11, strings.Repeat("x", 1000)), `the server closed the connection: "` + strings.Repeat("x", 200) + `"... (reason 11)`},
		{disconnect(3, "no language")[:5+4+11], `the server closed the connection: "no language" (reason 3)`},
		{[]byte{1}, "the server closed the connection with a malformed DISCONNECT"},
		{[]byte{1, 0, 0, 0}, "the server closed the connection with a malformed DISCONNECT"},
		{[]byte{1, 0, 0, 0, 2}, "the server closed the connection with a malformed DISCONNECT"},
		{[]byte{1, 0, 0, 0, 2, 0, 0, 0, 9, 'x'}, "the server closed the connection with a malformed DISCONNECT"},
	} {
		moves := honest(gexMethod, noGuess, "CS", "SC")
		for n := range len(moves) {
			h := &handshake{gateway: testGateway(22, pinnedKey)}
			follow(t, h, moves[:n])
			_, toClient, err := apply(h, move{server: true, payload: test.payload})
			if err == nil || err.Error() != test.want || len(toClient) > 0 {
				t.Errorf("after %v %q: error %v, to client %q", moves[:n], test.payload, err, toClient)
			}
		}
	}
}

// The clock runs while it is the server's turn, from the start again for each of its messages, and at no other time.
func TestTurn(t *testing.T) {
	everyHonest(func(name string, g guess, moves []move) {
		if g == wrongGuess {
			return // a server that answers the guess looks like one that skips it
		}
		h := &handshake{gateway: testGateway(22, pinnedKey)}
		var turns []int
		for n := range len(moves) + 1 {
			serverInit := slices.ContainsFunc(moves[:n], func(m move) bool { return m.server && m.payload[0] == msgKexInit })
			due := !serverInit || n < len(moves) && moves[n].server && moves[n].payload[0] >= firstKexNumber
			turn := h.turn()
			if (turn != 0) != due {
				t.Fatalf("%s: after %v turn %d, server due %v", name, moves[:n], turn, due)
			}
			if turn != 0 && !slices.Contains(turns, turn) {
				turns = append(turns, turn)
			}
			if n < len(moves) {
				follow(t, h, moves[n:n+1])
			}
		}
		if len(turns) != len(h.rounds)+1 {
			t.Errorf("%s: the clock was set for %d messages, want %d", name, len(turns), len(h.rounds)+1)
		}
	})
}

func FuzzReply(f *testing.F) {
	good := fields(pinnedKey, "half", "signature")
	for _, seed := range [][]byte{
		nil, good, good[:len(good)-1], append(bytes.Clone(good), 0), fields(pinnedKey, "half"), fields(unpinnedKey, "half", "signature"),
		fields("\x00\xc0prime", "\x02"), fields("\x80", ""), fields(pinnedKey, "\x02"),
	} {
		f.Add(seed, uint8(msgKexReply), false)
		f.Add(seed, uint8(msgGexReply), true)
		f.Add(seed, uint8(msgGexGroup), true)
	}
	pinned := map[string]bool{pinnedKey: true}
	for i, r := range mustRecordings(f) {
		f.Add(r.reply()[1:], r.reply()[0], r.method == gexMethod)
		if i%2 == 0 {
			pinned[string(r.hostKeyBlob())] = true
		}
	}
	g := testGateway(22, slices.Collect(maps.Keys(pinned))...)
	f.Fuzz(func(t *testing.T, body []byte, number uint8, gex bool) {
		if len(body) > 30000 {
			return // a packet has room for no more
		}
		method := "curve25519-sha256"
		if gex {
			method = gexMethod
		}
		h := untilReply(t, method)
		h.gateway = g
		payload := append([]byte{number}, body...)
		_, toClient, err := apply(h, move{server: true, payload: payload})
		// Another implementation reads the three fields and writes them back unchanged.
		var m struct{ HostKey, Half, Signature []byte }
		want := number == 31 && !gex || number == 33 && gex
		want = want && ssh.Unmarshal(body, &m) == nil && bytes.Equal(ssh.Marshal(&m), body) && pinned[string(m.HostKey)]
		if (err == nil) != want || h.checked() != want || (h.hostKey != nil) != want || want && !bytes.Equal(h.hostKey, m.HostKey) {
			t.Fatalf("%q: error %v, checked %v, host key %q, want %v", payload, err, h.checked(), h.hostKey, want)
		}
		if want != bytes.Equal(toClient, newPacket(payload)) || !want && len(toClient) > 0 {
			t.Errorf("%q: to client %q", payload, toClient)
		}
		if err != nil && !printable(err.Error()) {
			t.Errorf("the error %q is not printable", err)
		}
	})
}

func FuzzGroup(f *testing.F) {
	for _, seed := range [][]byte{
		nil, fields("\x00\xc0prime", "\x02"), fields("\x80", "\x02"), fields("", "\x02"), fields("\x01", ""), fields("\x01", "\xff"), fields("\x01"),
		fields("\x01", "\x02", ""), fields(pinnedKey, "\x02"), fields(pinnedKey, "half", "signature"), append(fields("\x01", "\x02"), 0),
	} {
		f.Add(seed, uint8(msgGexGroup))
	}
	eachRecorded(f, func(m recorded) {
		if m.server && m.number >= firstKexNumber {
			f.Add(m.payload()[1:], m.number)
		}
	})
	f.Fuzz(func(t *testing.T, body []byte, number uint8) {
		if len(body) > 30000 {
			return // a packet has room for no more
		}
		h := &handshake{gateway: testGateway(22, pinnedKey)}
		follow(t, h, honest(gexMethod, noGuess, "SC", "CS")[:3])
		payload := append([]byte{number}, body...)
		_, toClient, err := apply(h, move{server: true, payload: payload})
		// Another implementation reads two fields and writes them back unchanged. The highest bit is a number's sign.
		var m struct{ Prime, Generator []byte }
		want := number == 31 && ssh.Unmarshal(body, &m) == nil && bytes.Equal(ssh.Marshal(&m), body)
		want = want && len(m.Prime) > 0 && m.Prime[0] < 128 && len(m.Generator) > 0 && m.Generator[0] < 128
		if (err == nil) != want || want != bytes.Equal(toClient, newPacket(payload)) || !want && len(toClient) > 0 || h.checked() || h.hostKey != nil {
			t.Fatalf("%q: error %v, want accepted %v; to client %q, checked %v, host key %q", payload, err, want, toClient, h.checked(), h.hostKey)
		}
		if err != nil && !printable(err.Error()) {
			t.Errorf("the error %q is not printable", err)
		}
	})
}
