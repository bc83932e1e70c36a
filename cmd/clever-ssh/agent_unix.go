//go:build unix

package main

import (
	"io"
	"net"
)

// defaultAgent is where the agent is if nobody says.
const defaultAgent = ""

// dialAgent connects to the agent at a path.
func dialAgent(path string) (io.ReadWriteCloser, error) { return net.Dial("unix", path) }

const adviceOnAgent = "start it, and add your key: eval $(ssh-agent); ssh-add   (or unset SSH_AUTH_SOCK)"
