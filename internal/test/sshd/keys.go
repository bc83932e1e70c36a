package sshd

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"sync"
)

// NewKey makes a host key: "ed25519" or "rsa".
func NewKey(kind string) (crypto.Signer, error) {
	switch kind {
	case "ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case "rsa":
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return nil, fmt.Errorf("no host key is called %q", kind)
}

// both are the keys for servers that are given none. They are made only once: an RSA key takes its time.
var both = sync.OnceValues(func() (keys []crypto.Signer, err error) {
	for _, kind := range []string{"ed25519", "rsa"} {
		key, err := NewKey(kind)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
})
