package survey

import (
	"regexp"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/pattern"

	"golang.org/x/crypto/ssh"
)

// A server chooses the text in which it names itself and its algorithms. The page shows only names that are
// publicly known.

// known lists the algorithms that may be shown, besides those that the library knows.
var known = strings.Fields(`
	curve25519-sha256 curve25519-sha256@libssh.org curve448-sha512 ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
	sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com mlkem768x25519-sha256 mlkem768nistp256-sha256 mlkem1024nistp384-sha384
	diffie-hellman-group14-sha256 diffie-hellman-group15-sha512 diffie-hellman-group16-sha512 diffie-hellman-group17-sha512
	diffie-hellman-group18-sha512 diffie-hellman-group14-sha1 diffie-hellman-group1-sha1 diffie-hellman-group-exchange-sha256
	diffie-hellman-group-exchange-sha1 kex-strict-s-v00@openssh.com ext-info-s
	ssh-ed25519 ssh-ed448 rsa-sha2-512 rsa-sha2-256 ssh-rsa ssh-dss ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521
	sk-ssh-ed25519@openssh.com sk-ecdsa-sha2-nistp256@openssh.com webauthn-sk-ecdsa-sha2-nistp256@openssh.com
	ssh-ed25519-cert-v01@openssh.com ssh-rsa-cert-v01@openssh.com rsa-sha2-512-cert-v01@openssh.com rsa-sha2-256-cert-v01@openssh.com
	chacha20-poly1305@openssh.com aes128-ctr aes192-ctr aes256-ctr aes128-cbc aes192-cbc aes256-cbc 3des-cbc
	aes128-gcm@openssh.com aes256-gcm@openssh.com
	umac-64-etm@openssh.com umac-128-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com
	hmac-sha1-etm@openssh.com umac-64@openssh.com umac-128@openssh.com hmac-sha2-256 hmac-sha2-512 hmac-sha1 hmac-sha1-96 hmac-md5
	none zlib zlib@openssh.com
	publickey password keyboard-interactive hostbased gssapi-with-mic`)

// isKnown reports whether a name is publicly known.
func isKnown(name string) bool {
	for _, a := range []ssh.Algorithms{ssh.SupportedAlgorithms(), ssh.InsecureAlgorithms()} {
		if slices.Contains(slices.Concat(a.Ciphers, a.MACs, a.KeyExchanges, a.HostKeys, a.PublicKeyAuths), name) {
			return true
		}
	}
	return slices.Contains(known, name)
}

// listed lists the known names, and counts the others.
func listed(names []string) string {
	var list []string
	others := 0
	for _, n := range names {
		if isKnown(n) {
			list = append(list, n)
		} else {
			others++
		}
	}
	if others > 0 {
		list = append(list, ui.Counted(others, "unknown name"))
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// softwares match SSH servers by name and version. Nothing else fits into a match.
var softwares = []func() *regexp.Regexp{
	pattern.New(`^OpenSSH_(?:for_Windows_)?[0-9]{1,2}\.[0-9]{1,2}(?:p[0-9])?(?: (?:Debian|Ubuntu|FreeBSD|Raspbian)\b)?`),
	pattern.New(`^dropbear(?:_[0-9]{4}\.[0-9]{1,3})?`),
	pattern.New(`^libssh_[0-9]\.[0-9]{1,2}\.[0-9]{1,2}`),
	pattern.New(`^russh_[0-9]\.[0-9]{1,3}\.[0-9]{1,2}`),
	pattern.New(`^(?:Go|AsyncSSH|Twisted|Erlang|paramiko|Teleport|ssh2js|APACHE-SSHD|mod_sftp|thrussh|Cisco)\b`),
}

// software returns the name of the server with this identification (RFC 4253, section 4.2).
func software(identification string) string {
	text, ok := strings.CutPrefix(identification, "SSH-2.0-")
	if !ok {
		return "a server of a version other than 2.0"
	}
	for _, s := range softwares {
		if name := s().FindString(text); name != "" {
			return "SSH-2.0-" + name
		}
	}
	return "SSH-2.0-, and a name that is not known"
}
