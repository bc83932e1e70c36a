package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/quote"

	"golang.org/x/crypto/ssh"
)

// checkIdentities checks the key files that ssh would offer. It returns the fingerprints of those that ssh can
// use, and whether there may be some that we cannot find.
func (e *examination) checkIdentities(ctx context.Context, held map[string]bool) (usable map[string]bool, unseen bool) {
	usable, e.keyFiles = map[string]bool{}, map[string]string{}
	for path, known := range openssh.IdentityFiles(e.sshOptions) {
		if !known {
			unseen = true
			continue
		}
		e.keyNames = append(e.keyNames, path)
		f := identityFile{itself: readPublic(path), beside: readPublic(path + ".pub")}
		f.inAgent = f.beside != nil && held[ssh.FingerprintSHA256(f.beside)]
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !e.names(path) && !f.inAgent {
			continue // ssh's default list names it, or ssh itself will complain
		}
		if fingerprint := e.checkIdentity(ctx, path, f, held); fingerprint != "" {
			usable[fingerprint] = true
			e.keyFiles[fingerprint] = path
		}
	}
	return usable, unseen
}

// names reports whether the settings name a key file.
func (e *examination) names(path string) bool {
	for _, g := range e.gateways {
		if g.Identity != "" && filepath.Clean(openssh.ExpandHome(g.Identity)) == filepath.Clean(path) {
			return true
		}
	}
	return false
}

// checkIdentity reports on one key file, and returns the key's fingerprint if ssh can use it.
func (e *examination) checkIdentity(ctx context.Context, path string, f identityFile, held map[string]bool) string {
	const check = "key"
	if strings.EqualFold(filepath.Ext(path), ".ppk") && f.itself == nil {
		e.warn(check, path, "a PuTTY key, which ssh cannot use", "for ssh, name another: "+e.setupIdentity())
		return ""
	}
	if _, err := accessProblem(path, true); err != nil && !f.inAgent && f.itself == nil {
		e.passedOver = true
		e.fail(check, path, err)
		return ""
	}
	f, err := e.examine(ctx, path, f)
	if err != nil && f.inAgent { // ssh asks the agent instead
		f.kind, f.fingerprints, err = f.beside.Type(), fingerprints(f.beside), nil
	}
	if err != nil {
		e.fail(check, path, err, "ssh cannot use it; name another: "+e.setupIdentity())
		return ""
	}
	makePublic := "type: ssh-keygen -y -f " + quote.Arg(path) + " > " + quote.Arg(path+".pub")
	if f.fingerprints == nil {
		e.locked = append(e.locked, path)
		e.warn(check, path, "it is encrypted, and its public half is neither in it nor beside it", makePublic)
		return ""
	}
	if f.beside != nil && f.fingerprints[0] != ssh.FingerprintSHA256(f.beside) {
		e.fail(check, path, fmt.Errorf("the public half beside it, %s.pub, belongs to another key", path), makePublic)
		return ""
	}
	inAgent := held[f.fingerprints[0]]
	if f.encrypted && !inAgent {
		e.locked = append(e.locked, f.fingerprints[0])
	}
	found := e.describeIdentity(path, f, inAgent)
	e.add(found)
	if found.Status == statusFailed {
		return ""
	}
	return f.fingerprints[0]
}

// describeIdentity says how ssh signs with a key: through the agent, if it holds the key, or from the key's
// file.
func (e *examination) describeIdentity(path string, f identityFile, inAgent bool) finding {
	found := finding{Check: "key", About: path, Status: statusOK, Found: f.kind, Details: f.fingerprints}
	switch {
	case inAgent:
		found.Found += ", in the agent"
	case f.itself != nil:
		found.Status = statusFailed
		found.Found += ": only the public half, and no agent holds the private one"
		found.Hints = []string{"type: ssh-add " + quote.Arg(strings.TrimSuffix(strings.TrimSuffix(path, ".pub"), "-cert"))}
		if !e.agent {
			found.Hints = []string{ui.StartAgent}
		}
	case f.encrypted:
		found.Found += ", encrypted: ssh asks for its passphrase each time"
		if e.agent {
			found.Hints = []string{"to be asked once: ssh-add " + quote.Arg(path)}
		}
	default:
		found.Found += ", not encrypted"
	}
	return found
}
