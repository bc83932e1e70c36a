package ui

import (
	"errors"
	"io/fs"
	"path/filepath"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
)

// SuffixFlag returns the --suffix that a command about a gateway needs, with a space after it; empty for the
// built-in gateway.
func SuffixFlag(suffix string) string {
	if suffix == config.DefaultSuffix {
		return ""
	}
	return "--suffix " + suffix + " "
}

// hinted is an error with hints: lines that say what to do about it.
type hinted struct {
	error
	hints []string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint adds hints to an error, which say what to do about it: a command in them works when pasted.
func Hint(err error, lines ...string) error { return &hinted{err, lines} }

// Hints returns all hints of an error, the outermost first. Before them comes what the system's complaint about
// a file asks for.
func Hints(err error) (lines []string) {
	switch file := new(fs.PathError); {
	case errors.Is(err, atomicfile.ErrNotRegular):
		lines = []string{"something else is at that path: move it away"}
	case errors.As(err, &file) && errors.Is(file, fs.ErrPermission):
		lines = []string{"check the owners and permissions: " + accessCommand(filepath.Dir(file.Path))}
	}
	for h := new(hinted); errors.As(err, &h); err = h.error {
		lines = append(lines, h.hints...)
	}
	return lines
}
