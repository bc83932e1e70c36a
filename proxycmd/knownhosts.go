package proxycmd

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
)

// knownHostsPatience bounds the wait for other connections that are also writing known_hosts.
const knownHostsPatience = 5 * time.Second

// checkKnownHosts refuses a known_hosts that is not a regular file. ssh reads it whatever it is, and would wait
// forever for a pipe.
func checkKnownHosts(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return &fs.PathError{Op: "read", Path: path, Err: atomicfile.ErrNotRegular}
	}
	return nil
}

// UpdateKnownHosts brings the known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT) in line with a gateway's pins.
// It removes lines under the gateway's HostKeyAlias whose key is not pinned. It adds hostKey, the wire encoding of a
// key that was found to be pinned, if it is not there yet; nil adds nothing. All other lines stay as they are,
// including those it does not understand.
func UpdateKnownHosts(path string, g *config.Gateway, hostKey []byte) error {
	var added []byte
	if hostKey != nil {
		keyType, _, err := takeString(hostKey)
		if err != nil || bytes.ContainsFunc(keyType, func(r rune) bool { return r <= ' ' || r > '~' }) || len(keyType) == 0 {
			return errors.New("the type of the host key is not valid")
		}
		added = fmt.Appendf(nil, "%s %s %s\n", g.HostKeyAlias(), keyType, base64.StdEncoding.EncodeToString(hostKey))
	}
	// Most connections find the key where an earlier one put it; they need no lock.
	if old, err := atomicfile.Read(path); err == nil && old != nil && bytes.Equal(old, updated(old, added, g)) {
		return nil
	}
	return atomicfile.Update(path, knownHostsPatience, func(old []byte) ([]byte, error) {
		return updated(old, added, g), nil
	})
}

// ForgetHosts removes the host keys of gateways from a known_hosts file, and the file of its lock. It removes the
// known_hosts itself if nothing else is in it, unless the user made it a link.
func ForgetHosts(path string, gateways []*config.Gateway) error {
	release, err := atomicfile.Guard(path, knownHostsPatience)
	if err != nil {
		return err
	}
	defer release()
	text, err := atomicfile.Read(path)
	if err != nil || text == nil {
		return err
	}
	rest := text
	for _, g := range gateways {
		rest = PinnedHosts(rest, &config.Gateway{Suffix: g.Suffix}) // which has no pins
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && len(bytes.TrimSpace(rest)) == 0 {
		return atomicfile.Remove(path)
	}
	return atomicfile.Write(path, rest)
}

// PinnedHosts returns the content of known_hosts without the lines that give a gateway a key that is not pinned.
func PinnedHosts(knownHosts []byte, g *config.Gateway) []byte { return updated(knownHosts, nil, g) }

// updated returns the content of known_hosts without the lines to be dropped, and with a line added unless that line
// is empty or already there.
func updated(old, added []byte, g *config.Gateway) []byte {
	var kept []byte
	for line := range bytes.Lines(old) {
		if bytes.Equal(line, added) {
			added = nil
		} else if drop(line, g) {
			continue
		}
		kept = append(kept, line...)
	}
	if len(added) > 0 && len(kept) > 0 && kept[len(kept)-1] != '\n' {
		kept = append(kept, '\n')
	}
	return slices.Concat(kept, added)
}

// drop reports whether a line of known_hosts gives the gateway a key that is not pinned.
func drop(line []byte, g *config.Gateway) bool {
	fields := bytes.Fields(line)
	if len(fields) == 0 || string(fields[0]) != g.HostKeyAlias() {
		return false
	}
	if len(fields) < 3 {
		return true
	}
	key, err := base64.StdEncoding.DecodeString(string(fields[2]))
	return err != nil || !g.Pinned(config.Fingerprint(key))
}
