package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// openSSH is the path of the system's ssh, empty if there is none.
type openSSH string

func findSSH() openSSH {
	path, _ := findProgram("ssh")
	return openSSH(path)
}

// missing tells a person what to do about an ssh that is not there when they type ssh; empty if it is.
func (s openSSH) missing() string {
	switch _, onPath := findProgram("ssh"); {
	case onPath:
		return ""
	case s == "":
		return "there is no ssh, so nothing has read the entries: " + adviceOnNoSSH
	}
	return fmt.Sprintf("ssh is not on PATH, but there is %s: %s", s, adviceOnPath(filepath.Dir(string(s))))
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
	asked := time.Now()
	out, _, err := outputOf(ctx, exec.CommandContext(ctx, string(s), "-Q", "key"))
	step("asked %s for its key types, which took %v", s, took(asked))
	return err != nil || slices.Contains(strings.Fields(out), "ssh-rsa")
}
