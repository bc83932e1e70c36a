package proxycmd

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"clever-ssh/config"
)

// handshake decides, message by message, which parts of the key exchange are passed on. It does no reading or writing
// itself: fromClient and fromServer take one message, put what may go out into toServer and toClient, and put what
// must be remembered first into hostKey.
type handshake struct {
	gateway  *config.Gateway
	progress stepper

	toClient, toServer []byte
	hostKey            []byte // a pinned one

	clientInit, serverInit *kexInit
	heldInit               []byte // the server's KEXINIT until the client's has been read
	guess                  byte   // number of the message that the client sent before the method was known
	wrongGuess             bool   // one message from the client that does not fit is still allowed

	rounds []round // of the negotiated method; nil until it is known
	done   int     // how many rounds have been answered
	asked  bool    // the client's message of the current round has been passed on

	clientNewKeys bool
	heldNewKeys   []byte
	complete      bool // the server's NEWKEYS has been passed on: everything after it is encrypted
}

// checked reports whether the client has been given a reply with a pinned host key.
func (h *handshake) checked() bool { return h.rounds != nil && h.done == len(h.rounds) }

// fromServer judges one message from the server. If it returns an error, it has passed nothing on.
func (h *handshake) fromServer(p packet) error {
	n := p.number()
	switch {
	case n == msgDisconnect:
		return disconnected(p.payload)

	case h.serverInit == nil:
		if n != msgKexInit {
			return fmt.Errorf("the server sent message %d instead of its KEXINIT", n)
		}
		init, err := parseServerInit(p.payload)
		if err != nil {
			return err
		}
		// A receiver skips a guessed message if the guess was wrong. The client and this package might judge that
		// differently.
		if init.guessFollows {
			return errors.New("the server announces a guessed key exchange, which no known server does")
		}
		h.serverInit, h.heldInit = init, p.raw
		return h.negotiate()

	case h.rounds == nil || (!h.checked() && !h.asked):
		return fmt.Errorf("the server sent message %d out of turn", n)

	case !h.checked():
		if want := h.rounds[h.done].server; n != want {
			return fmt.Errorf("the server sent message %d instead of key exchange message %d", n, want)
		}
		if h.done == len(h.rounds)-1 {
			if err := h.reply(p.payload[1:]); err != nil {
				return err
			}
		} else if err := checkGroup(p.payload[1:]); err != nil {
			return err
		}
		h.toClient = append(h.toClient, p.raw...)
		h.done++
		h.asked = false
		return nil

	case h.heldNewKeys != nil || n != msgNewKeys:
		return fmt.Errorf("the server sent message %d instead of its NEWKEYS", n)

	case len(p.payload) != 1:
		return fmt.Errorf("NEWKEYS is malformed: it has %d bytes", len(p.payload))
	}
	h.heldNewKeys = p.raw
	h.release()
	return nil
}

// reply checks the server's key-exchange reply: exactly a host key, the server's half of the exchange and a
// signature. The pins are compared with the whole first field. Checking the signature is the client's job.
func (h *handshake) reply(fields []byte) error {
	list, err := takeStrings(fields, 3)
	if err != nil {
		return fmt.Errorf("the key exchange reply is malformed: %w", err)
	}
	found := config.Fingerprint(list[0])
	if !h.gateway.Pinned(found) {
		return &HostKeyError{Address: h.gateway.Address.HostPort(), Found: found, Pinned: h.gateway.Pins}
	}
	h.progress.tell("host key %s is pinned", found)
	h.hostKey = list[0]
	return nil
}

// checkGroup accepts the group of a group exchange: a prime and a generator, both positive (RFC 4419, section 3). The
// message shares its number with the replies of other methods, but is never read as one.
func checkGroup(fields []byte) error {
	list, err := takeStrings(fields, 2)
	if err != nil {
		return fmt.Errorf("the key exchange group is malformed: %w", err)
	}
	for _, mpint := range list {
		if len(mpint) == 0 || mpint[0]&0x80 != 0 {
			return errors.New("the key exchange group is malformed: one of its numbers is not positive")
		}
	}
	return nil
}

