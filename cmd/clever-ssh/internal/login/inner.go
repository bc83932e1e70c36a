// Package login runs the ssh that logs in to the gateway for the bridge, for exec and for doctor. It builds a command line that
// reads the user's configuration but lets none of it harm the session; it keeps one connection that commands share; and it finds
// out why an ssh ended, from channels that the gateway can write to only through ssh's own log.
package login

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// Inner is the system's own ssh on its way to the gateway, for what the bridge carries. It logs in as any other does, and does not
// depend on the entries: their options are all on its command line.
type Inner struct {
	Program openssh.SSH
	Master  string // the path of the control socket; empty if each command connects by itself
	Lines   string // what the paths of the sockets of its lines begin with; empty if there is no place for them
	Opened  bool   // Connect has opened the shared connection, and has not found it there

	args    []string // up to the alias
	alias   string
	gateway *config.Gateway
	env     []string      // what is added to the environment
	gone    chan struct{} // closed when the master that join found has gone; nil before
	debug   bool          // a person wants to read ssh's log
	aside   bool          // set by LeaveTerminal

	listening sync.Map // the *BackChannels of each command that was listened to, by its *exec.Cmd
}

// Command is ssh with these arguments before the alias, not started yet.
func (i *Inner) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.Program), append(append(args, i.args...), "--", i.alias)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// Listen gives back channels to a command, as the function Listen does, until Ended is asked about it.
func (i *Inner) Listen(cmd *exec.Cmd, onLog, onProxy func(line string)) {
	i.listening.Store(cmd, Listen(cmd, onLog, onProxy))
}

// Hide removes the names of the back channels of all commands that are at work, where the system can do without: if this process is
// killed, nothing is left of them.
func (i *Inner) Hide() {
	i.listening.Range(func(_, c any) bool {
		if folder := c.(*BackChannels).folder; folder != "" {
			hide(folder)
		}
		return true
	})
}

// showLog shows a line of ssh's log to a person who has asked for it.
func (i *Inner) showLog(line string) {
	if i.debug && ui.Steps != nil && !strings.HasPrefix(line, "debug2: ") {
		fmt.Fprintf(ui.Steps, "ssh: %s\n", quote.Line(line))
	}
}
