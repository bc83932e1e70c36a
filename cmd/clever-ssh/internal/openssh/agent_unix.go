//go:build unix

package openssh

import (
	"io"
	"net"
)

// DefaultAgent is where ssh looks for the agent if nothing names one: nowhere.
const DefaultAgent = ""

// dialAgent connects to the agent at a path.
func dialAgent(path string) (io.ReadWriteCloser, error) { return net.Dial("unix", path) }
