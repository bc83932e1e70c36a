package hostile

import (
	"bytes"
	"slices"
)

// KexInit is an SSH_MSG_KEXINIT (RFC 4253, section 7.1). Its name-lists are written as given, so they can hold what
// no list may.
type KexInit struct {
	Lists    []string // ten, in the order of the RFC, unless one is to be missing
	Follows  byte     // first_kex_packet_follows
	Trailing []byte   // what comes after the last field
}

// The places of some lists in a KEXINIT.
const (
	Methods   = 0 // kex_algorithms
	HostKeys  = 1 // server_host_key_algorithms
	Languages = 9 // languages_server_to_client, which no client uses
)

// Offer is a well-formed KEXINIT with the two lists that decide the key exchange, and ciphers that every client knows.
func Offer(methods, hostKeys string) KexInit {
	const (
		ciphers = "chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"
		macs    = "hmac-sha2-256"
	)
	return KexInit{Lists: []string{methods, hostKeys, ciphers, ciphers, macs, macs, "none", "none", "", ""}}
}

// With replaces one name-list.
func (k KexInit) With(list int, names string) KexInit {
	k.Lists = slices.Clone(k.Lists)
	k.Lists[list] = names
	return k
}

// Marshal returns the message. Its cookie is zero: a lying server has no use for a random one.
func (k KexInit) Marshal() []byte {
	b := append([]byte{MsgKexInit}, make([]byte, 16)...)
	for _, list := range k.Lists {
		b = append(b, String([]byte(list))...)
	}
	b = append(b, k.Follows)
	b = append(b, Uint32(0)...)
	return append(b, k.Trailing...)
}

// favourites returns the first key exchange method and the first host key algorithm of a KEXINIT. A guess is right if
// they equal those of the other side.
func favourites(init []byte) (first [2]string) {
	rest := init[1+16:]
	for i := range first {
		var list []byte
		list, rest = takeString(rest)
		name, _, _ := bytes.Cut(list, []byte(","))
		first[i] = string(name)
	}
	return first
}
