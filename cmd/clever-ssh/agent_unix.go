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
