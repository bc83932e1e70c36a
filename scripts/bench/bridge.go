package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The rows for what goes through the bridge.
const (
	firstCommand  = "the first ssh app_….clever true"
	secondCommand = "the second, within the minute"
	bridged       = "scp app_….clever:"
)

// bridge measures commands and files that go through the bridge, next to an ssh and an scp that go straight to the
// sshd.
func (b *bench) bridge() error {
	aliases := 0
	connect := func(ctx context.Context, c contender) ([]float64, error) {
		alias := "app_warm.clever"
		switch c.name {
		case direct:
			return b.connect(ctx, c)
		case firstCommand:
			aliases++
			alias = fmt.Sprintf("app_first%d.clever", aliases) // there is no connection for it yet
		}
		return timed(b.command(ctx, "ssh", "-T", "-F", b.path(".ssh/config"), alias, "true"))
	}
	b.turn(contender{name: secondCommand}, connect)
	commands := table{title: "ssh that runs `true` through the bridge, from start to end", unit: "ms", decimals: 1, added: true}
	if err := b.rounds("commands through the bridge", b.runs, []contender{{name: direct}, {name: firstCommand}, {name: secondCommand}}, connect, &commands); err != nil {
		return err
	}

	if err := b.sourceFile(); err != nil {
		return err
	}
	amount := fmt.Sprintf("%g MB", float64(b.size)/1e6)
	down := table{title: "scp of " + amount + " from the instance", unit: "MB/s", decimals: 1, more: true}
	up := table{title: "scp of " + amount + " to the instance", unit: "MB/s", decimals: 1, more: true}
	peak := table{title: "peak resident memory of the bridge in both", unit: "MB", decimals: 2}
	if err := b.rounds("scp", max(1, b.runs/2), []contender{{name: direct}, {name: bridged}}, b.copies, &down, &up, &peak); err != nil {
		return err
	}

	fmt.Println("goals for the bridge")
	for _, goal := range []struct {
		name string
		most float64
	}{{firstCommand, 1.6}, {secondCommand, 0.5}} {
		r := commands.of(goal.name).median() / commands.of(direct).median()
		verdict(fmt.Sprintf("%s at most %g of direct", goal.name, goal.most), true, r <= goal.most, fmt.Sprintf("%.2f", r))
	}
	for _, t := range []*table{&down, &up} {
		r := t.of(bridged).median() / t.of(direct).median()
		verdict(t.title+" at least 0.6 of direct", true, r >= 0.6, fmt.Sprintf("%.2f", r))
	}
	memory := peak.of(bridged).most()
	verdict("peak memory of the bridge under 30 MB in every run", memory > 0, memory < 30, fmt.Sprintf("%.2f MB", memory))
	return nil
}

// sourceFile makes the file to copy.
func (b *bench) sourceFile() error {
	f, err := os.Create(b.path("source"))
	if err != nil {
		return err
	}
	defer f.Close()
	block := bytes.Repeat([]byte("what a file is made of\n"), 50_000)
	for left := b.size; left > 0; left -= int64(len(block)) {
		if _, err := f.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}

// copies measures scp in both directions, in MB/s, and the memory of the bridge, in MB.
func (b *bench) copies(ctx context.Context, c contender) (values []float64, err error) {
	args, host := []string{"scp", "-q", "-F", b.path(".ssh/config")}, "app_warm.clever"
	if c.name == direct {
		host = "127.0.0.1"
		args = append([]string{"scp", "-q", "-F", "none", "-o", "ProxyCommand=none"}, b.options...)
	}
	copyFile := b.path("copy")
	defer os.Remove(copyFile)
	memory := b.watchBridge()
	for _, way := range [][]string{{host + ":" + b.path("source"), copyFile}, {b.path("source"), host + ":" + copyFile}} {
		os.Remove(copyFile)
		took, err := timed(b.command(ctx, append(slices.Clone(args), way...)...))
		if err == nil {
			err = sameSize(copyFile, b.size)
		}
		if err != nil {
			memory()
			return nil, err
		}
		values = append(values, float64(b.size)/1e3/took[0])
	}
	return append(values, memory()), nil
}

func sameSize(file string, size int64) error {
	info, err := os.Stat(file)
	if err == nil && info.Size() != size {
		err = fmt.Errorf("%d of %d bytes arrived", info.Size(), size)
	}
	return err
}

// watchBridge watches the memory of every bridge until the caller asks for the maximum, in MB.
func (b *bench) watchBridge() (most func() float64) {
	done := make(chan struct{})
	var peak float64
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				peak = max(peak, b.bridgeMemory())
			}
		}
	})
	return func() float64 { close(done); wait.Wait(); return peak }
}

// bridgeMemory returns the most memory that a running bridge has had, in MB (proc_pid_status(5), VmHWM).
func (b *bench) bridgeMemory() (most float64) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(line), b.path("clever-ssh")+"\x00bridge\x00") {
			continue
		}
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		_, text, _ := strings.Cut(string(status), "VmHWM:")
		text, _, _ = strings.Cut(text, "kB")
		if kib, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
			most = max(most, kib*1024/1e6)
		}
	}
	return most
}
