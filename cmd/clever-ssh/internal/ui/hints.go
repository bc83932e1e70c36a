package ui

import (
	"errors"
	"io/fs"
	"path/filepath"

	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"
)

// SuffixFlag is what a command about a gateway needs on its command line, with the space behind it.
func SuffixFlag(suffix string) string {
	if suffix == config.DefaultSuffix {
		return ""
	}
	return "--suffix " + suffix + " "
}

// hinted is an error with what to do about it.
type hinted struct {
	error
	hints []string
}

func (h *hinted) Unwrap() error { return h.error }

// Hint adds lines that tell what to do.
func Hint(err error, lines ...string) error { return &hinted{err, lines} }

// Hints collects the hints of an error. What the system's complaint about a file asks for comes first.
func Hints(err error) (lines []string) {
	switch file := new(fs.PathError); {
	case errors.Is(err, atomicfile.ErrNotRegular):
		lines = []string{"something else has that name: move it away"}
	case errors.As(err, &file) && errors.Is(file, fs.ErrPermission):
		lines = []string{"see whose it is, and who may read and write there: " + accessCommand(filepath.Dir(file.Path))}
	}
	for h := new(hinted); errors.As(err, &h); err = h.error {
		lines = append(lines, h.hints...)
	}
	return lines
}
