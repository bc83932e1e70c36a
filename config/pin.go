package config

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// Pin is the SHA256 fingerprint that a gateway's host key must have: the hash of the key's wire encoding
// (RFC 4253, section 6.6), as `ssh-keygen -l` prints it.
type Pin [sha256.Size]byte

const pinPrefix = "SHA256:"

// ParsePin reads a fingerprint as OpenSSH prints it: "SHA256:" and 43 characters of unpadded base64.
// Each fingerprint has one spelling only; anything else is an error.
func ParsePin(s string) (Pin, error) {
	var p Pin
	digits, ok := strings.CutPrefix(s, pinPrefix)
	if !ok {
		return p, fmt.Errorf("%q is not a host key fingerprint: it must start with %s", s, pinPrefix)
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(digits)
	if err != nil || len(sum) != len(p) || strings.ContainsAny(digits, "\r\n") {
		return p, fmt.Errorf("%q is not a host key fingerprint: %s must be followed by 43 base64 characters", s, pinPrefix)
	}
	copy(p[:], sum)
	return p, nil
}

// Fingerprint returns the fingerprint of a host key, given its whole wire encoding. It does not interpret the blob.
func Fingerprint(blob []byte) Pin { return sha256.Sum256(blob) }

func (p Pin) String() string {
	return pinPrefix + base64.RawStdEncoding.EncodeToString(p[:])
}

func mustPin(s string) Pin {
	p, err := ParsePin(s)
	if err != nil {
		panic(err)
	}
	return p
}
