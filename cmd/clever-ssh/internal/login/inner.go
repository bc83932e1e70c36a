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

// innerSSH is the system's own ssh on its way to the gateway, for what the bridge carries. It logs in as any other does, and
// does not depend on the entries: their options are all on its command line.
type innerSSH struct {
	Program openssh.SSH
	args    []string // up to the alias
	alias   string
	gateway *config.Gateway
	env     []string      // more than its own
	Master  string        // the path of the control socket; empty if each connects by itself
	gone    chan struct{} // closed when the master has gone that join found; nil before
	debug   bool          // a person wants to read ssh's steps

	heard sync.Map // the asides of each session, by its command
}

// Command is ssh with these arguments before the alias.
func (i *innerSSH) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, string(i.Program), append(append(args, i.args...), "--", i.alias)...)
	cmd.Env = append(os.Environ(), i.env...)
	return cmd
}

// Listen has a command speak aside, for as long as it runs; Ended is asked when it has ended.
func (i *innerSSH) Listen(cmd *exec.Cmd, log, told func(line string)) {
	i.heard.Store(cmd, Listen(cmd, log, told))
}

// showLog shows a line of ssh's log to a person who has asked for it.
func (i *innerSSH) showLog(line string) {
	if i.debug && ui.Steps != nil && !strings.HasPrefix(line, "debug2: ") {
		fmt.Fprintf(ui.Steps, "ssh: %s\n", quote.Line(line))
	}
}
