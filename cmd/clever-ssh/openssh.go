package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// openSSH is the path of the system's ssh, empty if there is none.
type openSSH string

func findSSH() openSSH {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return ""
	}
	return openSSH(path)
}

// sshPatience bounds an ssh that connects nowhere; the user's own Match exec lines run in it.
const sshPatience = 20 * time.Second

// knowsRSA asks ssh for its key types. Without ssh the answer is yes, as it is for nearly every one.
func (s openSSH) knowsRSA() bool {
	if s == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), sshPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, string(s), "-Q", "key").Output()
	return err != nil || slices.Contains(strings.Fields(string(out)), "ssh-rsa")
}

// reads has ssh read its configuration for the first gateway's menu, without connecting. The error is what ssh says
// against it; inForce is whether the entries are, which ssh may look for elsewhere, or find something before. Where there is
// no ssh or no file, there is nothing to say.
func (s openSSH) reads(l sshconfig.Layout, c *config.Config) (inForce bool, err error) {
	if s == "" {
		return false, nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // which ssh minds under -F only
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), sshPatience)
	defer cancel()
	args := []string{"-G", c.Gateways[0].Suffix}
	if !l.Standard {
		args = append([]string{"-F", l.UserFile}, args...)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, string(s), args...)
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second // what a Match exec has started may hold our pipes
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return false, fmt.Errorf("ssh did not finish reading its configuration within %v", sshPatience)
	}
	if err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			err = errors.New(strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "; "))
		}
		return false, fmt.Errorf("ssh refuses its configuration: %w", err)
	}
	return strings.Contains(string(out), "\nhostkeyalias "+c.Gateways[0].HostKeyAlias()+"\n"), nil
}
