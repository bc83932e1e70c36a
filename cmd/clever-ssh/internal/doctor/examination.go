package doctor

import (
	"fmt"
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
	Time    time.Time // of the commit; zero if that is not known
}

// examination is what the checks share: each leaves here what later ones need.
type examination struct {
	*report
	build      Build
	ssh        openssh.SSH
	settings   *settings.Settings // nil if they cannot be read
	layout     sshconfig.Layout   // where the entries are, and how they call the program
	alias      string             // empty if none was given, or it stands for nothing
	resolved   config.Alias       // what it stands for
	gateways   []*config.Gateway
	sshOptions string            // what ssh -G prints for the alias, or for the first gateway's menu; empty if it refuses
	plan       *setup.Plan       // what setup would do now, nil if that is not known
	blocked    string            // why a gateway cannot be used; empty if each can
	agent      bool              // an agent answers, so ssh-add works
	passedOver bool              // ssh passes over a key file because others have access to it
	keyNames   []string          // what ssh calls the keys that it may offer: files, and comments in the agent
	offered    map[string]bool   // the fingerprints of the keys that ssh would offer
	keyFiles   map[string]string // and the files of those that are in one
	account    *account          // what the API tells; nil if it was not asked
	locked     []string          // the keys for which ssh asks a passphrase: fingerprints, or the files that do not tell theirs
}

// networkPatience bounds each step on the network but the key exchange, and a program that should answer as fast.
const networkPatience = 3500 * time.Millisecond

// slow is how long an answer takes at least that a person should know of: each connection takes that long, and more.
const slow = 2 * time.Second

// milliseconds words how long something took.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

// isOfAnother tells whether root looks at another account's configuration. It names programs and files, which ssh would run and read
// as root.
func (e *examination) isOfAnother() bool {
	return atomicfile.Account(e.layout.UserFile) != os.Geteuid()
}

// ofAnother says why such a check is skipped.
const ofAnother = "the configuration belongs to another account: run doctor as that account"

// setupIdentity is the command that names the key to offer first.
func (e *examination) setupIdentity() string {
	flag := ""
	if len(e.gateways) > 0 {
		flag = ui.SuffixFlag(e.gateways[0].Suffix)
	}
	return "clever-ssh setup " + flag + "--identity FILE"
}

// adviceOnManyKeys says what to do if ssh offers more keys than a server looks at.
func (e *examination) adviceOnManyKeys() string {
	return "name the one that is registered: " + e.setupIdentity() + "   (its .pub suffices for a key in the agent)"
}
