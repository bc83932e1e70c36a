package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"clever-ssh/internal/quote"
	"clever-ssh/internal/test/gateway"

	"golang.org/x/crypto/ssh"
)

// home is a throw-away home, and the program that is shown at work in it.
type home struct {
	program string
	folder  string // everything that the demo writes is in it
	config  string // the configuration of its ssh
	key     string // the file of the private key
	public  ssh.PublicKey
	env     []string
}

// newHome makes a home in an empty folder.
func newHome(folder, program string) (*home, error) {
	// ssh takes the home from the account, not from $HOME, so -F names the demo's own configuration.
	sshDir, configDir := filepath.Join(folder, ".ssh"), filepath.Join(folder, ".config")
	h := &home{program: program, folder: folder, config: filepath.Join(sshDir, "config"), key: filepath.Join(sshDir, "id_ed25519")}
	settings := filepath.Join(configDir, "clever-cloud", "clever-ssh.toml")
	for _, dir := range []string{sshDir, filepath.Dir(settings)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	// The demo's own settings say from the start where its entries are. The account may have entries, but those are
	// somebody else's. They want no PuTTY sessions either: if the account had some, setup would remove them.
	if err := os.WriteFile(settings, fmt.Appendf(nil, "ssh-config = %q\nputty = \"no\"\n", h.config), 0o600); err != nil {
		return nil, err
	}
	var err error
	if h.public, err = gateway.WriteUserKey(h.key); err != nil {
		return nil, err
	}
	bin, err := filepath.Abs(filepath.Dir(program))
	if err != nil {
		return nil, err
	}
	h.env = append(os.Environ(), "XDG_CONFIG_HOME="+configDir, "PUTTYDIR="+filepath.Join(folder, ".putty"), "SSH_AUTH_SOCK=",
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return h, nil
}

// setUp writes the entries for the gateway, with a name for an application (NAME=ID).
func (h *home) setUp(g *gateway.Gateway, name string) error {
	setup := []string{h.program, "setup", "--gateway", "ssh@" + g.Addr(), "--identity", h.key}
	for _, k := range g.HostKeys {
		setup = append(setup, "--pin", ssh.FingerprintSHA256(k.PublicKey()))
	}
	setup = append(setup, name)
	show(setup)
	return attached(h.command(setup...)).Run()
}

// command returns a command in this home's environment.
func (h *home) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = h.env
	return cmd
}

// withConfig makes an ssh or scp command read the demo's own configuration.
func (h *home) withConfig(args []string) []string {
	return slices.Concat(args[:1], []string{"-F", h.config}, args[1:])
}

// attached gives a command this process's own terminal.
func attached(cmd *exec.Cmd) *exec.Cmd {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// show prints a command.
func show(args []string) { fmt.Printf("\n$ %s\n", typed(args)) }

// typed returns a command as a person would type or paste it. The program is in the PATH.
func typed(args []string) string { return filepath.Base(args[0]) + " " + quote.Args(args[1:]) }

// patience bounds the wait for a prompt, and for a tunnel.
const patience = 30 * time.Second
