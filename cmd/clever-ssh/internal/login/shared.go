package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// masterLife is how long a connection to the gateway stays for the next command.
const masterLife = 60 * time.Second

// Connect opens the connection that the sessions share, if there is none yet, and keeps it for as long as this process lives:
// nobody may be there later to enter a passphrase. One process at a time opens it. An ssh that finds the socket taken would
// be no master, so that nothing would ever end it.
func (i *Inner) Connect(ctx context.Context) error {
	if i.Master == "" {
		return nil
	}
	if i.join() {
		ui.Step("there is a shared connection: %s", i.Master)
		return nil
	}
	release, err := i.alone(ctx)
	if err != nil {
		return err
	}
	defer release()
	if i.join() {
		return nil
	}
	os.Remove(i.Master + memorySuffix) // it is of an earlier connection
	return i.startMaster(ctx)
}

// startMaster has ssh log in, and leave a master that keeps the connection.
func (i *Inner) startMaster(ctx context.Context) error {
	level := "INFO" // the master lives on, and nobody listens any more
	if i.debug {
		level = "DEBUG1"
	}
	cmd := i.Command(ctx, "-f", "-N", "-T", "-o", "LogLevel="+level, "-o", "ControlMaster=auto", "-o", fmt.Sprintf("ControlPersist=%d", int(masterLife.Seconds())))
	stderr := new(TailBuffer)
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second // some versions of the master keep it
	channels := Listen(cmd, i.showLog, ui.ShowSteps)
	ui.Step("%s opens a connection to share: %s", i.Program, i.Master)
	err := cmd.Run()
	channels.End()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		ui.Step("%s has logged in, and keeps the connection", i.Program)
		i.join()
		return nil
	}
	how := "ssh: " + err.Error()
	if cmd.ProcessState != nil {
		how = "ssh: " + cmd.ProcessState.String()
	}
	return &bridge.ClosedError{How: how, Noise: quote.Lines(strings.Join(stderr.Lines(), "\n")), End: i.end(channels)}
}

// alone waits until no other process opens the same connection: that one may be asking for a passphrase.
func (i *Inner) alone(ctx context.Context) (release func(), err error) {
	for {
		release, err = atomicfile.Guard(i.Master, 100*time.Millisecond)
		if ctx.Err() != nil {
			if err == nil {
				release()
			}
			return nil, context.Cause(ctx)
		}
		if !errors.Is(err, atomicfile.ErrHeld) {
			return release, err
		}
	}
}

// join tells whether somebody listens on the control socket. A master whose socket somebody has open does not end.
func (i *Inner) join() bool {
	c, err := net.Dial("unix", i.Master)
	if err != nil {
		return false
	}
	gone := make(chan struct{})
	go func() {
		io.Copy(io.Discard, c)
		close(gone)
	}()
	i.gone = gone
	return true
}

// EndShared ends the connections that commands share. Otherwise their sockets would be left in the derived folder.
func EndShared(l sshconfig.Layout) {
	ssh := string(openssh.Find())
	for _, folder := range privateFolders(l.Folder()) {
		sockets, _ := filepath.Glob(filepath.Join(folder, socketPrefix+strings.Repeat("[0-9a-f]", 16)))
		for _, socket := range sockets {
			ctx, cancel := context.WithTimeout(context.Background(), openssh.Patience)
			exec.CommandContext(ctx, ssh, "-F", os.DevNull, "-o", "ControlPath="+socket, "-O", "exit", "any").Run()
			cancel()
			ui.Step("the shared connection of %s is closed", socket)
			os.Remove(socket) // of a master that was killed
		}
		memories, _ := filepath.Glob(filepath.Join(folder, socketPrefix+strings.Repeat("[0-9a-f]", 16)+memorySuffix))
		for _, memory := range memories {
			os.Remove(memory)
		}
	}
}
