package proxycmd_test

import (
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/hostile"
	"clever-ssh/proxycmd"
)

// Greet reads what a gateway says first as it comes, and no more of it than is allowed.
func TestGreet(t *testing.T) {
	t.Parallel()
	offer := hostile.Offer("curve25519-sha256,other", "ssh-ed25519").With(3, "a,b")
	for _, c := range []struct {
		name   string
		script func(*hostile.Conn)
		want   string // of the error
		check  func(*proxycmd.Greeting) bool
	}{
		{"as usual", func(c *hostile.Conn) { c.Identify(); c.KexInit(offer); c.Wait() }, "", func(g *proxycmd.Greeting) bool {
			return g.Identification == "SSH-2.0-hostile" && strings.Join(g.KeyExchanges, ",") == "curve25519-sha256,other" && strings.Join(g.HostKeys, ",") == "ssh-ed25519" &&
				strings.Join(g.Ciphers, ",") == "a,b" && strings.Join(g.MACs, ",") == "hmac-sha2-256" && strings.Join(g.Compressions, ",") == "none" && g.LinesBefore == 0 && !g.Guesses && g.Messages == nil
		}},
		{"lines before", func(c *hostile.Conn) { c.Line("hello"); c.Line(""); c.Identify(); c.KexInit(offer); c.Wait() }, "", func(g *proxycmd.Greeting) bool { return g.LinesBefore == 2 }},
		{"a message before", func(c *hostile.Conn) {
			c.Identify()
			c.Message(hostile.MsgIgnore, hostile.String(nil))
			c.KexInit(offer)
			c.Wait()
		}, "", func(g *proxycmd.Greeting) bool { return string(g.Messages) == "\x02" }},
		{"nothing", func(*hostile.Conn) {}, "EOF", func(g *proxycmd.Greeting) bool { return g.Identification == "" }},
		{"lines without end", func(c *hostile.Conn) { c.Write([]byte(strings.Repeat("x\r\n", 2000))); c.Wait() }, "more than 1024 lines", func(g *proxycmd.Greeting) bool { return g.Identification == "" }},
		{"messages without end", func(c *hostile.Conn) {
			c.Identify()
			for range 100 {
				c.Message(hostile.MsgIgnore, hostile.String(nil))
			}
			c.Wait()
		}, "more than 20 messages", func(g *proxycmd.Greeting) bool { return len(g.Messages) == 21 }},
		{"no packet", func(c *hostile.Conn) { c.Identify(); c.Line(strings.Repeat("x", 100)); c.Wait() }, "a packet claims", func(g *proxycmd.Greeting) bool { return g.Identification != "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, err := hostile.Listen(c.script)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close(test.Patience) })
			address, err := config.ParseAddress("ssh@" + server.Addr())
			if err != nil {
				t.Fatal(err)
			}
			g, err := proxycmd.Greet(t.Context(), &config.Gateway{Address: address})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) || !c.check(g) {
				t.Errorf("%+v, error %v, want %q", g, err, c.want)
			}
		})
	}
}
