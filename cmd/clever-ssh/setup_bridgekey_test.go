//go:build unix

package main

import (
	"fmt"
	"regexp"
	"strings"

	"clever-ssh/config/sshconfig"

	"golang.org/x/crypto/ssh"
)

// The bridge's host key is another in each home. What follows from it is compared by what it is.

// checkBridgeKey fails unless a text is a host key for the bridge, and another is the bridge_known_hosts that fits it.
func checkBridgeKey(key, knownHosts string) error {
	k, err := sshconfig.ParseBridgeKey([]byte(key))
	if err != nil {
		return fmt.Errorf("bridge_key: %w", err)
	}
	if want := "clever-ssh-bridge " + string(ssh.MarshalAuthorizedKey(k.PublicKey())); knownHosts != want {
		return fmt.Errorf("bridge_known_hosts is %q, want %q", knownHosts, want)
	}
	return nil
}

// The lines of the PuTTY session of a run alias that say which key it is; the seal depends on all lines.
var (
	pinLine  = regexp.MustCompile(`(?m)^SSHManualHostKeys=SHA256:[A-Za-z0-9+/]{43}$`)
	sealLine = regexp.MustCompile(`(?m)^CleverSSH=[0-9a-f]{64}$`)
)

const (
	pinInWords  = "SSHManualHostKeys=(the bridge's host key)"
	sealInWords = "CleverSSH=(a seal)"
)

// withoutBridgeKey is a file with what it has of a bridge's host key in words: the key itself, the line of bridge_known_hosts,
// or the session of a run alias. A file that has nothing of this very key, or more than it should, is returned as it is.
func withoutBridgeKey(file, key string) string {
	k, err := sshconfig.ParseBridgeKey([]byte(key))
	if err != nil {
		return file
	}
	if file == key {
		return "(a host key for the bridge)"
	}
	public, pin := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))), ssh.FingerprintSHA256(k.PublicKey())
	if file == "clever-ssh-bridge "+public+"\n" {
		return "(the line for the bridge's host key)"
	}
	if without := strings.Replace(file, "\nSSHManualHostKeys="+pin+"\n", "\n"+pinInWords+"\n", 1); without != file {
		return sealLine.ReplaceAllString(without, sealInWords)
	}
	return file
}

// withoutAnyBridgeKey is the session of a run alias with the key in words, whichever it is.
func withoutAnyBridgeKey(session string) string {
	return sealLine.ReplaceAllString(pinLine.ReplaceAllString(session, pinInWords), sealInWords)
}
