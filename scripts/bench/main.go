// Bench measures what a ProxyCommand costs: clever-ssh, other helpers and no helper, in turn. scripts/bench.sh
// prepares a folder and an sshd for it and runs it; as `bench helper`, `source` and `sink` it is part of what it
// runs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	var err error
	switch args := os.Args[1:]; {
	case len(args) > 3 && args[0] == "helper" && args[2] == "--":
		err = runHelper(args[1], args[3:])
	case len(args) == 3 && (args[0] == "source" || args[0] == "sink"):
		err = runFar(args[0], args[1], args[2])
	default:
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is what all measurements share.
type bench struct {
	ctx     context.Context
	work    string   // the folder with everything: the programs, the keys, the entries
	stderr  *os.File // of the running command: a file, because a helper may hold it longer than ssh runs
	options []string // what the entries tell ssh: the same for all contenders
	port    string   // of the sshd
	runs    int
	size    int64 // of a transfer, in bytes
	echoes  int
}

func (b *bench) path(name string) string { return filepath.Join(b.work, name) }

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	b := &bench{ctx: ctx}
	flag.StringVar(&b.work, "work", "", "the folder that bench.sh has prepared")
	flag.StringVar(&b.port, "port", "", "where its sshd listens")
	flag.IntVar(&b.runs, "runs", 10, "how often everything is measured")
	flag.IntVar(&b.echoes, "echoes", 10000, "how many bytes go back and forth in each run")
	onlyRoundTrips := flag.Bool("rtt", false, "count round trips, and measure nothing else")
	size := flag.String("size", "2G", "what is carried each way in each run")
	flag.Parse()
	var err error
	if b.size, err = parseSize(*size); err != nil || b.size < 1 || b.runs < 1 || b.echoes < 1 {
		return errors.New("-size, -runs and -echoes must be numbers over 0")
	}
	if b.stderr, err = os.OpenFile(b.path("stderr"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return err
	}
	text, err := os.ReadFile(b.path(".ssh/clever/config"))
	if err != nil {
		return err
	}
	plain := false // in a block of aliases that go straight to the gateway
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "Host ") {
			plain = strings.HasPrefix(line, "Host clever ")
		}
		if plain && strings.HasPrefix(line, " ") {
			b.options = append(b.options, "-o", strings.TrimSpace(line))
		}
	}
	if *onlyRoundTrips {
		return b.roundTrips()
	}
	for _, measure := range []func() error{b.proxy, b.bridge, b.roundTrips} {
		if err := measure(); err != nil {
			return err
		}
	}
	return nil
}

// parseSize reads a number of bytes: plain, in thousands (K), millions (M) or billions (G).
func parseSize(s string) (int64, error) {
	unit := int64(1)
	for i, letter := range []string{"K", "M", "G"} {
		if rest, ok := strings.CutSuffix(s, letter); ok {
			s, unit = rest, []int64{1e3, 1e6, 1e9}[i]
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n * unit, err
}
