package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// The rows with goals.
const (
	direct     = "ssh alone"
	ours       = "clever-ssh proxy"
	entries    = "ssh app_bench.clever"
	openbsd    = "nc.openbsd"
	nothing    = "true"
	ownVersion = "clever-ssh --version"
)

// proxy measures what a ProxyCommand costs, and prints the goals at the end.
func (b *bench) proxy() error {
	list := b.contenders()
	whole := append(list[:len(list):len(list)], contender{name: entries})
	b.introduce(list)

	// A first run that does not count: the host key becomes known, the alias is registered, the programs are read
	// from disk. It goes backwards, because only clever-ssh makes the host key known to the others.
	for _, c := range slices.Backward(whole) {
		b.turn(c, b.connect)
	}
	connect := table{title: "ssh that runs `true`, from start to end", unit: "ms", decimals: 1, added: true}
	if err := b.rounds("time to true", b.runs, whole, b.connect, &connect); err != nil {
		return err
	}
	echo := table{title: fmt.Sprintf("round trip of one byte through `cat`, median of %d in a run", b.echoes), unit: "µs", decimals: 1, added: true}
	if err := b.rounds("round trips", b.runs, list, b.echo, &echo); err != nil {
		return err
	}
	startUp, err := b.startUp()
	if err != nil {
		return err
	}
	carried, err := b.carry(list)
	if err != nil {
		return err
	}

	fmt.Println("goals")
	for _, name := range []string{ours, entries} {
		added := connect.of(name).over(connect.of(direct))
		verdict("time to true within 5 ms of direct: "+name, true, added <= 5, fmt.Sprintf("%+.1f ms", added))
	}
	carried.verdicts()
	took := startUp.of(ownVersion).median()
	verdict("start-up under 3 ms: "+ownVersion, true, took < 3, fmt.Sprintf("%.2f ms", took))
	return nil
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

// introduce prints what is measured, and on what.
func (b *bench) introduce(list []contender) {
	version, _ := exec.Command("ssh", "-V").CombinedOutput()
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("%s; %d processors, load %s\n", strings.TrimSpace(string(version)), runtime.NumCPU(), strings.TrimSpace(string(load)))
	fmt.Printf("Medians of %d runs. All take turns in each run; what is added is the median of the differences within runs.\n", b.runs)
	for _, c := range list[1:] {
		fmt.Printf("  %-30s  ProxyCommand %s\n", c.name, strings.Join(c.command, " "))
	}
	fmt.Printf("  %-30s  the entries that setup wrote: match command and match direct, then clever-ssh proxy\n\n", entries)
}

// startUp measures how long programs take to start: clever-ssh itself, and in ssh's Match exec.
func (b *bench) startUp() (*table, error) {
	matchers, err := b.matchers()
	if err != nil {
		return nil, err
	}
	programs := []contender{
		{name: nothing, command: []string{"true"}},
		{name: "a Go program that does nothing", command: []string{b.path("nothing")}},
		{name: ownVersion, command: []string{b.path("clever-ssh"), "--version"}},
	}
	alone := table{title: "a program from start to end, 10 times in a run", unit: "ms", decimals: 2, added: true}
	if err := b.rounds("start-up", 10*b.runs, programs, b.start, &alone); err != nil {
		return nil, err
	}
	match := table{title: "ssh -G app_bench.clever, which runs two Match execs, 10 times in a run", unit: "ms", decimals: 2, added: true}
	return &alone, b.rounds("match", 10*b.runs, matchers, b.start, &match)
}

// transferTables are the tables of what is carried in bulk.
type transferTables struct{ down, up, cpuDown, cpuUp, peak table }

// carry measures downloads and uploads.
func (b *bench) carry(list []contender) (*transferTables, error) {
	amount := fmt.Sprintf("%g MB", float64(b.size)/1e6)
	t := &transferTables{
		down:    table{title: "download of " + amount, unit: "MB/s", decimals: 1, more: true},
		up:      table{title: "upload of " + amount, unit: "MB/s", decimals: 1, more: true},
		cpuDown: table{title: "CPU time of the helper, user and system, in a download of " + amount, unit: "seconds", decimals: 3},
		cpuUp:   table{title: "CPU time of the helper, user and system, in an upload of " + amount, unit: "seconds", decimals: 3},
		peak:    table{title: "peak resident memory of the helper in both", unit: "MB", decimals: 2},
	}
	return t, b.rounds("transfers", b.runs, list, b.transfers, &t.down, &t.up, &t.cpuDown, &t.cpuUp, &t.peak)
}

// verdicts prints the goals for transfers.
func (t *transferTables) verdicts() {
	ratio := func(t *table, to *series, goal string, reached func(float64) bool) {
		if to == nil {
			verdict(goal, false, false, "")
			return
		}
		r := t.of(ours).median() / to.median()
		verdict(goal, true, reached(r), fmt.Sprintf("%.2f", r))
	}
	half := func(r float64) bool { return r <= 0.5 }
	ratio(&t.down, t.down.of(direct), "download at least 0.95 of direct", func(r float64) bool { return r >= 0.95 })
	ratio(&t.up, t.up.best(), "upload at least that of the best helper", func(r float64) bool { return r >= 1 })
	ratio(&t.cpuDown, t.cpuDown.of(openbsd), "CPU per byte at most half of nc.openbsd's: download", half)
	ratio(&t.cpuUp, t.cpuUp.of(openbsd), "CPU per byte at most half of nc.openbsd's: upload", half)
	memory := t.peak.of(ours).most()
	verdict("peak memory under 12 MB in every run", memory > 0, memory < 12, fmt.Sprintf("%.2f MB", memory))
}
