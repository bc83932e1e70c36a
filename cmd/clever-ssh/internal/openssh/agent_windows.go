package openssh

import (
	"io"
	"os"
)

// DefaultAgent is where ssh looks for the agent if nothing names one: Windows' own.
const DefaultAgent = `\\.\pipe\openssh-ssh-agent`

// dialAgent connects to the agent at a path, a named pipe.
func dialAgent(path string) (io.ReadWriteCloser, error) { return os.OpenFile(path, os.O_RDWR, 0) }
