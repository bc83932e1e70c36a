package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/listen"
	"clever-ssh/cmd/clever-ssh/internal/login"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/caller"

	"github.com/urfave/cli/v2"
	"golang.org/x/crypto/ssh"
)

// listenPort is the default port.
const listenPort = 2222

var listenCommand = &cli.Command{
	Name:      "listen",
	Usage:     "run a local SSH server for other programs",
	UsageText: "listen [--port PORT] [ALIAS ...]",
	Description: `    clever-ssh listen
    clever-ssh listen --port 2200 web.clever

Serves SSH and SFTP on this machine alone, on 127.0.0.1 and ::1, to programs
that cannot use your ssh configuration: FileZilla, WinSCP, TablePlus, curl. The
user name says where to go: web, web.clever, 1.web or app_.... With aliases on
the command line, it serves only those.

It accepts your own keys, and nothing else: those in your agent, in ~/.ssh, or
named by your ssh configuration. Ctrl-C ends it and every connection through it.`,
	Flags: []cli.Flag{
		&cli.IntFlag{Name: "port", Usage: "listen on this `PORT`; 0 takes any free one", Value: listenPort},
		verboseFlag,
	},
	Action: func(c *cli.Context) error {
		port := c.Int("port")
		if port < 0 || port > 65535 {
			return ui.Usagef("--port must be a number from 0 to 65535")
		}
		for _, word := range c.Args().Slice() {
			if strings.Contains(word, ":") || net.ParseIP(word) != nil {
				return ui.Usagef("listen takes aliases, not an address: it serves this machine alone, on 127.0.0.1 and ::1")
			}
		}
		return listenFor(port, c.Args().Slice())
	},
}

// listenFor serves clients at a port, for some aliases or for all, until somebody interrupts.
func listenFor(port int, aliases []string) error {
	ignoreSignals()
	s, err := settings.Load()
	if err != nil {
		return err
	}
	var only []config.Alias
	for _, alias := range aliases {
		a, err := listen.Alias(s.Config, alias, nil)
		if err != nil {
			return err
		}
		only = append(only, a)
	}
	hostKeys, err := settings.BridgeKeys(s.Layout)
	if err != nil {
		return err
	}
	program := openssh.Find()
	if program == "" {
		return openssh.ErrNotFound
	}
	ctx, stop := ui.UntilInterrupted()
	defer stop()
	listeners, err := listen.Loopback(port)
	if err != nil {
		if op := new(net.OpError); errors.As(err, &op) {
			err = fmt.Errorf("cannot listen on %s: %w", op.Addr, op.Err)
		}
		return ui.Hint(err, "is another program listening there? Choose another port: clever-ssh listen --port 2223", "or any that is free: clever-ssh listen --port 0")
	}
	keys := listen.NewKeys(ctx, program, s)
	sayListening(ctx, listeners, s, only, hostKeys, keys)
	ways := &ways{only: only, used: map[string]*login.Inner{}}
	defer ways.close()
	server := &listen.Server{HostKeys: hostKeys, Keys: keys.Fingerprints, Open: ways.open, Log: os.Stderr}
	server.Serve(ctx, listeners...)
	return nil
}

// sayListening says what to type, and which host key the client will show.
func sayListening(ctx context.Context, listeners []net.Listener, s *settings.Settings, only []config.Alias, hostKeys []ssh.Signer, keys *listen.Keys) {
	var addresses []string
	for _, l := range listeners {
		addresses = append(addresses, l.Addr().String())
	}
	ui.Note(os.Stderr, "listening on %s; Ctrl-C ends it", strings.Join(addresses, " and "))
	ui.Note(os.Stderr, "host key %s (ED25519), pinned in %s", ssh.FingerprintSHA256(hostKeys[0].PublicKey()), s.Layout.BridgeKnownHosts())
	ui.Note(os.Stderr, "host key %s (ECDSA), for programs without ED25519, pinned there as well", ssh.FingerprintSHA256(hostKeys[1].PublicKey()))
	held, problems := keys.Look(ctx)
	for _, err := range problems {
		ui.Error(os.Stderr, err)
	}
	if len(held) == 0 {
		ui.Error(os.Stderr, ui.Hint(errors.New("there is no key for a client to log in with"), listen.Yours, "make one: ssh-keygen -t ed25519"))
	}
	fmt.Printf("sftp -P %d %s@127.0.0.1\n", listeners[0].Addr().(*net.TCPAddr).Port, exampleUser(s.Config, only))
}

// exampleUser returns a user name that a client may give.
func exampleUser(c *config.Config, only []config.Alias) string {
	if len(only) > 0 {
		return listen.User(c, only[0])
	}
	for _, g := range c.Gateways {
		for _, name := range g.SortedNames() {
			if a, err := c.Resolve(string(name) + "." + g.Suffix); err == nil {
				return listen.User(c, a)
			}
		}
	}
	return "app_ID"
}

// ways are the aliases' logins that clients have used.
type ways struct {
	only []config.Alias // the aliases that clients may use; none for all

	mu   sync.Mutex
	used map[string]*login.Inner // by the place of their sockets; each keeps its shared connection open
}

// open logs in for a client.
func (w *ways) open(ctx context.Context, user string) (alias string, o bridge.Options, done func(), err error) {
	s, err := settings.Load() // each time: they may have changed
	if err != nil {
		return "", o, nil, err
	}
	a, err := listen.Alias(s.Config, user, w.only)
	if err != nil {
		return "", o, nil, err
	}
	inner, err := login.Prepare(s, a, caller.CommandLine{})
	if err != nil {
		return "", o, nil, err
	}
	if err := inner.Connect(ctx); err != nil {
		return "", o, nil, ui.HintSession(err, a)
	}
	leave := w.use(inner)
	o = inner.Options(a)
	end := addLine(&o, a, inner)
	done = func() {
		end()
		leave()
	}
	o.Warn = func(err error) {
		if ctx.Err() == nil {
			ui.Error(os.Stderr, ui.HintSession(err, a))
		}
	}
	o.Waiting, o.Missing = login.SayWaiting(os.Stderr, a)
	o.Chosen = login.SayChosen(os.Stderr, a)
	return a.Plain(), o, done, nil
}

// use notes that a client uses a login. The first login over a shared connection keeps it open for later clients,
// also once its own client has left: otherwise each might have to wait until somebody enters a passphrase. Every
// other one lets go when its client leaves, with leave.
func (w *ways) use(inner *login.Inner) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.used[inner.Lines]; first != nil {
		if first.Connected() && !inner.Opened {
			return inner.Close
		}
		first.Close() // its connection has ended, or nobody finds it any more
	}
	w.used[inner.Lines] = inner
	return func() {}
}

// close lets the connections that clients shared end.
func (w *ways) close() {
	for _, inner := range w.used {
		inner.LetGo()
		inner.Close()
	}
}
