package openssh

import (
	"errors"
	"io/fs"
	"os"
)

func Exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
