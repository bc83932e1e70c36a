//go:build unix

package sshconfig

// NewProgram quotes the program's path for this system.
func NewProgram(path string) (Program, error) { return UnixProgram(path) }
