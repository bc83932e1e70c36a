package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// keygen asks the system's ssh-keygen about a key file, and returns the first line that it prints. It reads private keys; this program
// never does.
func (e *examination) keygen(ctx context.Context, args ...string) (string, error) {
	program, _ := findProgram("ssh-keygen")
	if program == "" {
		program = filepath.Join(filepath.Dir(string(e.ssh)), "ssh-keygen"+filepath.Ext(string(e.ssh)))
	}
	ctx, cancel := withPatience(ctx, agentPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var said strings.Builder
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "", errors.New(strings.ReplaceAll(strings.TrimSpace(said.String()), "\n", "; "))
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), err
}

// versionOf is the first line with which a program tells its version.
func versionOf(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil && line != "" {
		err = nil // plink's status is 1
	}
	return strings.TrimSpace(line), err
}

// findProgram looks for a program on PATH, then where this system usually keeps it.
func findProgram(name string) (path string, onPath bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, path := range usualPlaces(name) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, false
		}
	}
	return "", false
}
