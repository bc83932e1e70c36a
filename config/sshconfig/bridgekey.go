package sshconfig

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// NewBridgeKey makes a host key for the bridge, in the form of an OpenSSH private key file.
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

// ParseBridgeKey reads what NewBridgeKey has made.
func ParseBridgeKey(text []byte) (ssh.Signer, error) {
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	if kind := key.PublicKey().Type(); kind != ssh.KeyAlgoED25519 { // the entries allow no other
		return nil, fmt.Errorf("it is a key of the type %s, not %s", kind, ssh.KeyAlgoED25519)
	}
	return key, nil
}

// BridgeKnownHosts is the content of bridge_known_hosts: one line, for this key alone.
func BridgeKnownHosts(key ssh.PublicKey) []byte {
	return fmt.Appendf(nil, "%s %s", BridgeHostKeyAlias, ssh.MarshalAuthorizedKey(key))
}
