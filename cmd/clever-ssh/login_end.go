package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/internal/pattern"
)

var (
	offering = pattern.New(`^debug1: Offering (?:\S+ )?public key: (.+?)(?: explicit)?$`)
	// A key without a public half, which ssh has yet to read. It says so of those on its own list that are not there, too.
	trying   = pattern.New(`^debug1: Trying private key: (.+?)(?: explicit)?$`)
	accepted = pattern.New(`^debug1: Server accepts key: (.+?)(?: explicit)?$`)
	entered  = pattern.New(`(?m)^(?:debug1: )?Authenticat(?:ion succeeded \(publickey\)|ed to .*)`)
)

var (
	// The names of SSH's messages, which ssh has logged since long before 8.0; and what the client of a shared connection logs.
	endTold  = pattern.New(`(?m)^debug1: client_input_channel_req: channel \d+ rtype exit-(status|signal)|^debug1: Exit status \d|^debug2: Received exit status from master`)
	isShared = pattern.New(`(?m)^debug1: mux_client_request_session: master session id`)
	lostTold = pattern.New(`(?m)^clever-ssh: the connection was lost: `)
	// What ssh says of a key file that it cannot use. The gateway can have lines of its own in the log: this one says nothing new.
	unusableKey = pattern.New(`^Load key "([^"]+)": (?:bad permissions|invalid format|error in libcrypto|incorrect passphrase supplied to decrypt private key|Permission denied|agent refused operation)$`)
	denied      = pattern.New(`(?m)^\S+: Permission denied \(`)
	tooMany     = pattern.New(`(?im)^.*too many authentication failures`)
)

// ended is what is known of a session's end.
func (i *innerSSH) ended(cmd *exec.Cmd) bridge.End {
	value, ok := i.heard.LoadAndDelete(cmd)
	if !ok {
		return bridge.End{}
	}
	heard := value.(*asides)
	heard.end()
	return i.end(heard)
}

// end reads in ssh's own log, and in what proxy told, why an ssh ended. The gateway can write lines of its own into that log, so nothing
// of it is shown as ours; what it decides is no more than the gateway could bring about by itself.
func (i *innerSSH) end(heard *asides) bridge.End {
	log := heard.log.text()
	shared := isShared().MatchString(log)
	end := bridge.End{
		LoggedIn: shared || entered().MatchString(log) || heard.log != nil && log == "", // on a terminal it logs errors only
		Lost: func() bool {
			switch {
			case endTold().MatchString(log):
				return false
			case !shared && strings.Contains(log, "debug"), lostTold().MatchString(heard.told.text()): // it had one of its own
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
func (i *innerSSH) notLoggedIn(heard *asides) error {
	log, words := heard.log.text(), heard.log.lines()
	switch told := heard.told.refusal(); {
	case denied().MatchString(log):
		text := "Permission denied: the gateway accepted none of the keys that ssh offered"
		for _, line := range words {
			if m := unusableKey().FindStringSubmatch(line); m != nil && exists(m[1]) {
				text += "\n" + line
			}
		}
		return hint(errors.New(text), "is one registered in the console, readable, and unlocked?", "see which they are: clever-ssh doctor "+i.alias)
	case tooMany().MatchString(log):
		return hint(errors.New("the gateway hung up after too many of your keys"),
			"name the one that it knows: clever-ssh setup "+suffixFlag(i.gateway.Suffix)+"--identity ~/.ssh/id_...")
	case told != nil:
		return told
	case len(words) == 0:
		return nil
	}
	return hint(fmt.Errorf("ssh failed: %q", strings.Join(words[max(0, len(words)-mostWords):], "; ")), "see how far it gets: ssh -v "+i.alias+" true")
}

// mostWords is how many of ssh's last lines tell why it failed.
const mostWords = 3
