package main

import (
	"fmt"
	"strings"

	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

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

// noGateway says that a suffix is none, and which ones are.
func (s *settings) noGateway(suffix string) error {
	return hint(fmt.Errorf("no gateway has the suffix %q", suffix), "there are: "+strings.Join(s.config.Suffixes(), ", "))
}
