// demo shows clever-ssh at work without an account. It starts a fake gateway on this machine and sets up a throw-away
// home for it. Then it runs a command, copies a file, opens a tunnel and finally a shell with the real OpenSSH
// client. It writes nothing outside a temporary folder.
//
//	demo [--check | --deploy] PATH-OF-CLEVER-SSH
//
// With --check it runs unattended, and exits with 0 only if all of that worked and the prompt appeared. With --deploy
// it shows the deployment of an application, and what happens to commands that run in the meantime; it exits with 0
// only if none of them failed.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/internal/test/gateway"

	"github.com/creack/pty"
	"golang.org/x/crypto/ssh"
)

func main() {
	check := flag.Bool("check", false, "run unattended: exit with 0 only if all of it worked")
	deploy := flag.Bool("deploy", false, "show a deployment: exit with 0 only if no command fails during it")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: demo [--check | --deploy] PATH-OF-CLEVER-SSH")
		os.Exit(2)
	}
	if err := demo(flag.Arg(0), *check, *deploy); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

const (
	instance = "5e4c1f3a-7d52-4c0b-9a67-0c1d2e3f4a5b"
	prompt   = "bas@" + instance + " ~ $ "
)

func demo(program string, check, deploy bool) error {
	folder, err := os.MkdirTemp("", "clever-ssh-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	h, err := newHome(folder, program)
	if err != nil {
		return err
	}
	g, err := startGateway(h.public)
	if err != nil {
		return err
	}
	defer g.Close()

	name := "web=app_demo"
	if deploy {
		name = "pair=app_pair"
	}
	if err := h.setUp(g, name); err != nil {
		return err
	}
	defer h.command(program, "close").Run() // or what keeps the connection open would outlive the demo by a minute
	fmt.Printf("\n(each ssh and scp below also has -F %s,\nthe demo's own configuration)\n", h.config)
	if deploy {
		return h.watchDeployment(g)
	}
	if err := h.takeTour(); err != nil {
		return err
	}
	return h.openShell(check)
}

// startGateway starts a fake gateway with two applications. It leads to a shell of this account, so it only admits
// the demo's own key.
func startGateway(key ssh.PublicKey) (*gateway.Gateway, error) {
	g := &gateway.Gateway{Accounts: []gateway.Account{{Keys: []ssh.PublicKey{key}, Organisations: []gateway.Organisation{{
		Name: "Demo", Applications: []gateway.Application{
			{Name: "demo", ID: "app_demo", Instances: []gateway.Instance{{ID: instance, Name: "Sleepy Ponita"}}},
			{Name: "pair", ID: "app_pair", Instances: []gateway.Instance{
				{ID: "6f5d2a4b-8e63-4d1c-8b78-1d2e3f4a5b6c", Name: "Brave Eevee"},
				{ID: "7a6e3b5c-9f74-4e2d-9c89-2e3f4a5b6c7d", Name: "Quiet Abra", Number: 1},
			}},
		},
	}}}}}
	return g, g.Start("127.0.0.1:0")
}

// openShell opens a shell and hands it to the person. With check, it leaves the shell at its prompt.
func (h *home) openShell(check bool) error {
	// The real gateway prints this too, and it looks as if a host key had been accepted unseen.
	fmt.Print("\n(\"Permanently added\" below is the gateway's own ssh on its way to the instance;\nyours has checked the gateway's pinned host key)\n")
	connect := []string{"ssh", "app_demo.clever"}
	show(connect)
	cmd := h.command(h.withConfig(connect)...)
	if check {
		return watch(cmd)
	}
	fmt.Printf("(this is a shell on this machine that looks like an instance; type exit to leave it)\n\n")
	err := attached(cmd).Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() != bridge.StatusFailed {
		return nil // the status of the last command in the shell
	}
	return err
}

// watch runs the command in its own terminal, waits for the prompt, and leaves the shell.
func watch(cmd *exec.Cmd) error {
	terminal, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	defer terminal.Close()
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var screen bytes.Buffer
	left := false
	for buffer := make([]byte, 4096); ; {
		n, err := terminal.Read(buffer)
		screen.Write(buffer[:n])
		os.Stdout.Write(buffer[:n])
		if !left && strings.Contains(screen.String(), prompt) {
			left = true
			if _, err := io.WriteString(terminal, "exit\n"); err != nil {
				return err
			}
		}
		if err != nil { // EIO marks the end of a terminal on Linux
			break
		}
	}
	if err := cmd.Wait(); err != nil || !left {
		return fmt.Errorf("no prompt appeared: %v", err)
	}
	fmt.Println("\ndemo: the prompt appeared")
	return nil
}
