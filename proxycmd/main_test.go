package proxycmd_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/proxycmd"
)

// The test binary is the ProxyCommand of the clients that the tests start: with a gateway in its environment, it acts
// as a proxy and not as a test.
const (
	gatewayVariable    = "CLEVER_SSH_TEST_GATEWAY" // [user@]host:port
	pinsVariable       = "CLEVER_SSH_TEST_PINS"    // separated by commas
	knownHostsVariable = "CLEVER_SSH_TEST_KNOWN_HOSTS"
	timeoutVariable    = "CLEVER_SSH_TEST_TIMEOUT" // a duration; empty for the default
)

func TestMain(m *testing.M) {
	if gateway := os.Getenv(gatewayVariable); gateway != "" {
		err := runProxy(gateway)
		reportLeftovers()
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	test.Parallel(10)
	os.Exit(m.Run())
}

func runProxy(gateway string) error {
	// ssh resets SIGPIPE to the default, but a write to its closed pipe must be an error. ssh also ends its proxy
	// with SIGHUP, but the tests must see the proxy end by itself.
	signal.Ignore(syscall.SIGPIPE, syscall.SIGHUP)
	address, err := config.ParseAddress(gateway)
	if err != nil {
		return err
	}
	g := &config.Gateway{Suffix: config.DefaultSuffix, Address: address}
	for s := range strings.SplitSeq(os.Getenv(pinsVariable), ",") {
		p, err := config.ParsePin(s)
		if err != nil {
			return err
		}
		g.Pins = append(g.Pins, p)
	}
	o := proxycmd.Options{KnownHosts: os.Getenv(knownHostsVariable)}
	if s := os.Getenv(timeoutVariable); s != "" {
		if o.Timeout, err = time.ParseDuration(s); err != nil {
			return err
		}
	}
	o.Warn = func(err error) { fmt.Fprintln(os.Stderr, "warning:", err) }
	said := false
	o.Refused = func(err error) string {
		said = true
		fmt.Fprintln(os.Stderr, "clever-ssh:", err)
		return err.Error()
	}
	err = proxycmd.Connect(context.Background(), g, os.Stdin, os.Stdout, o)
	if err != nil && !said {
		fmt.Fprintln(os.Stderr, "clever-ssh:", err)
	}
	return err
}

// reportLeftovers reports what Connect left behind, except for the read from stdin, which is allowed. The tests treat
// every unexpected line on stderr as a failure.
func reportLeftovers() {
	var left string
	for range 100 {
		if left = goroutinesOfConnect(); left == "" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left behind:\n%s\n", left)
	}
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.Sys > 64<<20 {
		fmt.Fprintf(os.Stderr, "%d MiB of memory were used\n", m.Sys>>20)
	}
}

func goroutinesOfConnect() string {
	buffer := make([]byte, 1<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	var left []string
	for g := range strings.SplitSeq(string(buffer), "\n\n") {
		reads := strings.Contains(g, "os.(*File).Read") || strings.Contains(g, "clever-ssh/proxycmd.poll(")
		if strings.Contains(g, "clever-ssh/proxycmd.") && !reads {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}
