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
	"clever-ssh/cmd/clever-ssh/internal/line"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"
	"clever-ssh/internal/quote"
)

// masterLife is how long a connection to the gateway stays open for the next command.
const masterLife = 60 * time.Second

// Connect opens the connection that the sessions share, if it is not open yet, and keeps it until Close is called or
// this process ends: later, nobody may be there to enter a passphrase. One process at a time opens it. An ssh that
// found the socket taken would not become a master, so nothing would ever end it.
//
// If ssh does not log in, the error is a [*bridge.ClosedError]; if ctx is done, it is its cause.
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
	os.Remove(i.Master + memorySuffix) // from an earlier connection
	return i.startMaster(ctx)
}

// startMaster has ssh log in, and leave behind a master that keeps the connection.
func (i *Inner) startMaster(ctx context.Context) error {
	level := "INFO" // the master lives on after everybody stops listening
	if i.debug {
		level = "DEBUG1"
	}
	return i.runMaster(ctx, level, i.showLog, new(TailBuffer))
}

// runMaster has ssh log in, and leave behind a master that keeps the connection. Meanwhile it passes ssh's log
// to onLog, and other output, such as the gateway's banner, to stderr.
func (i *Inner) runMaster(ctx context.Context, level string, onLog func(line string), stderr *TailBuffer) error {
	cmd := i.Command(ctx, "-f", "-N", "-T", "-o", "LogLevel="+level, "-o", "ControlMaster=auto", "-o", fmt.Sprintf("ControlPersist=%d", int(masterLife.Seconds())))
	cmd.Stderr = stderr
	cmd.WaitDelay = time.Second // some versions of the master keep stderr open
	channels := Listen(cmd, onLog, ui.ShowSteps)
	ui.Step("%s opens a connection to share: %s", i.Program, i.Master)
	err := cmd.Run()
	channels.End()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		ui.Step("%s logged in and keeps the connection", i.Program)
		i.Opened = true
		i.join()
		return nil
	}
	how := "ssh: " + err.Error()
	if cmd.ProcessState != nil {
		how = "ssh: " + cmd.ProcessState.String()
	}
	return &bridge.ClosedError{How: how, Noise: quote.Lines(strings.Join(stderr.Lines(), "\n")), End: i.end(channels)}
}

// alone waits until no other process is opening the same connection: that one may be asking for a passphrase.
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

// join reports whether somebody listens on the control socket. A master does not end while somebody has its
// socket open.
func (i *Inner) join() bool {
	c, err := net.Dial("unix", i.Master)
	if err != nil {
		return false
	}
	gone := make(chan struct{})
	go func() {
		if _, err := io.Copy(io.Discard, c); errors.Is(err, net.ErrClosed) {
			return // by Close: the master may live on
		}
		c.Close()
		close(gone)
	}()
	i.joined, i.gone = c, gone
	return true
}

// Close lets the shared connection go, for whose sessions this Inner has no more use.
func (i *Inner) Close() {
	if i.joined != nil {
		i.joined.Close()
	}
}

// Connected reports whether the shared connection that Connect found or opened is still there.
func (i *Inner) Connected() bool {
	if i.gone == nil {
		return false
	}
	select {
	case <-i.gone:
		return false
	default:
		return true
	}
}

// endMaster ends the master that listens on a control socket.
func endMaster(ssh, socket string) {
	controlMaster(ssh, socket, "exit")
	ui.Step("closed the shared connection: %s", socket)
	os.Remove(socket) // of a master that was killed
}

// Shares reports whether commands can share connections: there is a private folder for the sockets, and its path is not too long.
func Shares(l sshconfig.Layout) bool {
	return socketFolder(l.Folder()) != "" || sharesNothing && len(lineFolders(l.Folder())) > 0
}

// LetGo lets the shared connection that this process opened, and the lines over it, end when nobody uses them
// any more. They do not stay open for later commands.
func (i *Inner) LetGo() {
	if i.Lines == "" {
		return
	}
	sockets, _ := filepath.Glob(i.Lines + ".*" + line.Suffix)
	for _, socket := range sockets {
		if status, err := line.AskStatus(socket); err == nil && status.Streams == 0 {
			EndLine(socket)
		}
	}
	if i.Opened {
		controlMaster(string(i.Program), i.Master, "stop")
		i.memory().Forget()
	}
}

// controlMaster sends a command to the master that listens on a control socket (ssh(1), -O).
func controlMaster(ssh, socket, what string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), openssh.Patience)
	defer cancel()
	args = append([]string{"-F", os.DevNull, "-o", "ControlPath=" + socket, "-O", what}, args...)
	return exec.CommandContext(ctx, ssh, append(args, "any")...).Run()
}

// Lines returns the sockets of the lines that exist, or existed: nobody may be listening there any more.
func Lines(l sshconfig.Layout) (sockets []string) {
	for _, folder := range lineFolders(l.Folder()) {
		some, _ := filepath.Glob(filepath.Join(folder, socketPrefix+strings.Repeat("[0-9a-f]", sumDigits)+".*"+line.Suffix))
		sockets = append(sockets, some...)
	}
	return sockets
}

// EndLine ends the line at a socket, and reports whether there was one.
func EndLine(socket string) bool {
	there, gone := line.Close(socket)
	ui.Step("closed the background connection: %s", socket)
	if gone {
		for _, file := range []string{socket, socket + ".lock"} {
			os.Remove(file) // left by a process that was killed
		}
	}
	return there
}

// EndMaster ends the shared connection at a control socket, and reports whether there was one.
func EndMaster(socket string) bool {
	if sharesNothing {
		return false
	}
	c, err := net.Dial("unix", socket)
	if err == nil {
		c.Close()
	}
	endMaster(string(openssh.Find()), socket)
	return err == nil
}

// MasterOf returns the control socket of the connection that a line uses.
func MasterOf(socket string) string {
	name, _, _ := strings.Cut(filepath.Base(socket), ".")
	return filepath.Join(filepath.Dir(socket), name)
}

// EndShared ends the connections that commands share, and the lines. Otherwise their sockets would be left in
// the derived folder. It returns how many connections there were.
func EndShared(l sshconfig.Layout) int {
	ended := map[string]bool{}
	for _, socket := range Lines(l) {
		if EndLine(socket) {
			ended[MasterOf(socket)] = true
		}
	}
	for _, folder := range privateFolders(l.Folder()) {
		sockets, _ := filepath.Glob(filepath.Join(folder, socketPrefix+strings.Repeat("[0-9a-f]", sumDigits)))
		for _, socket := range sockets {
			if EndMaster(socket) {
				ended[socket] = true
			}
		}
		memories, _ := filepath.Glob(filepath.Join(folder, socketPrefix+strings.Repeat("[0-9a-f]", sumDigits)+memorySuffix))
		for _, memory := range memories {
			atomicfile.Remove(memory) // with what a bridge left that was killed while it wrote
		}
	}
	return len(ended)
}
