//go:build !linux

package test

import "os/exec"

// EndsWithTests does nothing: only Linux supports this.
func EndsWithTests(*exec.Cmd) {}
