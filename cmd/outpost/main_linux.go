// Command outpost runs on an instance, at the far end of a line. The bridge puts it into a private folder
// there, under the hash of its contents, and speaks package wire's protocol with it over stdin and stdout.
//
//	outpost check     says ok: the file may be run here
//	outpost FOLDER    serves the line; FOLDER is the private folder that it is in
package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"clever-ssh/outpost"
	"clever-ssh/outpost/wire"

	"golang.org/x/sys/unix"
)

// silence is how long a line may be silent. It pings every ten seconds.
const silence = 3 * time.Minute

func main() {
	if len(os.Args) < 2 {
		os.Stderr.WriteString("usage: outpost check | outpost FOLDER\n")
		os.Exit(2)
	}
	if os.Args[1] == "check" {
		os.Stdout.WriteString("ok\n")
		return
	}
	// It ends only with its stdin. Signals are caught rather than ignored, because the processes that it
	// starts would inherit that they are ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTSTP)

	debug.SetGCPercent(40) // the instance's memory is scarcer than its time
	outpost.CloseOnExec()
	release := outpost.Hold(os.Args[1])
	defer release()
	conn := newConn()
	if _, err := conn.Write([]byte(wire.Greeting)); err != nil {
		os.Exit(1)
	}
	if err := outpost.Serve(conn, outpost.Options{Folder: os.Args[1], Silence: silence}); err != nil {
		os.Exit(1)
	}
}

// conn is stdin and stdout.
type conn struct{ in, out *os.File }

// newConn makes reads and writes end when stdin and stdout are closed, if the kernel can tell when they would
// not block.
func newConn() conn {
	for _, fd := range []int{0, 1} {
		unix.SetNonblock(fd, true)
		unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, wire.PipeSize) // if it is a pipe, and may have this size
	}
	return conn{os.NewFile(0, "stdin"), os.NewFile(1, "stdout")}
}

func (c conn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c conn) Write(b []byte) (int, error) { return c.out.Write(b) }

func (c conn) Close() error {
	c.in.Close()
	return c.out.Close()
}
