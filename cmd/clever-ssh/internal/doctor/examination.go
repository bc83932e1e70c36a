package doctor

import (
	"os"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/setup"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
)

// Build tells which build of this program runs.
type Build struct {
	Version string
	Time    time.Time // of the commit; zero if unknown
}

// examination holds what the checks share: each leaves here what later ones need.
type examination struct {
	*report
	build      Build
	ssh        openssh.SSH
	settings   *settings.Settings // nil if unreadable
	layout     sshconfig.Layout   // where the entries are, and how they call the program
	alias      string             // empty if none was given, or it stands for nothing
	resolved   config.Alias       // what it stands for
	gateways   []*config.Gateway
	sshOptions string            // ssh -G's output for the alias, or for the first gateway's menu; empty if ssh refuses
	plan       *setup.Plan       // what setup would do now, nil if unknown
	blocked    string            // why a gateway cannot be used; empty if all can
	agent      bool              // an agent answers, so ssh-add works
	passedOver bool              // ssh ignores a key file because others have access to it
	keyNames   []string          // ssh's names for the keys that it may offer: files, and comments in the agent
	offered    map[string]bool   // the fingerprints of the keys that ssh would offer
	keyFiles   map[string]string // the files of those keys, if they are in files
	account    *account          // the API's answer; nil if it was not asked
	locked     []string          // keys for which ssh asks a passphrase: fingerprints, or files that do not tell theirs
}

// networkPatience bounds each step on the network except the key exchange, and any program that should answer
// as fast.
const networkPatience = 3500 * time.Millisecond

// isOfAnother reports whether root looks at another account's configuration. Such a configuration names
// programs that ssh would run as root, and files that it would read as root.
func (e *examination) isOfAnother() bool {
	return atomicfile.Account(e.layout.UserFile) != os.Geteuid()
}

// ofAnother is the reason for skipping such a check.
const ofAnother = "the configuration belongs to another account: run doctor as that account"

// setupIdentity returns the command that sets which key to offer first.
func (e *examination) setupIdentity() string {
	flag := ""
	if len(e.gateways) > 0 {
		flag = ui.SuffixFlag(e.gateways[0].Suffix)
	}
	return "clever-ssh setup " + flag + "--identity FILE"
}

// manyKeysHint returns a hint for an ssh that offers more keys than a server looks at.
func (e *examination) manyKeysHint() string {
	return "name the one that is registered: " + e.setupIdentity() + "   (its .pub suffices for a key in the agent)"
}
