package proxycmd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"clever-ssh/internal/quote"
)

// Message numbers (RFC 4250, section 4.1.2; RFC 4419, section 5; RFC 5656, section 7.1).
const (
	msgDisconnect    = 1
	msgIgnore        = 2
	msgUnimplemented = 3
	msgDebug         = 4
	msgKexInit       = 20
	msgNewKeys       = 21

	// Of the numbers that belong to the key-exchange method, 30 to 49, these are in use:
	msgKexRequest  = 30 // the client's half of every method but group exchange
	msgKexReply    = 31 // the server's, with the host key
	msgGexGroup    = 31 // group exchange: the group, before the reply
	msgGexInit     = 32
	msgGexReply    = 33
	msgGexRequest  = 34
	firstKexNumber = 30
	lastKexNumber  = 49
)

const (
	maxIdentification = 255 // bytes, including the line end (RFC 4253, section 4.2)
	maxLinesBefore    = 1024
	maxLineBefore     = 8 << 10

	minPacketLength = 12 // so that a packet fills two blocks of 8 bytes (RFC 4253, section 6)
	maxPacketLength = 35000
	minPadding      = 4
)

// readIdentification reads the server's identification string (RFC 4253, section 4.2) and returns it with its line
// end, exactly as it came: both sides hash it. A server may send other lines before it. Nobody sees them unless no
// identification string follows. The first of them goes to before, which may be nil.
func readIdentification(r *bufio.Reader, before func(first []byte)) ([]byte, error) {
	var first []byte
	for range maxLinesBefore + 1 {
		line, err := readLine(r, maxLineBefore)
		if err == nil && bytes.HasPrefix(line, []byte("SSH-")) {
			return line, checkIdentification(line)
		}
		if first == nil && len(line) > 0 {
			first = line
			if before != nil {
				before(first)
			}
		}
		if err != nil && first == nil {
			return nil, err
		}
		if err != nil {
			break
		}
	}
	return nil, notSSH(first)
}

// notSSH explains a server that sent this first line and no identification string. The words in the cases are
// OpenSSH's own (sshd.c): it turns a client away before it identifies itself. Since 9.8 it says the same of too many
// logins in progress and of an address that it punishes (sshd_config(5), PerSourcePenalties).
func notSSH(first []byte) error {
	switch line := string(bytes.TrimRight(first, "\r\n")); line {
	case "Exceeded MaxStartups":
		return fmt.Errorf("%w: %s", ErrBusy, line)
	case "Not allowed at this time":
		return fmt.Errorf("%w: %s", ErrNotNow, line)
	}
	return fmt.Errorf("this is not an SSH server: its first line is %s", escape(first))
}

// checkIdentification accepts "SSH-2.0-" and printable ASCII up to CR LF or LF. Clients differ in how they read other
// protocol versions, NUL, and CR inside the line.
func checkIdentification(line []byte) error {
	text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	valid := len(line) <= maxIdentification && bytes.HasPrefix(text, []byte("SSH-2.0-"))
	for _, c := range text {
		valid = valid && c >= ' ' && c <= '~'
	}
	if !valid {
		return fmt.Errorf("the identification string %s is not that of SSH 2.0", escape(text))
	}
	return nil
}

// readLine reads up to the next line feed and includes it. At the end of the stream it also returns what it has read.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		c, err := r.ReadByte()
		if err != nil {
			return line, err
		}
		if len(line) == limit {
			return line, fmt.Errorf("a line is longer than %d bytes", limit)
		}
		if line = append(line, c); c == '\n' {
			return line, nil
		}
	}
}

// packet is one cleartext binary packet (RFC 4253, section 6).
type packet struct {
	raw     []byte // as it came, with length and padding
	payload []byte // the part of raw that is the message, at least one byte
}

func (p packet) number() byte { return p.payload[0] }

// readPacket reads one packet. It refuses lengths that RFC 4253 lets nobody send, and those that only some
// implementations accept: until the host key is checked the sender may be anyone.
func readPacket(r *bufio.Reader) (packet, error) {
	var header [5]byte
	if n, err := io.ReadFull(r, header[:]); err != nil {
		if n > 0 {
			err = io.ErrUnexpectedEOF
		}
		return packet{}, err
	}
	length, padding := binary.BigEndian.Uint32(header[:4]), uint32(header[4])
	if length < minPacketLength || length > maxPacketLength || (length+4)%8 != 0 {
		return packet{}, fmt.Errorf("a packet claims a length of %d bytes", length)
	}
	if padding < minPadding || padding+2 > length {
		return packet{}, fmt.Errorf("a packet of %d bytes claims a padding of %d bytes", length, padding)
	}
	raw := make([]byte, 4+length)
	copy(raw, header[:])
	if _, err := io.ReadFull(r, raw[len(header):]); err != nil {
		return packet{}, io.ErrUnexpectedEOF
	}
	return packet{raw: raw, payload: raw[len(header) : uint32(len(raw))-padding]}, nil
}

// newPacket frames one of our own messages. Its padding is zero: nothing is encrypted yet, so padding protects
// nothing.
func newPacket(payload []byte) []byte {
	padding := 8 - (5+len(payload))%8
	if padding < minPadding {
		padding += 8
	}
	raw := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	raw = append(raw, byte(padding))
	raw = append(raw, payload...)
	return append(raw, make([]byte, padding)...)
}

var errTruncated = errors.New("a field extends past the end of its message")

// takeString splits the first string (RFC 4251, section 5) off a message.
func takeString(b []byte) (s, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errTruncated
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, errTruncated
	}
	return b[4 : 4+n], b[4+n:], nil
}

// takeStrings splits a message into exactly n strings with nothing after them.
func takeStrings(b []byte, n int) ([][]byte, error) {
	list := make([][]byte, n)
	var err error
	for i := range list {
		if list[i], b, err = takeString(b); err != nil {
			return nil, err
		}
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes follow the end of the message", len(b))
	}
	return list, nil
}

// maxEscaped bounds how many characters of a server's text are shown: OpenSSH cuts a reason at 400.
const maxEscaped = 200

// escape quotes text from the network for a person, at most a line of it.
func escape(text []byte) string { return quote.ASCII(text, maxEscaped) }
