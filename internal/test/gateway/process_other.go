//go:build !unix

package gateway

import (
	"errors"
	"os"
	"os/exec"

	"golang.org/x/crypto/ssh"
)

func startShell(cmd *exec.Cmd, _ *terminal) error { return cmd.Start() }

func sendSignal(shell *os.Process, _ *terminal, name ssh.Signal) error {
	if name != ssh.SIGKILL {
		return errors.New("only SIGKILL can be sent here")
	}
	return shell.Kill()
}

func endSession(shell *os.Process) { shell.Kill() }

func endingOf(state *os.ProcessState) ending { return ending{status: state.ExitCode()} }
