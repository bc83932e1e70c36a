package main

import (
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// bridgeKey reads the bridge's host key.
func bridgeKey(l sshconfig.Layout) (ssh.Signer, error) {
	text, err := atomicfile.Read(l.BridgeKey())
	if err == nil && text == nil {
		err = fmt.Errorf("%s is missing", l.BridgeKey())
	}
	var key ssh.Signer
	if err == nil {
		if key, err = sshconfig.ParseBridgeKey(text); err != nil {
			err = fmt.Errorf("%s: %w", l.BridgeKey(), err)
		}
	}
	if err != nil {
		return nil, hint(fmt.Errorf("the bridge has no host key: %w", err), "run: clever-ssh setup")
	}
	return key, nil
}

// readDerived reads a file that is to be written anew, nil where there is none. One that holds something else than what was
// derived is somebody's own.
func readDerived(path string) ([]byte, error) {
	text, err := atomicfile.Read(path)
	if err == nil && len(text) > 0 && !sshconfig.Derived(text) {
		err = hint(fmt.Errorf("%s is not one of clever-ssh's files; it was left alone", path), "move it away, then run this again")
	}
	return text, err
}
