package sshconfig

import (
	"bytes"
	"testing"

	"golang.org/x/crypto/ssh"
)

// The second host key is the same each time, and differs for a different first key.
func TestBridgeKeyECDSA(t *testing.T) {
	var keys [][]byte
	for range 2 {
		text, err := NewBridgeKey()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			key, err := BridgeKeyECDSA(text)
			if err != nil {
				t.Fatal(err)
			}
			if kind := key.PublicKey().Type(); kind != ssh.KeyAlgoECDSA256 {
				t.Errorf("it is a key of the type %s", kind)
			}
			keys = append(keys, key.PublicKey().Marshal())
		}
	}
	if !bytes.Equal(keys[0], keys[1]) || !bytes.Equal(keys[2], keys[3]) || bytes.Equal(keys[0], keys[2]) {
		t.Errorf("%q", keys)
	}
}
