package settings

import (
	"fmt"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"golang.org/x/crypto/ssh"
)

// BridgeKey reads the bridge's host key.
func BridgeKey(l sshconfig.Layout) (ssh.Signer, error) {
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
		return nil, ui.Hint(fmt.Errorf("the bridge has no host key: %w", err), "run: clever-ssh setup")
	}
	return key, nil
}

// ReadDerived reads a file that is to be written anew, nil where there is none. One that holds something else than what was
// derived is somebody's own.
func ReadDerived(path string) ([]byte, error) {
	text, err := atomicfile.Read(path)
	if err == nil && len(text) > 0 && !sshconfig.Derived(text) {
		err = ui.Hint(fmt.Errorf("%s is not one of clever-ssh's files; it was left alone", path), "move it away, then run this again")
	}
	return text, err
}

// NoGateway says that a suffix is none, and which ones are.
func (s *Settings) NoGateway(suffix string) error {
	return ui.Hint(fmt.Errorf("no gateway has the suffix %q", suffix), "there are: "+strings.Join(s.Config.Suffixes(), ", "))
}
