package setup

import (
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"golang.org/x/crypto/ssh"
)

// bridgeHostKey is a host key for the bridge, and the text of its file.
type bridgeHostKey struct {
	ssh.Signer
	text []byte
}

// readBridgeKey reads the bridge's host key. If there is no key, or no valid one, it makes one. old is the
// file's content now.
func readBridgeKey(l sshconfig.Layout) (old []byte, key bridgeHostKey, err error) {
	if old, err = atomicfile.Read(l.BridgeKey()); err != nil {
		return nil, key, err
	}
	if key.text, key.Signer, err = old, nil, nil; old != nil {
		key.Signer, err = sshconfig.ParseBridgeKey(old)
	}
	if old == nil || err != nil {
		if key.text, err = sshconfig.NewBridgeKey(); err == nil {
			key.Signer, err = sshconfig.ParseBridgeKey(key.text)
		}
	}
	return old, key, err
}
