package openssh

import (
	"io"
	"os"
)

// DefaultAgent is where the agent is if nobody says: Windows' own.
const DefaultAgent = `\\.\pipe\openssh-ssh-agent`

// dialAgent connects to the agent at a path, a named pipe.
func dialAgent(path string) (io.ReadWriteCloser, error) { return os.OpenFile(path, os.O_RDWR, 0) }
