//go:build unix

package proxycmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hostile"
	"clever-ssh/proxycmd"

	"golang.org/x/crypto/ssh"
)

// Whatever a server sends, the client only gets an identification, a KEXINIT, a group if it asked for one, and a
// reply that begins with the pinned key. Anything else comes from this program: a DISCONNECT, the last message, in
// characters that a terminal can show.
func FuzzServer(f *testing.F) {
	p, g := hostile.Group14()
	line := []byte("SSH-2.0-x\r\n")
	init := func(methods string) []byte {
		return hostile.Frame(hostile.Offer(methods, ssh.KeyAlgoED25519).Marshal())
	}
	reply := func(number byte, key []byte) []byte {
		return hostile.Frame(slices.Concat([]byte{number}, hostile.String(key), hostile.String(make([]byte, 32)), hostile.String([]byte("signature"))))
	}
	group := hostile.Frame(hostile.GroupMessage(p, g))
	newKeys := hostile.Frame([]byte{hostile.MsgNewKeys})
	for _, seed := range []struct {
		gex         bool
		first, rest [][]byte
	}{
		{false, [][]byte{line, init(curve25519), reply(31, fuzzKey), newKeys}, nil},
		{false, [][]byte{line, init(curve25519), reply(31, []byte("another key")), newKeys}, nil},
		{false, [][]byte{line, init(curve25519), hostile.Frame([]byte("\x01\x00\x00\x00\x02\x00\x00\x00\x04\x1b[2J\x00\x00\x00\x00"))}, nil},
		{false, [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), line, init(curve25519), newKeys}, nil},
		{false, [][]byte{line, init(curve25519 + ",," + groupExchange)}, [][]byte{init(curve25519)}},
		{true, [][]byte{line, init(groupExchange), group}, [][]byte{reply(33, fuzzKey), newKeys, []byte("ciphertext")}},
		{true, [][]byte{line, init(groupExchange), group}, [][]byte{reply(33, []byte("another key")), newKeys}},
		{true, [][]byte{line, init(groupExchange), reply(31, fuzzKey)}, [][]byte{reply(33, []byte("another key"))}},
	} {
		f.Add(seed.gex, slices.Concat(seed.first...), slices.Concat(seed.rest...))
	}
	f.Fuzz(serveBytes)
}

// serveBytes connects a client to a server. The server sends first as soon as the client has asked, and rest when it
// has asked again. The client knows only group exchange, or only curve25519.
func serveBytes(t *testing.T, gex bool, first, rest []byte) {
	server, err := hostile.Listen(func(c *hostile.Conn) {
		c.ReadKexInit()
		c.ReadPacket()
		defer c.Write(rest)
		c.Write(first)
		if len(rest) > 0 {
			c.Patience(20 * time.Millisecond)
			c.ReadPacket()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	address, err := config.ParseAddress(server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	gateway := &config.Gateway{Suffix: config.DefaultSuffix, Address: address, Pins: []config.Pin{config.Fingerprint(fuzzKey)}}
	fromProxy, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, toProxy, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		defer close(left)
		credulous{t, bufio.NewReader(fromProxy), toProxy}.talk(gex)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	// Connect's own limit is longer: it must not be what ends it.
	if err := proxycmd.Connect(ctx, gateway, stdin, stdout, proxycmd.Options{Timeout: 2 * test.Patience}); ctx.Err() != nil {
		t.Errorf("Connect: %v", err)
	}
	stdout.Close()
	<-left
	stdin.Close()
	fromProxy.Close()
	if err := server.Close(test.Patience); err != nil {
		t.Error(err)
	}
	if r := server.Records()[0]; r.NewKeys || r.After > 0 || r.Garbled {
		t.Errorf("the server was sent %+v", r)
	}
}

// fuzzKey is the same in every run, so that a corpus keeps its meaning.
var fuzzKey = bytes.Repeat([]byte("key "), 12)

// credulous is a client that believes everything but the signature, which is never right. It asks ahead, with a guess
// (RFC 4253, section 7.1), so that the server need not wait.
type credulous struct {
	t   *testing.T
	in  *bufio.Reader
	out io.WriteCloser
}

func (c credulous) talk(gex bool) {
	defer c.out.Close()
	method, ask := curve25519, byte(hostile.MsgKexECDHInit)
	want := []byte{hostile.MsgKexInit, hostile.MsgKexECDHReply}
	if gex {
		method, ask = groupExchange, hostile.MsgGexRequest
		want = []byte{hostile.MsgKexInit, hostile.MsgGexGroup, hostile.MsgGexReply}
	}
	init := hostile.Offer(method, ssh.KeyAlgoED25519)
	init.Follows = 1
	c.out.Write(slices.Concat([]byte("SSH-2.0-credulous\r\n"), hostile.Frame(init.Marshal()), hostile.Frame([]byte{ask, 0, 0, 0, 0})))

	line, err := c.in.ReadBytes('\n')
	if err != nil || !bytes.HasPrefix(line, []byte("SSH-2.0-")) || len(line) > 255 || !printable(bytes.TrimRight(line, "\r\n")) {
		c.t.Errorf("the client was given the line %q", line)
		return
	}
	for {
		message := c.packet()
		switch {
		case message == nil:
			c.t.Error("the client was not told why")
			return
		case message[0] == hostile.MsgDisconnect:
			c.disconnected(message)
			return
		case len(want) == 0 || message[0] != want[0]:
			c.t.Errorf("the client was given message %d, wanted %d", message[0], want)
			return
		}
		if want = want[1:]; len(want) == 0 {
			if !bytes.HasPrefix(message[1:], hostile.String(fuzzKey)) {
				c.t.Errorf("the client was given the reply %q", message)
			}
			return // the signature is wrong
		}
		if message[0] == hostile.MsgGexGroup {
			c.out.Write(hostile.Frame([]byte{hostile.MsgGexInit, 0, 0, 0, 0}))
		}
	}
}

func (c credulous) disconnected(message []byte) {
	text := message[9 : 9+binary.BigEndian.Uint32(message[5:])]
	if !printable(text) || len(text) == 0 {
		c.t.Errorf("the client was told %q", text)
	}
	c.out.Close() // so that Connect need not wait
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
		c.t.Errorf("after DISCONNECT came %q", rest)
	}
}

// packet returns the next message, or nil.
func (c credulous) packet() []byte {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c.in, header); err != nil {
		return nil
	}
	body := make([]byte, binary.BigEndian.Uint32(header)-1)
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil
	}
	return body[:len(body)-int(header[4])]
}

func printable(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r > '~' })
}
