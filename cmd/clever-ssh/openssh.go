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

// accepts has ssh read its configuration for a host, without connecting, and returns what it says against it.
func (s openSSH) accepts(l sshconfig.Layout, c *config.Config) error {
	_, err := s.settings(l, c)
	return err
}

// reads reports whether the entries are in force: ssh may look for them elsewhere, or find something before them.
func (s openSSH) reads(l sshconfig.Layout, c *config.Config) bool {
	settings, err := s.settings(l, c)
	return s == "" || (err == nil && strings.Contains(settings, "\nhostkeyalias "+c.Gateways[0].HostKeyAlias()+"\n"))
}

// settings is what `ssh -G` prints for the first gateway's menu; nothing where there is no ssh or no file.
func (s openSSH) settings(l sshconfig.Layout, c *config.Config) (string, error) {
	if s == "" {
		return "", nil
	}
	if _, err := os.Stat(l.UserFile); errors.Is(err, fs.ErrNotExist) { // which ssh minds under -F only
		return "", nil
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
		return "", fmt.Errorf("ssh did not finish reading its configuration within %v", sshPatience)
	}
	if err != nil {
		if text := strings.TrimSpace(said.String()); text != "" {
			err = errors.New(strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "; "))
		}
		return "", fmt.Errorf("ssh refuses its configuration: %w", err)
	}
	return string(out), nil
}