// fromClient judges one message from the client. The client is trusted; these checks find out whether it understood
// the server as this program did.
func (h *handshake) fromClient(p packet) error {
	n := p.number()
	switch {
	case h.clientNewKeys:
		return &ClientError{errors.New("it sent cleartext after its NEWKEYS")}

	case n == msgDisconnect:
		h.toServer = append(h.toServer, p.raw...)
		return errClientGone

	case n == msgIgnore || n == msgUnimplemented || n == msgDebug:

	case n == msgKexInit && h.clientInit == nil:
		init, err := parseClientInit(p.payload)
		if err != nil {
			return &ClientError{fmt.Errorf("its %w", err)}
		}
		h.clientInit, h.wrongGuess = init, init.guessFollows
		if err := h.negotiate(); err != nil {
			return err
		}

	case n >= firstKexNumber && n <= lastKexNumber && h.clientInit != nil:
		if h.rounds == nil && h.guess == 0 && h.wrongGuess {
			h.guess = n
		} else if err := h.clientAsks(n); err != nil {
			return err
		}

	case n == msgNewKeys && len(p.payload) == 1 && h.checked():
		h.clientNewKeys = true
		h.release()

	default:
		return &ClientError{fmt.Errorf("it sent message %d out of turn", n)}
	}
	h.toServer = append(h.toServer, p.raw...)
	return nil
}

// negotiate settles the method once both KEXINITs are known. Only then does the client see the server's.
func (h *handshake) negotiate() (err error) {
	if h.clientInit == nil || h.serverInit == nil {
		return nil
	}
	if h.rounds, err = negotiate(h.clientInit, h.serverInit); err != nil {
		return err
	}
	h.progress.tell("key exchange %s, host key algorithm %s", common(h.clientInit.methods, h.serverInit.methods), cmp.Or(common(h.clientInit.hostKeys, h.serverInit.hostKeys), "none in common"))
	if h.guess != 0 {
		if err := h.clientAsks(h.guess); err != nil {
			return err
		}
	}
	h.toClient = append(h.toClient, h.heldInit...)
	h.heldInit = nil
	return nil
}

// clientAsks takes a key-exchange message from the client. It must be the one that begins the current round: a client
// that sends another has understood the server's KEXINIT differently, and would read its reply differently, too. A
// client that announced a guess may have sent one message too many.
func (h *handshake) clientAsks(n byte) error {
	switch {
	case h.rounds != nil && h.done < len(h.rounds) && !h.asked && n == h.rounds[h.done].client:
		h.asked = true
	case h.wrongGuess && h.done == 0:
		h.wrongGuess = false
	default:
		return &ClientError{fmt.Errorf("it sent key exchange message %d, which does not fit the method", n)}
	}
	return nil
}

// release passes on the server's NEWKEYS once the client's has gone out. Only the client's NEWKEYS shows that the
// client read the exchange as this package did: OpenSSH, PuTTY and Dropbear send it once they have verified the reply
// they were shown with the pinned key.
func (h *handshake) release() {
	if h.clientNewKeys && h.heldNewKeys != nil {
		h.progress.tell("both sides have sent NEWKEYS: everything after this is encrypted")
		h.toClient = append(h.toClient, h.heldNewKeys...)
		h.complete = true
	}
}

// turn returns which of the server's messages the clock is running for. It is 0 while it is the client's turn, or
// nobody's.
func (h *handshake) turn() int {
	switch {
	case h.serverInit == nil:
		return 1
	case h.asked && !h.checked():
		return 2 + h.done
	}
	return 0
}

// disconnected turns the server's SSH_MSG_DISCONNECT into an error (RFC 4253, section 11.1).
func disconnected(payload []byte) error {
	if len(payload) < 5 {
		return fmt.Errorf("%w with a malformed DISCONNECT", ErrClosed)
	}
	text, _, err := takeString(payload[5:])
	if err != nil {
		return fmt.Errorf("%w with a malformed DISCONNECT", ErrClosed)
	}
	return fmt.Errorf("%w: %s (reason %d)", ErrClosed, escape(text), binary.BigEndian.Uint32(payload[1:]))
}
