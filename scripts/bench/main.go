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
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
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

// The rows with goals.
const (
	direct     = "ssh alone"
	ours       = "clever-ssh proxy"
	entries    = "ssh app_bench.clever"
	openbsd    = "nc.openbsd"
	nothing    = "true"
	ownVersion = "clever-ssh --version"
)

// contender is one way to connect, or one program to start.
type contender struct {
	name    string
	command []string // the ProxyCommand, or the program; empty for ssh's own connection
	rival   bool     // a helper that is not ours
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
	for _, measure := range []func() error{b.measure, b.bridge, b.roundTrips} {
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

// contenders lists those that are installed.
func (b *bench) contenders() []contender {
	list := []contender{{name: direct}, {name: ours, command: []string{b.path("clever-ssh"), "proxy", "clever"}}}
	for _, command := range [][]string{
		{openbsd, "127.0.0.1", b.port},
		{"nc.traditional", "127.0.0.1", b.port},
		{"ncat", "127.0.0.1", b.port},
		{"socat", "-", "TCP:127.0.0.1:" + b.port},
		{"connect-proxy", "127.0.0.1", b.port},
		{"tcpconnect", "127.0.0.1", b.port},
	} {
		if _, err := exec.LookPath(command[0]); err == nil {
			list = append(list, contender{name: command[0], command: command, rival: true})
		}
	}
	return list
}

// patience bounds one turn: a helper that hangs is left out, but not the others.
const patience = 10 * time.Minute

// measurement measures one contender once. It returns a value for each table; a contender may lack the last ones.
type measurement func(context.Context, contender) ([]float64, error)

// rounds lets the contenders take turns. Each round begins with another one, so that drift affects all alike. A rival
// that fails is left out; the others must not fail.
func (b *bench) rounds(what string, times int, list []contender, once measurement, tables ...*table) error {
	fmt.Fprintf(os.Stderr, "measuring %s ...\n", what)
	taken := make([][][]float64, len(list)) // by contender, round and table
	failed := make([]bool, len(list))
	for begin, i := time.Now(), 0; i < times; i++ {
		for j := range list {
			k := (i + j) % len(list)
			if failed[k] {
				continue
			}
			values, err := b.turn(list[k], once)
			switch {
			case b.ctx.Err() != nil:
				return errors.New("interrupted")
			case err != nil && !list[k].rival:
				return fmt.Errorf("%s: %s: %w", what, list[k].name, err)
			case err != nil:
				fmt.Fprintf(os.Stderr, "bench: %s: %s is left out: %v\n", what, list[k].name, err)
				failed[k] = true
			}
			taken[k] = append(taken[k], values)
		}
		if left := time.Since(begin) * time.Duration(times-1); i == 0 && left > 10*time.Second {
			fmt.Fprintf(os.Stderr, "    about %v to go\n", left.Round(time.Second))
		}
	}
	for k, c := range list {
		for n, t := range tables {
			if failed[k] || n >= len(taken[k][0]) {
				continue
			}
			s := &series{contender: c}
			for _, values := range taken[k] {
				s.values = append(s.values, values[n])
			}
			t.rows = append(t.rows, s)
		}
	}
	return nil
}

// turn measures a contender once, and adds to an error what it said on stderr.
func (b *bench) turn(c contender, once measurement) ([]float64, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	time.Sleep(20 * time.Millisecond) // the previous one's server and helper have yet to end
	b.stderr.Truncate(0)
	values, err := once(ctx, c)
	if err != nil {
		said, _ := os.ReadFile(b.stderr.Name())
		err = fmt.Errorf("%w\n%s", err, said)
	}
	return values, err
}

// measure does everything. It prints each table as soon as it is complete, and the goals at the end.
func (b *bench) measure() error {
	list := b.contenders()
	whole := append(list[:len(list):len(list)], contender{name: entries})
	version, _ := exec.Command("ssh", "-V").CombinedOutput()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s; %d processors, load %s\n", strings.TrimSpace(string(version)), runtime.NumCPU(), strings.TrimSpace(string(load)))
	fmt.Printf("Medians of %d runs. All take turns in each run; what is added is the median of the differences within runs.\n", b.runs)
	for _, c := range list[1:] {
		fmt.Printf("  %-30s  ProxyCommand %s\n", c.name, strings.Join(c.command, " "))
	}
	fmt.Printf("  %-30s  the entries that setup wrote: match command and match direct, then clever-ssh proxy\n\n", entries)

	// A first run that does not count: the host key becomes known, the alias is registered, the programs are read
	// from disk. It goes backwards, because only clever-ssh makes the host key known to the others.
	for _, c := range slices.Backward(whole) {
		b.turn(c, b.connect)
	}
	connect := table{title: "ssh that runs `true`, from start to end", unit: "ms", decimals: 1, added: true}
	if err := b.rounds("time to true", b.runs, whole, b.connect, &connect); err != nil {
		return err
	}
	connect.print(direct)

	echo := table{title: fmt.Sprintf("round trip of one byte through `cat`, median of %d in a run", b.echoes), unit: "µs", decimals: 1, added: true}
	if err := b.rounds("round trips", b.runs, list, b.echo, &echo); err != nil {
		return err
	}
	echo.print(direct)

	matchers, err := b.matchers()
	if err != nil {
		return err
	}
	programs := []contender{
		{name: nothing, command: []string{"true"}},
		{name: "a Go program that does nothing", command: []string{b.path("nothing")}},
		{name: ownVersion, command: []string{b.path("clever-ssh"), "--version"}},
	}
	startUp := table{title: "a program from start to end, 10 times in a run", unit: "ms", decimals: 2, added: true}
	match := table{title: "ssh -G app_bench.clever, which runs two Match execs, 10 times in a run", unit: "ms", decimals: 2, added: true}
	if err := b.rounds("start-up", 10*b.runs, programs, b.start, &startUp); err != nil {
		return err
	}
	startUp.print(nothing)
	if err := b.rounds("match", 10*b.runs, matchers, b.start, &match); err != nil {
		return err
	}
	match.print(matchers[0].name)

	amount := fmt.Sprintf("%g MB", float64(b.size)/1e6)
	down := table{title: "download of " + amount, unit: "MB/s", decimals: 1, more: true}
	up := table{title: "upload of " + amount, unit: "MB/s", decimals: 1, more: true}
	cpuDown := table{title: "CPU time of the helper, user and system, in a download of " + amount, unit: "seconds", decimals: 3}
	cpuUp := table{title: "CPU time of the helper, user and system, in an upload of " + amount, unit: "seconds", decimals: 3}
	peak := table{title: "peak resident memory of the helper in both", unit: "MB", decimals: 2}
	tables := []*table{&down, &up, &cpuDown, &cpuUp, &peak}
	if err := b.rounds("transfers", b.runs, list, b.transfers, tables...); err != nil {
		return err
	}
	for _, t := range tables {
		t.print(direct)
	}

	fmt.Println("goals")
	for _, name := range []string{ours, entries} {
		added := connect.of(name).over(connect.of(direct))
		verdict("time to true within 5 ms of direct: "+name, true, added <= 5, fmt.Sprintf("%+.1f ms", added))
	}
	ratio := func(t *table, to *series, goal string, reached func(float64) bool) {
		if to == nil {
			verdict(goal, false, false, "")
			return
		}
		r := t.of(ours).median() / to.median()
		verdict(goal, true, reached(r), fmt.Sprintf("%.2f", r))
	}
	half := func(r float64) bool { return r <= 0.5 }
	ratio(&down, down.of(direct), "download at least 0.95 of direct", func(r float64) bool { return r >= 0.95 })
	ratio(&up, up.best(), "upload at least that of the best helper", func(r float64) bool { return r >= 1 })
	ratio(&cpuDown, cpuDown.of(openbsd), "CPU per byte at most half of nc.openbsd's: download", half)
	ratio(&cpuUp, cpuUp.of(openbsd), "CPU per byte at most half of nc.openbsd's: upload", half)
	memory := peak.of(ours).most()
	verdict("peak memory under 12 MB in every run", memory > 0, memory < 12, fmt.Sprintf("%.2f MB", memory))
	took := startUp.of(ownVersion).median()
	verdict("start-up under 3 ms: "+ownVersion, true, took < 3, fmt.Sprintf("%.2f ms", took))
	return nil
}
