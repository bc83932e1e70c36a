package login

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/pattern"
)

var (
	Offering = pattern.New(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// A key without a public half, which ssh has yet to read. It says so of those on its own list that are not there, too.
	Trying   = pattern.New(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	Accepted = pattern.New(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	Entered  = pattern.New(`(?m)^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
)

var (
	// The names of SSH's messages, which ssh has logged since long before 8.0; and what the client of a shared connection logs.
	endTold  = pattern.New(`(?m)^debug1: client_input_channel_req: channel \d+ rtype exit-(status|signal)|^debug1: Exit status \d|^debug2: Received exit status from master`)
	isShared = pattern.New(`(?m)^debug1: mux_client_request_session: master session id`)
	lostTold = pattern.New(`(?m)^clever-ssh: the connection was lost: `)
	// What ssh says of a key file that it cannot use. The gateway can have lines of its own in the log: this one says nothing new.
	unusableKey = pattern.New(`^Load key "([^"]+)": (?:bad permissions|invalid format|error in libcrypto|incorrect passphrase supplied to decrypt private key|Permission denied|agent refused operation)$`)
	Denied      = pattern.New(`(?m)^\S+: Permission denied \(`)
	TooMany     = pattern.New(`(?im)^.*too many authentication failures`)
)

// Ended is what is known of a session's end.
func (i *innerSSH) Ended(cmd *exec.Cmd) bridge.End {
	value, ok := i.Heard.LoadAndDelete(cmd)
	if !ok {
		return bridge.End{}
	}
	heard := value.(*Asides)
	heard.End()
	return i.end(heard)
}

// end reads in ssh's own log, and in what proxy told, why an ssh ended. The gateway can write lines of its own into that log, so nothing
// of it is shown as ours; what it decides is no more than the gateway could bring about by itself.
func (i *innerSSH) end(heard *Asides) bridge.End {
	log := heard.Log.text()
	shared := isShared().MatchString(log)
	end := bridge.End{
		LoggedIn: shared || Entered().MatchString(log) || heard.Log != nil && log == "", // on a terminal it logs errors only
		Lost: func() bool {
			switch {
			case endTold().MatchString(log):
				return false
			case !shared && strings.Contains(log, "debug"), lostTold().MatchString(heard.Told.text()): // it had one of its own
				return true
			case i.gone == nil:
				return false
			}
			// To the client of a shared connection its end looks like the end of a command by a signal, but then the master goes.
			select {
			case <-i.gone:
				return true
			case <-time.After(masterEnds):
				return false
			}
		},
	}
	if !end.LoggedIn {
		end.Err = i.notLoggedIn(heard)
	}
	return end
}

// notLoggedIn says why the gateway did not let an ssh in, if its words tell.
func (i *innerSSH) notLoggedIn(heard *Asides) error {
	log, words := heard.Log.text(), heard.Log.Lines()
	switch told := heard.Told.Refusal(); {
	case Denied().MatchString(log):
		text := "Permission denied: the gateway accepted none of the keys that ssh offered"
		for _, line := range words {
			if m := unusableKey().FindStringSubmatch(line); m != nil && openssh.Exists(m[1]) {
				text += "\n" + line
			}
		}
		return ui.Hint(errors.New(text), "is one registered in the console, readable, and unlocked?", "see which they are: clever-ssh doctor "+i.alias)
	case TooMany().MatchString(log):
		return ui.Hint(errors.New("the gateway hung up after too many of your keys"),
			"name the one that it knows: clever-ssh setup "+ui.SuffixFlag(i.gateway.Suffix)+"--identity ~/.ssh/id_...")
	case told != nil:
		return told
	case len(words) == 0:
		return nil
	}
	return ui.Hint(fmt.Errorf("ssh failed: %q", strings.Join(words[max(0, len(words)-mostWords):], "; ")), "see how far it gets: ssh -v "+i.alias+" true")
}

// mostWords is how many of ssh's last lines tell why it failed.
const mostWords = 3
