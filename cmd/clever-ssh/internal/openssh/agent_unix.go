//go:build unix

package openssh

import (
	"io"
	"net"
)

// DefaultAgent is where the agent is if nobody says.
const DefaultAgent = ""

// dialAgent connects to the agent at a path.
func dialAgent(path string) (io.ReadWriteCloser, error) { return net.Dial("unix", path) }
