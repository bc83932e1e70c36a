package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"clever-ssh/internal/test"

	"golang.org/x/sys/unix"
)

// socketTo finds the socket with which a process of a home is connected to an address, and returns
// a descriptor that shares it.
func socketTo(t *testing.T, h *home, address string) (fd int) {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	must(t, err)
	want := netip.MustParseAddrPort(address)
	for _, path := range environments {
		text, _ := os.ReadFile(path) // the process may have ended
		if !bytes.Contains(text, []byte("HOME="+h.dir+"\x00")) {
			continue
		}
		dir := filepath.Dir(path)
		pid, err := strconv.Atoi(filepath.Base(dir))
		must(t, err)
		process, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		defer unix.Close(process)
		files, _ := os.ReadDir(filepath.Join(dir, "fd"))
		for _, file := range files {
			if to, _ := os.Readlink(filepath.Join(dir, "fd", file.Name())); !strings.HasPrefix(to, "socket:") {
				continue
			}
			number, err := strconv.Atoi(file.Name())
			must(t, err)
			fd, err := unix.PidfdGetfd(process, number, 0)
			if err != nil {
				t.Fatalf("file %d of process %d: %v", number, pid, err)
			}
			if peer, err := unix.Getpeername(fd); err == nil {
				if in, ok := peer.(*unix.SockaddrInet4); ok && netip.AddrPortFrom(netip.AddrFrom4(in.Addr), uint16(in.Port)) == want {
					t.Cleanup(func() { unix.Close(fd) })
					return fd
				}
			}
			unix.Close(fd)
		}
	}
	t.Fatalf("nobody is connected to %s", address)
	return -1
}

// options returns the values of a socket's options, by name.
func options(t *testing.T, fd int) map[string]int {
	t.Helper()
	values := map[string]int{}
	for name, option := range map[string][2]int{
		"SO_KEEPALIVE":  {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
		"TCP_KEEPIDLE":  {unix.IPPROTO_TCP, unix.TCP_KEEPIDLE},
		"TCP_KEEPINTVL": {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL},
		"TCP_KEEPCNT":   {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
		"TCP_NODELAY":   {unix.IPPROTO_TCP, unix.TCP_NODELAY},
		"IP_TOS":        {unix.IPPROTO_IP, unix.IP_TOS},
	} {
		value, err := unix.GetsockoptInt(fd, option[0], option[1])
		must(t, err)
		values[name] = value
	}
	return values
}

// The proxy marks its connection as ssh marks its own, with a terminal and without. It also notices
// that a gateway has vanished, which ssh cannot do on a pipe. Both hold through another proxy too.
func TestSocket(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	host, port, _ := net.SplitHostPort(g.Addr())
	proxy := realProxies[0].run(t, false)
	direct := slices.Concat([]string{os.Getenv(realSSH)}, test.SSHArguments(test.Alone, test.AnyHostKey), []string{"-i", h.path("id"), "-p", port, "ssh@" + host, appWeb})

	running := func(t *testing.T, address string, args []string, flag string) map[string]int {
		t.Helper()
		cmd := h.command(args[0], append([]string{flag}, args[1:]...)...)
		stdin, err := cmd.StdinPipe()
		must(t, err)
		stdout, err := cmd.StdoutPipe()
		must(t, err, cmd.Start())
		defer func() {
			cmd.Process.Kill()
			cmd.Wait()
		}()
		// ssh marks its socket once the session has begun.
		io.WriteString(stdin, "echo rea''dy\n")
		var seen []byte
		for buffer := make([]byte, 1024); !bytes.Contains(seen, []byte("ready")); {
			n, err := stdout.Read(buffer)
			if seen = append(seen, buffer[:n]...); err != nil {
				t.Fatalf("%v after %q", err, seen)
			}
		}
		return options(t, socketTo(t, h, address))
	}
	for _, flag := range []string{"-tt", "-T"} {
		own := running(t, g.Addr(), direct, flag)
		want := map[string]int{"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4, "TCP_NODELAY": 1, "IP_TOS": own["IP_TOS"]}
		t.Logf("%s: ssh marks its own with %#x", flag, own["IP_TOS"])
		for name, way := range map[string]struct{ address, via string }{
			"directly":        {g.Addr(), ""},
			"through a proxy": {proxy, "socks5://" + proxy},
		} {
			t.Run(fmt.Sprintf("%s, %s", flag, name), func(t *testing.T) {
				through(t, h, g, host, port, way.via)
				if got := running(t, way.address, []string{"ssh", "web.clever"}, flag); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("the socket has %v, want %v", got, want)
				}
			})
		}
	}
}
