// Package login runs the ssh that logs in to the gateway for the bridge, for exec and for doctor. It builds a
// command line that reads the user's configuration but lets none of it harm the session. It keeps one
// connection that commands share. It finds out why an ssh ended, from channels that the gateway can write to
// only through ssh's own log.
package login

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// Inner is the system's own ssh on its way to the gateway, for the bridge's sessions. It logs in like any other
// ssh, and does not need the entries: their options are all on its command line.
type Inner struct {
	Program openssh.SSH
	Master  string // the path of the control socket; empty if each command connects by itself
	Lines   string // the beginning of the paths of its lines' sockets; empty if there is no place for them
	Opened  bool   // Connect opened the shared connection itself

	args    []string // up to the alias
	alias   string
	gateway *config.Gateway
	env     []string      // added to the environment
	joined  net.Conn      // to the control socket of the master that join found; nil before
	gone    chan struct{} // closed when that master has gone; nil before
	debug   bool          // a person wants to read ssh's log
	aside   bool          // set by LeaveTerminal

	listening sync.Map // the *BackChannels of each command with back channels, by its *exec.Cmd
}

// Command returns an ssh with these arguments before the alias, not started yet.
func (i *Inner) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.Program), append(append(args, i.args...), "--", i.alias)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// Listen gives back channels to a command, like the function Listen, until Ended is called for it.
func (i *Inner) Listen(cmd *exec.Cmd, onLog, onProxy func(line string)) {
	i.listening.Store(cmd, Listen(cmd, onLog, onProxy))
}

// Hide removes the names of the back channels of all running commands, on systems that allow it. If this
// process is then killed, nothing is left of them.
func (i *Inner) Hide() {
	i.listening.Range(func(_, c any) bool {
		if folder := c.(*BackChannels).folder; folder != "" {
			hide(folder)
		}
		return true
	})
}

// showLog shows a line of ssh's log to a person who asked for it.
func (i *Inner) showLog(line string) {
	if i.debug && ui.Steps != nil && !strings.HasPrefix(line, "debug2: ") {
		fmt.Fprintf(ui.Steps, "ssh: %s\n", quote.Line(line))
	}
}
