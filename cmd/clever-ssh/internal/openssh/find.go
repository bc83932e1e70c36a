package openssh

import (
	"os"
	"os/exec"
)

// FindProgram looks for a program on PATH, then where this system usually keeps it.
func FindProgram(name string) (path string, onPath bool) {
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
