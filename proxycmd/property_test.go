package proxycmd

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file says again, as plainly as it can, what a client may be shown. It is slow. It knows nothing about how the
// rest of the package works, and uses none of it.

// An occurrence is one thing that happened on a connection.
type occurrence struct {
	what  happening
	bytes []byte
	at    time.Time
}

type happening int

const (
	clientRead happening = iota // bytes were read from the client
	serverRead                  // and from the server
	shown                       // bytes were written to the client
	remembered                  // a host key was put into known_hosts
)

// wrong says what is wrong with a connection; "" means nothing is. toServer is everything that the server was sent;
// pinned are the SHA-256 hashes of the pinned keys. Everything shown to the client is judged by what had been read
// from both sides when it was written.
func wrong(log []occurrence, toServer []byte, pinned ...[32]byte) string {
	var client, server, output []byte
	var keys [][]byte
	messages := 0
	for _, o := range log {
		switch o.what {
		case clientRead:
			client = append(client, o.bytes...)
		case serverRead:
			server = append(server, o.bytes...)
		case remembered:
			keys = append(keys, o.bytes)
			if !slices.Contains(pinned, sha256.Sum256(o.bytes)) {
				return fmt.Sprintf("a key that is not pinned is remembered: %q", o.bytes)
			}
		case shown:
			output = append(output, o.bytes...)
			why := ""
			if messages, why = wrongOutput(output, client, server, keys, pinned, messages); why != "" {
				return fmt.Sprintf("%s\nshown    %q\nof       %q\nto whom  %q", why, output, server, client)
			}
		}
	}
	if !bytes.HasPrefix(client, toServer) {
		return fmt.Sprintf("the server is sent %q, which is not what the client sent: %q", toServer, client)
	}
	if said := saidBy(toServer); len(said) > 0 && said[len(said)-1][0] == 21 && len(keys) == 0 {
		return fmt.Sprintf("NEWKEYS goes to a server that showed no pinned key: %q", toServer)
	}
	return ""
}

// wrongOutput judges everything that the client has been shown so far. It had been shown the first few of the
// server's messages before: before is how many.
func wrongOutput(output, client, server []byte, keys [][]byte, pinned [][32]byte, before int) (now int, why string) {
	// Our own identification is followed by a DISCONNECT and nothing else.
	if reason, ok := bytes.CutPrefix(output, []byte("SSH-2.0-clever-ssh\r\n")); ok && isDisconnect(reason) {
		return 0, ""
	}

	// The identification is the server's first line that starts with SSH-.
	end := bytes.IndexByte(output, '\n') + 1
	line, output := string(output[:end]), output[end:]
	if why := wrongIdentification(line); why != "" {
		return 0, why
	}
	for lines := 0; ; lines++ {
		end := bytes.IndexByte(server, '\n') + 1
		first := string(server[:end])
		server = server[end:]
		if first == "" || lines > 1024 || len(first) > 8192 {
			return 0, fmt.Sprintf("the identification %q comes from nowhere", line)
		}
		if strings.HasPrefix(first, "SSH-") && first != line {
			return 0, fmt.Sprintf("the identification is %q, not %q", first, line)
		}
		if first == line {
			break
		}
	}

	// Whole packets follow up to NEWKEYS, as the server sent them. A DISCONNECT is ours, and it is the end.
	rest, ended := output, false
	var messages [][]byte
	for len(rest) > 0 {
		packet, payload := cutPacket(rest)
		if packet == nil {
			return 0, fmt.Sprintf("%q is no whole packet", rest)
		}
		if payload[0] == 1 {
			if !isDisconnect(rest) {
				return 0, fmt.Sprintf("%q is not a DISCONNECT of ours, and the end", rest)
			}
			output, ended = output[:len(output)-len(rest)], true
			break
		}
		messages = append(messages, payload)
		rest = rest[len(packet):]
		if payload[0] == 21 {
			break // what follows is encrypted
		}
	}
	if !bytes.HasPrefix(server, output) {
		return 0, "the client is shown something else than the server sent"
	}
	// What was shown before the DISCONNECT has been judged already; the client may have said anything since.
	if ended && len(messages) == before {
		return before, ""
	}
	return len(messages), wrongMessages(messages, saidBy(client), keys, pinned)
}

