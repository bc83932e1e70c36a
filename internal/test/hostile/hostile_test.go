package hostile_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hostile"

	"golang.org/x/crypto/ssh"
)

var (
	ed25519Key = sync.OnceValue(func() ssh.Signer { return newSigner(ed25519.GenerateKey(rand.Reader)) })
	otherKey   = sync.OnceValue(func() ssh.Signer { return newSigner(ed25519.GenerateKey(rand.Reader)) })
	rsaKey     = sync.OnceValue(func() ssh.Signer {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return newSigner(nil, key, err)
	})
)

func newSigner(_ any, key any, err error) ssh.Signer {
	if err != nil {
		panic(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
}

// connect lets a client that accepts every host key talk to a server with the script, and returns what each has seen.
func connect(t *testing.T, script func(*hostile.Conn)) (r hostile.Record, clientErr error) {
	t.Helper()
	server, err := hostile.Listen(script)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conf := &ssh.ClientConfig{User: "ssh", HostKeyCallback: ssh.InsecureIgnoreHostKey()}
	conf.KeyExchanges = []string{ssh.KeyExchangeCurve25519, ssh.KeyExchangeDHGEXSHA256}
	_, _, _, clientErr = ssh.NewClientConn(conn, "", conf)
	conn.Close()
	if err := server.Close(test.Patience); err != nil {
		t.Error(err)
	}
	records := server.Records()
	if len(records) != 1 {
		t.Fatalf("%d connections", len(records))
	}
	return records[0], clientErr
}

func curve25519(id hostile.Identity) func(*hostile.Conn) {
	return func(c *hostile.Conn) {
		c.Identify()
		c.KexInit(hostile.Offer("curve25519-sha256", id.Algorithm()))
		c.ReadKexInit()
		reply := c.ReadCurve25519()
		c.Packet(reply(id))
		c.NewKeys()
		c.Wait()
	}
}

func groupExchange(id hostile.Identity) func(*hostile.Conn) {
	return func(c *hostile.Conn) {
		c.Identify()
		c.KexInit(hostile.Offer("diffie-hellman-group-exchange-sha256", id.Algorithm()))
		c.ReadKexInit()
		exchange := c.ReadGroupRequest()
		p, g := hostile.Group14()
		c.Packet(hostile.GroupMessage(p, g))
		reply := exchange.ReadInit(p, g)
		c.Packet(reply(id))
		c.NewKeys()
		c.Wait()
	}
}

// What the server computes is right: a client that knows only the protocol goes on to authenticate, and only for the
// holder of the private key.
func TestExchange(t *testing.T) {
	for name, exchange := range map[string]func(hostile.Identity) func(*hostile.Conn){"curve25519": curve25519, "group exchange": groupExchange} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := connect(t, exchange(hostile.Holder(ed25519Key())))
			if !r.NewKeys || r.After == 0 || r.Garbled || !strings.HasPrefix(r.Identification, "SSH-2.0-Go") {
				t.Errorf("the client did not go on to authenticate: %+v, %v", r, err)
			}
			r, err = connect(t, exchange(hostile.Identity{Shown: ed25519Key().PublicKey().Marshal(), Signer: otherKey()}))
			if err == nil || r.NewKeys || r.After != 0 {
				t.Errorf("the client took a signature by another key: %+v, %v", r, err)
			}
		})
	}
}

func TestRSAKey(t *testing.T) {
	t.Parallel()
	if r, err := connect(t, curve25519(hostile.Holder(rsaKey()))); r.After == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A script ends when the client leaves, whatever it waits for.
func TestScriptEnds(t *testing.T) {
	for name, wait := range map[string]func(*hostile.Conn){
		"in ReadPacket": func(c *hostile.Conn) {
			for {
				c.ReadPacket()
			}
		},
		"in Sleep": func(c *hostile.Conn) { c.Sleep(time.Hour) },
		"in Wait":  func(c *hostile.Conn) { c.Wait() },
		"in Write": func(c *hostile.Conn) {
			for {
				c.Write(make([]byte, 1<<20))
			}
		},
		"in Reset": func(c *hostile.Conn) { c.Reset() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, _ := connect(t, func(c *hostile.Conn) {
				c.ReadIdentification()
				c.Line("this is no SSH")
				c.Disconnect(2, "and this no identification")
				c.HalfClose()
				wait(c)
			})
			if r.NewKeys {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	sent := [][]byte{
		[]byte("SSH-2.0-x\r\n"), hostile.Frame([]byte{hostile.MsgIgnore, 0}), hostile.Frame([]byte{hostile.MsgNewKeys}), []byte("abc"),
	}
	for name, split := range map[string]func([]byte) [][]byte{
		"at once":      func(b []byte) [][]byte { return [][]byte{b} },
		"byte by byte": func(b []byte) [][]byte { return bytes.SplitAfter(b, nil) },
	} {
		server, err := hostile.Listen(func(c *hostile.Conn) { c.Wait() })
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial("tcp", server.Addr())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range split(bytes.Join(sent, nil)) {
			conn.Write(b)
		}
		conn.Close()
		server.Close(test.Patience)
		r := server.Records()[0]
		if r.Identification != "SSH-2.0-x" || !bytes.Equal(r.Messages, []byte{2, 21}) || !r.NewKeys || r.After != 3 || r.Garbled {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestCloseBreaksOff(t *testing.T) {
	t.Parallel()
	server, err := hostile.Listen(func(c *hostile.Conn) { c.Wait() })
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for len(server.Records()) == 0 {
		time.Sleep(time.Millisecond)
	}
	if server.Close(10*time.Millisecond) == nil {
		t.Error("no error, though the client never left")
	}
}

func TestFrame(t *testing.T) {
	payload := []byte{hostile.MsgIgnore, 'a', 'b'}
	for _, c := range []struct {
		name  string
		knobs []hostile.Knob
		want  string
	}{
		{"honest", nil, "\x00\x00\x00\x0c\x08\x02ab" + strings.Repeat("\x00", 8)},
		{"short padding", []hostile.Knob{hostile.Padding(0)}, "\x00\x00\x00\x04\x00\x02ab"},
		{"false claims", []hostile.Knob{hostile.ClaimLength(1 << 31), hostile.ClaimPadding(255)}, "\x80\x00\x00\x00\xff\x02ab" + strings.Repeat("\x00", 8)},
	} {
		if got := hostile.Frame(payload, c.knobs...); string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
