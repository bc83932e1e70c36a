package login

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// Apart is a connection to the gateway that is shared with nobody.
type Apart struct {
	Socket string   // its master's control socket
	Banner []string // what came on ssh's stderr: the gateway's banner
	inner  *Inner
}

// ErrNoSharing means that sessions cannot share a connection of this system's ssh.
var ErrNoSharing = errors.New("the ssh of this system cannot share a connection between sessions")

// ConnectApart logs in over a connection of its own, with args before all other arguments of ssh. It passes
// ssh's log to onLog. ssh may ask a person for a passphrase. The errors are those of Connect, and ErrNoSharing.
func (i *Inner) ConnectApart(ctx context.Context, onLog func(line string), args ...string) (*Apart, error) {
	if sharesNothing {
		return nil, ErrNoSharing
	}
	folder, err := os.MkdirTemp("", "clever-ssh-") // which nobody else can enter
	if err != nil {
		return nil, err
	}
	i.Master = filepath.Join(folder, "master")
	if len(i.Master) > maxSocket || strings.ContainsAny(i.Master, `%"'\ `) {
		os.Remove(folder)
		return nil, ui.Hint(fmt.Errorf("the folder for temporary files cannot hold a control socket: %s", folder), "name a folder with a short path: TMPDIR=/tmp")
	}
	i.args = slices.Concat(args, []string{"-o", "ControlPath=" + i.Master}, i.args)
	stderr := new(TailBuffer)
	if err := i.runMaster(ctx, "DEBUG1", onLog, stderr); err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return &Apart{Socket: i.Master, Banner: stderr.Lines(), inner: i}, nil
}

// Forward has the master ask the gateway to listen on its own loopback, and reports whether the gateway does.
// The listening ends with the connection.
func (a *Apart) Forward() bool {
	return controlMaster(string(a.inner.Program), a.Socket, "forward", "-R", "127.0.0.1:0:127.0.0.1:9") == nil
}

// End ends the connection, and leaves nothing behind.
func (a *Apart) End() {
	endMaster(string(a.inner.Program), a.inner.Master)
	a.inner.Close()
	os.RemoveAll(filepath.Dir(a.Socket))
}