func wrongIdentification(line string) string {
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		text = strings.TrimSuffix(line, "\n")
	}
	if len(line) > 255 || text == line || !strings.HasPrefix(text, "SSH-2.0-") {
		return fmt.Sprintf("the identification is %q", line)
	}
	for _, c := range []byte(text) {
		if c < 32 || c > 126 {
			return fmt.Sprintf("the identification %q has the character %d", line, c)
		}
	}
	return ""
}

// The methods that allow a pinned host key, as the design lists them.
const methodsAllowed = ` curve25519-sha256 curve25519-sha256@libssh.org curve448-sha512
	ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
	sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com
	mlkem768x25519-sha256 mlkem768nistp256-sha256 mlkem1024nistp384-sha384
	diffie-hellman-group14-sha256 diffie-hellman-group15-sha512 diffie-hellman-group16-sha512
	diffie-hellman-group17-sha512 diffie-hellman-group18-sha512 diffie-hellman-group14-sha1
	diffie-hellman-group-exchange-sha256 `

// wrongMessages judges the server's messages that a client has been shown, given what it had said.
func wrongMessages(messages, said, keys [][]byte, pinned [][32]byte) string {
	if len(messages) == 0 {
		return ""
	}
	if len(said) == 0 {
		return "the client is shown a message before it has sent its KEXINIT"
	}
	servers, ok1 := readLists(messages[0], 10)
	clients, ok2 := readLists(said[0], 1)
	if !ok1 || !ok2 {
		return fmt.Sprintf("KEXINITs that not everybody reads alike: server %q, client %q", messages[0], said[0])
	}
	if messages[0][len(messages[0])-5] != 0 {
		return "the server guesses"
	}
	guesses := said[0][len(said[0])-5] != 0
	method := ""
	for _, name := range clients {
		if method == "" && slices.Contains(servers, name) {
			method = name
		}
	}
	if method == "" || !slices.Contains(strings.Fields(methodsAllowed), method) {
		return fmt.Sprintf("the method is %q", method)
	}

	// What both must have said, in this order.
	client, server := []byte{20, 30, 21}, []byte{20, 31, 21}
	if method == "diffie-hellman-group-exchange-sha256" {
		client, server = []byte{20, 34, 32, 21}, []byte{20, 31, 33, 21}
	}
	if len(messages) > len(server) {
		return fmt.Sprintf("%d messages", len(messages))
	}
	// KEXINIT waits for the client's, and more may have come with that. A group, a reply or NEWKEYS is shown when the
	// client has said its own part up to there, and no more.
	if n := len(messages); n > 1 && !fits(said, client[:n], guesses) {
		return fmt.Sprintf("of %s the client is shown %d messages when it has said %q", method, n, said)
	}
	for i, m := range messages {
		if m[0] != server[i] {
			return fmt.Sprintf("message %d is shown in the place of %d", m[0], server[i])
		}
		switch {
		case m[0] == 21 && len(m) != 1:
			return fmt.Sprintf("NEWKEYS is %q", m)
		case i == 1 && len(server) == 4:
			numbers, ok := readStrings(m[1:])
			if !ok || len(numbers) != 2 || len(numbers[0]) == 0 || len(numbers[1]) == 0 || numbers[0][0] > 127 || numbers[1][0] > 127 {
				return fmt.Sprintf("the group is %q", m)
			}
		case i == len(server)-2:
			fields, ok := readStrings(m[1:])
			if !ok || len(fields) != 3 {
				return fmt.Sprintf("the reply is %q", m)
			}
			if !slices.Contains(pinned, sha256.Sum256(fields[0])) {
				return fmt.Sprintf("the client is shown a host key that is not pinned: %q", fields[0])
			}
			if len(keys) != 1 || !bytes.Equal(keys[0], fields[0]) {
				return fmt.Sprintf("the client is shown the host key %q, remembered are %q", fields[0], keys)
			}
		}
	}
	return ""
}

