package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// mostKeys is how many of an agent's keys are shown: ssh offers no more than a few.
const mostKeys = 20

// checkAgent lists the keys in the agent, and returns their fingerprints. An agent that does not answer is not
// a failure: ssh does without it.
func (e *examination) checkAgent(ctx context.Context) (held map[string]bool) {
	const check = "agent"
	option := openssh.Option(e.sshOptions, "identityagent")
	path := openssh.AgentPath(e.sshOptions)
	if path == "" {
		e.ok(check, "", "none is used")
		return nil
	}
	keys, err := openssh.ListAgent(ctx, path)
	if errors.Is(err, fs.ErrNotExist) && path == openssh.DefaultAgent {
		e.ok(check, "", "none is running")
		return nil
	}
	if err != nil {
		hint := ui.StartAgent
		if option != "" && option != "SSH_AUTH_SOCK" {
			hint = "IdentityAgent in your ssh configuration names it: start the program that provides it, or remove that line"
		}
		e.warn(check, "", fmt.Sprintf("%s does not answer: %v", path, ui.Cause(err)), hint)
		return nil
	}
	e.agent = true
	e.ok(check, "", "%s, with %s", path, ui.Counted(len(keys), "key"))
	held = map[string]bool{}
	for i, key := range keys {
		held[ssh.FingerprintSHA256(key)] = true
		e.keyNames = append(e.keyNames, key.Comment)
		if i >= mostKeys {
			continue
		}
		e.add(finding{Check: "key", About: "in the agent", Status: statusOK, Found: describe(key) + ", " + key.Comment, Details: fingerprints(key)})
	}
	return held
}

// describe returns the kind of a key, and the end of its validity if it is a certificate.
func describe(key *agent.Key) string {
	text := key.Type()
	parsed, _ := ssh.ParsePublicKey(key.Blob)
	if c, ok := parsed.(*ssh.Certificate); ok && c.ValidBefore != ssh.CertTimeInfinity {
		text += ", valid until " + time.Unix(int64(c.ValidBefore), 0).UTC().Format(time.RFC3339)
	}
	return text
}
