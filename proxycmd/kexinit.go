package proxycmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// kexInit is what an SSH_MSG_KEXINIT (RFC 4253, section 7.1) says about the key exchange.
type kexInit struct {
	methods      []string // kex_algorithms
	hostKeys     []string // server_host_key_algorithms
	guessFollows bool     // first_kex_packet_follows
}

const (
	cookieLength = 16
	nameLists    = 10

	// OpenSSH compares at most 40 names of a list (match.c) and stops at an empty one; PuTTY does neither.
	maxNames      = 40
	maxNameLength = 64 // RFC 4251, section 6
)

// parseServerInit accepts only what every client reads the same way, in all ten lists: the client sees all of them.
//
// A name may appear twice in any list but the methods. Both sides take the first of the client's names that the
// server has, and in the server's list neither position nor repetition changes that. An sshd in a key rotation, or
// with a small and a large RSA key, names a host key type once for each key; whichever key it shows is compared with
// the pins. Ciphers, MACs, compression and languages only take effect with NEWKEYS, which no server without a pinned
// key gets. Everything else rests on the methods, and no server repeats one, so anything odd there is refused.
func parseServerInit(payload []byte) (*kexInit, error) {
	lists, guessFollows, err := splitKexInit(payload)
	if err != nil {
		return nil, err
	}
	var names [nameLists][]string
	for i, list := range lists {
		if names[i], err = parseNameList(list); err == nil && i == 0 {
			err = noneTwice(names[i])
		}
		if err != nil {
			return nil, listError(i, err)
		}
	}
	return &kexInit{methods: names[0], hostKeys: names[1], guessFollows: guessFollows}, nil
}

// parseClientInit judges the methods alone. The client knows what it means by its other lists, and they decide
// nothing here: the host key is compared with the pins whatever its type, and the rest takes effect after NEWKEYS.
// libssh's lists of ciphers end in a comma.
func parseClientInit(payload []byte) (*kexInit, error) {
	lists, guessFollows, err := splitKexInit(payload)
	if err != nil {
		return nil, err
	}
	methods, err := parseNameList(lists[0])
	if err == nil {
		err = noneTwice(methods)
	}
	if err != nil {
		return nil, listError(0, err)
	}
	return &kexInit{methods: methods, hostKeys: strings.Split(lists[1], ","), guessFollows: guessFollows}, nil
}

// splitKexInit accepts exactly ten strings, a boolean, a uint32 and nothing after it.
func splitKexInit(payload []byte) (lists [nameLists]string, guessFollows bool, err error) {
	if len(payload) < 1+cookieLength || payload[0] != msgKexInit {
		return lists, false, errors.New("KEXINIT is malformed: it is too short")
	}
	rest := payload[1+cookieLength:]
	for i := range lists {
		list, after, err := takeString(rest)
		if err != nil {
			return lists, false, fmt.Errorf("KEXINIT is malformed: %w", err)
		}
		lists[i], rest = string(list), after
	}
	if len(rest) != 1+4 {
		return lists, false, fmt.Errorf("KEXINIT is malformed: %d bytes follow its name-lists instead of 5", len(rest))
	}
	return lists, rest[0] != 0, nil
}

func listError(list int, err error) error {
	return fmt.Errorf("KEXINIT is malformed: name-list %d: %w", list+1, err)
}

// parseNameList accepts an empty list, or 1 to 40 names of 1 to 64 printable ASCII characters.
func parseNameList(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	names := strings.Split(s, ",")
	if len(names) > maxNames {
		return nil, fmt.Errorf("%d names, more than %d", len(names), maxNames)
	}
	for _, n := range names {
		switch {
		case n == "":
			return nil, errors.New("an empty name")
		case len(n) > maxNameLength:
			return nil, fmt.Errorf("a name of %d characters, more than %d", len(n), maxNameLength)
		case strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' || r > '~' }):
			return nil, fmt.Errorf("the name %s contains characters other than printable ASCII", escape([]byte(n)))
		}
	}
	return names, nil
}

// noneTwice refuses a list in which a name is repeated.
func noneTwice(names []string) error {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("it lists the name %s twice", escape([]byte(n)))
		}
	}
	return nil
}

// round is one message from the client and the server's answer to it. In the last round of a method that answer is
// the reply, which holds the host key.
type round struct{ client, server byte }

// singleReply lists the methods in which the server answers one message from the client, 30, with one of its own, 31,
// whose first field is the host key (RFC 4253, section 8; RFC 5656, section 4; RFC 8731; the drafts on sntrup761 and
// ML-KEM follow them). Every other method is refused by name: gss-* authenticate the server without its host key,
// rsa* and group1 are obsolete, and any method not listed may order its messages in any way.
var singleReply = []string{
	"curve25519-sha256", "curve25519-sha256@libssh.org", "curve448-sha512",
	"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
	"sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
	"mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384",
	"diffie-hellman-group14-sha256", "diffie-hellman-group15-sha512", "diffie-hellman-group16-sha512",
	"diffie-hellman-group17-sha512", "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha1",
}

// groupExchange is the one method in which the server sends a group before the reply (RFC 4419, section 3).
const groupExchange = "diffie-hellman-group-exchange-sha256"

// Checks reports whether Connect can find the host key in a key exchange by this method.
func Checks(method string) bool {
	return method == groupExchange || slices.Contains(singleReply, method)
}

// negotiate finds the key-exchange method as both sides do, the first of the client's that the server has, and
// returns its rounds (RFC 4253, section 7.1; all methods accepted here meet that section's conditions on host keys
// alike).
func negotiate(client, server *kexInit) ([]round, error) {
	switch name := common(client.methods, server.methods); {
	case name == "":
		return nil, &MethodError{"client and server have no key exchange method in common: the server offers " +
			escape([]byte(strings.Join(server.methods, ",")))}
	case name == groupExchange:
		return []round{{msgGexRequest, msgGexGroup}, {msgGexInit, msgGexReply}}, nil
	case slices.Contains(singleReply, name):
		return []round{{msgKexRequest, msgKexReply}}, nil
	default:
		return nil, &MethodError{"the key exchange method " + escape([]byte(name)) + " is not one that clever-ssh can check"}
	}
}

// common returns the first of the client's names that the server also has, or an empty string.
func common(client, server []string) string {
	for _, name := range client {
		if slices.Contains(server, name) {
			return name
		}
	}
	return ""
}
