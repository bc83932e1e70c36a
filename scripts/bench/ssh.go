package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"clever-ssh/internal/quote"
)

// command prepares a command and keeps its stderr.
func (b *bench) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = b.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// ssh prepares an ssh that connects a contender's way, with the options of the entries, whoever carries it. If a file
// for its usage is given, runHelper runs the helper.
func (b *bench) ssh(ctx context.Context, c contender, usage string, remote ...string) *exec.Cmd {
	args := []string{"ssh", "-T", "-o", "Ciphers=aes128-gcm@openssh.com"}
	if c.name == entries {
		// With its target named, this is a session that -T would otherwise send through the bridge.
		return b.command(ctx, append(args, "-o", "RemoteCommand=app_bench", "-F", b.path(".ssh/config"), "app_bench.clever")...)
	}
	proxy := "none"
	switch {
	case c.command != nil && usage != "":
		proxy = quoted(slices.Concat([]string{b.path("bench"), "helper", usage, "--"}, c.command))
	case c.command != nil:
		proxy = quoted(c.command)
	}
	args = append(args, "-F", "none", "-o", "ProxyCommand="+proxy) // the first value counts
	args = append(args, b.options...)
	return b.command(ctx, append(args, "127.0.0.1", quoted(remote))...)
}

// quoted joins words for a shell.
func quoted(words []string) string {
	var list []string
	for _, w := range words {
		list = append(list, quote.POSIX(w))
	}
	return strings.Join(list, " ")
}

// connect measures a whole ssh, in ms.
func (b *bench) connect(ctx context.Context, c contender) ([]float64, error) {
	return timed(b.ssh(ctx, c, "", "true"))
}

// start measures a program from its start to its end, in ms.
func (b *bench) start(ctx context.Context, c contender) ([]float64, error) {
	return timed(b.command(ctx, c.command...))
}

func timed(cmd *exec.Cmd) ([]float64, error) {
	start := time.Now()
	err := cmd.Run()
	return []float64{time.Since(start).Seconds() * 1e3}, err
}

// matchers returns contenders that show the cost of `match command` and `match direct`: ssh -G runs them as a
// connection does. The same configuration with `false` and `true` in their places is there for comparison.
func (b *bench) matchers() ([]contender, error) {
	if err := os.Mkdir(b.path("true"), 0o700); err != nil {
		return nil, err
	}
	replace := strings.NewReplacer(b.path(".ssh/clever"), b.path("true"), b.path("clever-ssh")+" match command", "false",
		b.path("clever-ssh")+" match direct", "true")
	for _, name := range []string{"config", "match", "direct.conf"} {
		text, err := os.ReadFile(b.path(".ssh/clever/" + name))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(b.path("true/"+name), []byte(replace.Replace(string(text))), 0o600); err != nil {
			return nil, err
		}
	}
	return []contender{
		{name: "with false and true instead", command: []string{"ssh", "-G", "-F", b.path("true/config"), "app_bench.clever"}},
		{name: "clever-ssh match", command: []string{"ssh", "-G", "-F", b.path(".ssh/config"), "app_bench.clever"}},
	}, nil
}

// warmUp is how many bytes go back and forth before they count.
const warmUp = 100

// echo measures the round trip of one byte, in µs: the median of many in one session.
func (b *bench) echo(ctx context.Context, c contender) ([]float64, error) {
	cmd := b.ssh(ctx, c, "", "cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var trips series
	one := []byte{'x'}
	for len(trips.values) < warmUp+b.echoes && err == nil {
		start := time.Now()
		if _, err = stdin.Write(one); err == nil {
			_, err = io.ReadFull(stdout, one)
		}
		trips.values = append(trips.values, time.Since(start).Seconds()*1e6)
	}
	stdin.Close()
	if waitErr := cmd.Wait(); waitErr != nil {
		err = waitErr
	}
	trips.values = trips.values[min(warmUp, len(trips.values)-1):]
	return []float64{trips.median()}, err
}

// transfers measures a download and an upload: both rates in MB/s, the helper's CPU time in each, and its peak
// memory.
func (b *bench) transfers(ctx context.Context, c contender) ([]float64, error) {
	down, usedDown, err := b.transfer(ctx, c, "source")
	if err != nil {
		return nil, err
	}
	up, usedUp, err := b.transfer(ctx, c, "sink")
	if c.command == nil {
		return []float64{down, up}, err
	}
	return []float64{down, up, usedDown.cpu, usedUp.cpu, max(usedDown.peak, usedUp.peak)}, err
}

// transfer measures one direction, from when the far end began to when ssh ended. At this end the data comes straight
// from /dev/zero, more of it than the far end takes, or goes to /dev/null.
func (b *bench) transfer(ctx context.Context, c contender, end string) (rate float64, used usage, err error) {
	started, usage := b.path("started"), b.path("usage of "+c.name)
	os.Remove(started)
	os.Remove(usage)
	cmd := b.ssh(ctx, c, usage, b.path("bench"), end, fmt.Sprint(b.size), started)
	if end == "sink" {
		zero, err := os.Open("/dev/zero")
		if err != nil {
			return 0, used, err
		}
		defer zero.Close()
		cmd.Stdin = zero
	}
	err = cmd.Run()
	ended := time.Now()
	if err != nil {
		return 0, used, err
	}
	start, err := readStart(started)
	if err == nil && c.command != nil {
		used, err = readUsage(usage)
	}
	return float64(b.size) / ended.Sub(start).Seconds() / 1e6, used, err
}
