package proxycmd

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"time"

	"clever-ssh/config"
)

// Greeting is what a gateway sends before the key exchange. Nobody has vouched for it yet, and none of it is escaped.
type Greeting struct {
	Connected      time.Duration // how long connecting took
	Answered       time.Duration // how long the identification string took after that
	LinesBefore    int           // lines before the identification string
	Identification string        // without its line end
	Messages       []byte        // the numbers of the messages before KEXINIT

	KeyExchanges, HostKeys, Ciphers, MACs, Compressions []string // as offered in KEXINIT

	Guesses bool // it announces a guessed key exchange
}

// maxMessagesBefore is how many messages before KEXINIT Greet looks at.
const maxMessagesBefore = 20

// Greet connects to a gateway and hangs up once the gateway has sent its KEXINIT. An error comes with whatever
// arrived before it.
func Greet(ctx context.Context, g *config.Gateway) (*Greeting, error) {
	said := &Greeting{}
	begun := time.Now()
	conn, err := dial(ctx, g.Address, g.Via, nil)
	if err != nil {
		return said, &DialError{Address: g.Address.HostPort(), Via: g.Via.Redacted(), Err: err}
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	said.Connected = time.Since(begun)
	if err := said.read(bufio.NewReader(conn), func() {
		said.Answered = time.Since(begun) - said.Connected
		conn.Write([]byte(ourIdentification))
	}); err != nil {
		return said, &HandshakeError{Address: g.Address.HostPort(), Err: orCause(ctx, err)}
	}
	return said, nil
}

// read reads up to KEXINIT. It calls identified when the identification string has arrived.
func (s *Greeting) read(r *bufio.Reader, identified func()) error {
	for ; ; s.LinesBefore++ {
		if s.LinesBefore > maxLinesBefore {
			return fmt.Errorf("more than %d lines come before the identification string", maxLinesBefore)
		}
		line, err := readLine(r, maxLineBefore)
		if strings.HasPrefix(string(line), "SSH-") {
			s.Identification = strings.TrimRight(string(line), "\r\n")
			break
		}
		if err != nil {
			return err
		}
	}
	identified()
	for len(s.Messages) <= maxMessagesBefore {
		p, err := readPacket(r)
		if err != nil {
			return err
		}
		if p.number() == msgKexInit {
			return s.readKexInit(p.payload)
		}
		s.Messages = append(s.Messages, p.number())
	}
	return fmt.Errorf("more than %d messages come before KEXINIT", maxMessagesBefore)
}

// readKexInit reads the lists that make up the server's half of the connection (RFC 4253, section 7.1).
func (s *Greeting) readKexInit(payload []byte) error {
	lists, guesses, err := splitKexInit(payload)
	if err != nil {
		return err
	}
	s.Guesses = guesses
	const serverToClient = 1 // follows the client's list, in each of the three pairs below
	for list, names := range map[int]*[]string{0: &s.KeyExchanges, 1: &s.HostKeys, 2 + serverToClient: &s.Ciphers, 4 + serverToClient: &s.MACs, 6 + serverToClient: &s.Compressions} {
		if lists[list] != "" {
			*names = strings.Split(lists[list], ",")
		}
	}
	return nil
}
