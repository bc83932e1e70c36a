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
)

// Ended returns how a command ended, and its back channels with all that came through them. It works once for
// each command.
func (i *Inner) Ended(cmd *exec.Cmd) (bridge.End, *BackChannels) {
	value, ok := i.listening.Load(cmd)
	if !ok {
		return bridge.End{}, &BackChannels{}
	}
	c := value.(*BackChannels)
	c.End()
	i.listening.Delete(cmd) // not before, or Hide would miss a folder that is still there
	return i.end(c), c
}

// end returns why an ssh ended. All its messages must have come.
func (i *Inner) end(c *BackChannels) bridge.End {
	log := c.Log.text()
	end := bridge.End{
		LoggedIn: c.Log != nil && loggedIn(log),
		Lost: func() bool {
			if lost, known := connectionLost(log, c.Proxy.text()); known {
				return lost
			}
			return i.masterGoes()
		},
	}
	if !end.LoggedIn {
		end.Err = i.notLoggedIn(c)
	}
	return end
}

// masterEnds is how long a master may take to go after its connection has ended.
const masterEnds = 2 * time.Second

// masterGoes waits a moment for a shared connection's master to end, and reports whether it did. To a client,
// the end of the connection looks as if a signal had ended the command, but then the master goes too.
func (i *Inner) masterGoes() bool {
	if i.gone == nil {
		return false
	}
	select {
	case <-i.gone:
		return true
	case <-time.After(masterEnds):
		return false
	}
}

// mostWords is how many of ssh's last lines explain why it failed.
const mostWords = 3

// notLoggedIn returns the reason why the gateway did not let an ssh in, if ssh's messages tell.
func (i *Inner) notLoggedIn(c *BackChannels) error {
	log, words := c.Log.text(), c.Log.Lines()
	switch refusal := c.Proxy.Refusal(); {
	case Denied().MatchString(log):
		text := strings.Join(append([]string{"Permission denied: the gateway accepted none of the keys that ssh offered"}, unusableKeys(words)...), "\n")
		return ui.Hint(errors.New(text), "is one of them registered in the console, readable and unlocked?", "to see which they are: clever-ssh doctor "+i.alias)
	case TooMany().MatchString(log):
		return ui.Hint(errors.New("the gateway hung up after ssh had offered too many keys"),
			"name the one that it knows: clever-ssh setup "+ui.SuffixFlag(i.gateway.Suffix)+"--identity ~/.ssh/id_...")
	case refusal != nil:
		return refusal
	case len(words) == 0:
		return nil
	}
	return ui.Hint(fmt.Errorf("ssh failed: %q", strings.Join(words[max(0, len(words)-mostWords):], "; ")), "see how far it gets: ssh -v "+i.alias+" true")
}

// unusableKeys returns the lines of ssh's log about key files that exist but that ssh could not use.
func unusableKeys(lines []string) (list []string) {
	for _, line := range lines {
		if m := unusableKey().FindStringSubmatch(line); m != nil && openssh.Exists(m[1]) {
			list = append(list, line)
		}
	}
	return list
}
