package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// crowd opens many connections at once through a tunnel. It reports how long it takes until all of them are there,
// and how much memory the processes that carry them use, here and on the instance.
func (b *bench) crowd(greeter string) error {
	fmt.Fprintln(os.Stderr, "measuring connections at once ...")
	w := b.wayOf(tunnelOfOne, 0)
	defer w.end()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := w.prepare(ctx, tunnelOfOne); err != nil {
		return err
	}
	fmt.Println("\nconnections through ssh -N -L, opened at once, on loopback")
	for _, c := range []struct {
		n    int
		most time.Duration
	}{{200, time.Second}, {2000, 10 * time.Second}} {
		stop, socket, err := w.tunnel(ctx, greeter)
		if err != nil {
			return err
		}
		took, memory, err := openAtOnce(socket, c.n)
		stop()
		if err != nil {
			return err
		}
		verdict(fmt.Sprintf("%d are there after at most %v", c.n, c.most), true, took <= c.most, took.Round(time.Millisecond).String())
		verdict(fmt.Sprintf("%d take at most 60 MB of memory", c.n), true, memory <= 60e6, fmt.Sprintf("%.0f MB", float64(memory)/1e6))
	}
	return nil
}

// openAtOnce opens connections to a socket, and returns when each has received something.
func openAtOnce(socket string, n int) (took time.Duration, memory int64, err error) {
	conns, errs := make([]net.Conn, n), make([]error, n)
	var all sync.WaitGroup
	begin := time.Now()
	for i := range n {
		all.Go(func() {
			for {
				conns[i], errs[i] = net.Dial("unix", socket)
				if !errors.Is(errs[i], syscall.EAGAIN) {
					break
				}
				time.Sleep(time.Millisecond) // ssh lets only 128 wait
			}
			if errs[i] == nil {
				_, errs[i] = io.ReadFull(conns[i], make([]byte, 1))
			}
		})
	}
	all.Wait()
	took = time.Since(begin)
	memory = carriersMemory()
	for _, c := range conns {
		if c != nil {
			c.Close()
		}
	}
	return took, memory, errors.Join(errs...)
}

// carriersMemory returns the memory, in bytes, of the bridge, the process that keeps the line, and the outpost,
// without memory shared with other processes.
func carriersMemory() (sum int64) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range lines {
		text, err := os.ReadFile(file)
		args := strings.Split(string(text), "\x00")
		if err != nil || len(args) < 2 {
			continue
		}
		name := filepath.Base(args[0])
		if name == "clever-ssh" && (args[1] == "bridge" || args[1] == "line") || len(name) == 64 && strings.Contains(args[1], ".clever-ssh-") {
			rollup, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "smaps_rollup"))
			for line := range strings.Lines(string(rollup)) {
				if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Private_Dirty:" {
					kB, _ := strconv.ParseInt(fields[1], 10, 64)
					sum += kB << 10
				}
			}
		}
	}
	return sum
}
