package settings

import (
	"fmt"
	"path/filepath"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"golang.org/x/crypto/ssh"
)

// LayoutOf returns the places of a configuration's entries. It does not fill in how they call the program.
func LayoutOf(c *config.Config) (sshconfig.Layout, error) {
	home, err := config.Home()
	if err != nil {
		return sshconfig.Layout{}, err
	}
	standard := filepath.Join(home, ".ssh", "config")
	l := sshconfig.Layout{UserFile: standard, Standard: true}
	if c.SSHConfig != "" && filepath.Clean(c.SSHConfig) != standard {
		l = sshconfig.Layout{UserFile: filepath.Clean(c.SSHConfig)}
		return l, sshconfig.CheckPath(l.UserFile)
	}
	return l, nil
}

// ReadDerived reads a derived file before it is replaced or removed; nil if there is none. It refuses a file
// that clever-ssh did not write, because that belongs to somebody.
func ReadDerived(path string) ([]byte, error) {
	text, err := atomicfile.Read(path)
	if err == nil && len(text) > 0 && !sshconfig.Derived(text) {
		err = ui.Hint(fmt.Errorf("%s is not one of clever-ssh's files; it was left alone", path), "move it away, then run this again")
	}
	return text, err
}

// BridgeKey reads the bridge's host key.
func BridgeKey(l sshconfig.Layout) (ssh.Signer, error) {
	keys, err := bridgeKeys(l, sshconfig.ParseBridgeKey)
	if err != nil {
		return nil, err
	}
	return keys[0], nil
}

// BridgeKeys reads the bridge's host key, and derives the one for older clients.
func BridgeKeys(l sshconfig.Layout) ([]ssh.Signer, error) {
	return bridgeKeys(l, sshconfig.ParseBridgeKey, sshconfig.BridgeKeyECDSA)
}

func bridgeKeys(l sshconfig.Layout, parsers ...func(text []byte) (ssh.Signer, error)) (keys []ssh.Signer, err error) {
	text, err := atomicfile.Read(l.BridgeKey())
	if err == nil && text == nil {
		err = fmt.Errorf("%s is missing", l.BridgeKey())
	}
	for _, parse := range parsers {
		if err != nil {
			break
		}
		var key ssh.Signer
		if key, err = parse(text); err != nil {
			err = fmt.Errorf("%s: %w", l.BridgeKey(), err)
		}
		keys = append(keys, key)
	}
	if err != nil {
		return nil, ui.Hint(fmt.Errorf("the bridge has no host key: %w", err), ui.RunSetup)
	}
	return keys, nil
}