// fits reports whether the client has said these numbers. One more is allowed for a wrong guess, if it announced one.
func fits(said [][]byte, numbers []byte, guesses bool) bool {
	var list []byte
	for _, m := range said {
		if m[0] == 21 && len(m) != 1 {
			return false
		}
		list = append(list, m[0])
	}
	if bytes.Equal(list, numbers) {
		return true
	}
	for i, n := range list {
		without := slices.Delete(slices.Clone(list), i, i+1)
		if guesses && i < 3 && n >= 30 && n <= 49 && bytes.Equal(without, numbers) {
			return true
		}
	}
	return false
}

// saidBy returns the client's messages up to its NEWKEYS, except those that mean nothing.
func saidBy(client []byte) [][]byte {
	var said [][]byte
	client = client[bytes.IndexByte(client, '\n')+1:]
	for {
		packet, payload := cutPacket(client)
		if packet == nil {
			return said
		}
		client = client[len(packet):]
		if payload[0] != 2 && payload[0] != 3 && payload[0] != 4 {
			said = append(said, payload)
		}
		if payload[0] == 21 {
			return said
		}
	}
}

// cutPacket returns the packet that begins here and its content, or nil if it is not whole or not allowed by RFC
// 4253.
func cutPacket(b []byte) (packet, payload []byte) {
	if len(b) < 16 {
		return nil, nil
	}
	length := number(b)
	padding := int(b[4])
	if length < 12 || length > 35000 || (length+4)%8 != 0 || len(b) < 4+length || padding < 4 || length-1-padding < 1 {
		return nil, nil
	}
	return b[:4+length], b[5 : 4+length-padding]
}

// readLists returns the key exchange methods of a KEXINIT, if everybody reads its first lists in the same way: for a
// client the methods, for a server all ten.
func readLists(payload []byte, judged int) (methods []string, ok bool) {
	if len(payload) < 22 || payload[0] != 20 {
		return nil, false
	}
	lists, ok := readStrings(payload[17 : len(payload)-5])
	if !ok || len(lists) != 10 {
		return nil, false
	}
	for i, list := range lists[:judged] {
		if len(list) == 0 {
			continue
		}
		var names []string
		for name := range strings.SplitSeq(string(list), ",") {
			if name == "" || len(name) > 64 || i == 0 && slices.Contains(names, name) {
				return nil, false
			}
			for _, c := range []byte(name) {
				if c <= 32 || c > 126 {
					return nil, false
				}
			}
			names = append(names, name)
		}
		if len(names) > 40 {
			return nil, false
		}
		if i == 0 {
			methods = names
		}
	}
	return methods, true
}

// isDisconnect reports whether this is a single DISCONNECT of ours, with a text that a terminal can show, and nothing
// else.
func isDisconnect(b []byte) bool {
	packet, payload := cutPacket(b)
	if packet == nil || len(packet) != len(b) || len(payload) < 5 || payload[0] != 1 {
		return false
	}
	reason := number(payload[1:])
	texts, ok := readStrings(payload[5:])
	if !ok || len(texts) != 2 || !bytes.HasPrefix(texts[0], []byte("clever-ssh: ")) || len(texts[1]) != 0 || reason != 9 && reason != 11 {
		return false
	}
	for _, c := range texts[0] {
		if c < 32 || c > 126 {
			return false
		}
	}
	return true
}

// readStrings splits a message that consists only of strings.
func readStrings(b []byte) (list [][]byte, ok bool) {
	for len(b) > 0 {
		if len(b) < 4 || len(b) < 4+number(b) {
			return nil, false
		}
		n := 4 + number(b)
		list, b = append(list, b[4:n]), b[n:]
	}
	return list, true
}

func number(b []byte) int { return int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3]) }
