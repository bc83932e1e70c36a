package sshconfig

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// NewBridgeKey makes a host key for the bridge, in the format of an OpenSSH private key file.
func NewBridgeKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(key, "clever-ssh bridge")
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// ParseBridgeKey reads what NewBridgeKey made.
func ParseBridgeKey(text []byte) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	if kind := key.PublicKey().Type(); kind != ssh.KeyAlgoED25519 { // the entries allow no other
		return nil, fmt.Errorf("it is a %s key, not %s", kind, ssh.KeyAlgoED25519)
	}
	return key, nil
}

// BridgeKeyECDSA derives a second host key from what NewBridgeKey made, always the same one, for clients too old for
// the first.
func BridgeKeyECDSA(text []byte) (ssh.Signer, error) {
	raw, err := ssh.ParseRawPrivateKey(text)
	if err != nil {
		return nil, err
	}
	first, ok := raw.(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("it is a %T", raw)
	}
	secret, err := hkdf.Key(sha256.New, first.Seed(), nil, "clever-ssh bridge, ECDSA", 32)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

// BridgeKnownHosts returns the content of bridge_known_hosts: a line for the key that NewBridgeKey made, and one for
// the key derived from it.
func BridgeKnownHosts(text []byte) ([]byte, error) {
	var lines []byte
	for _, parse := range []func([]byte) (ssh.Signer, error){ParseBridgeKey, BridgeKeyECDSA} {
		key, err := parse(text)
		if err != nil {
			return nil, err
		}
		lines = fmt.Appendf(lines, "%s %s", BridgeHostKeyAlias, ssh.MarshalAuthorizedKey(key.PublicKey()))
	}
	return lines, nil
}
