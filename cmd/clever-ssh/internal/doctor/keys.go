package doctor

import (
	"context"
	"errors"
	"fmt"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
)

// maxTries is how many keys a client may offer before the server hangs up: the sixth failure ends the
// connection (sshd_config(5), MaxAuthTries).
const maxTries = 5

// checkKeys checks the keys that ssh can offer: the agent's, and the files named in its configuration.
func (e *examination) checkKeys(ctx context.Context) {
	const check = "keys"
	if e.isOfAnother() {
		e.skip(check, "", ofAnother)
		return
	}
	if e.sshOptions == "" {
		e.skip(check, "", "ssh does not say which keys it would offer")
		return
	}
	held := e.checkAgent(ctx)
	offered, unseen := e.checkIdentities(ctx, held)
	if provider := openssh.Option(e.sshOptions, "pkcs11provider"); provider != "" && provider != "none" {
		unseen = true
	}
	if openssh.Option(e.sshOptions, "identitiesonly") != "yes" {
		for fingerprint := range held {
			offered[fingerprint] = true
		}
	}
	e.offered = offered
	switch {
	case len(offered) == 0 && e.passedOver:
		e.skip(check, "", "ssh can use none of the keys above")
	case len(offered) == 0 && unseen:
		e.skip(check, "", "ssh has no keys to offer except those that only a login shows")
	case len(offered) == 0:
		e.fail(check, "", errors.New("ssh has no key to offer"), "if you have one: "+e.setupIdentity(),
			"if not, make one: ssh-keygen -t ed25519", "then register its public half in the console, under Profile, SSH keys: cat ~/.ssh/id_ed25519.pub")
	case len(offered) > maxTries && (len(e.gateways) == 0 || e.gateways[0].Identity == ""):
		e.warn(check, "", fmt.Sprintf("ssh offers %d keys, one after the other, and a server hangs up at the sixth", len(offered)),
			e.manyKeysHint())
	}
}
