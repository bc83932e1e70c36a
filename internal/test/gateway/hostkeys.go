package gateway

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// NewHostKeys makes a fresh ED25519 and a fresh RSA key of 2048 bits, the two types that the gateway has. The error
// is that of the random source.
func NewHostKeys() ([]ssh.Signer, error) {
	_, ed25519Key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making an ED25519 host key: %w", err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making an RSA host key: %w", err)
	}
	var keys []ssh.Signer
	for _, key := range []crypto.Signer{ed25519Key, rsaKey} {
		signer, err := ssh.NewSignerFromSigner(key)
		if err != nil {
			return nil, fmt.Errorf("making a host key: %w", err)
		}
		keys = append(keys, signer)
	}
	return keys, nil
}
