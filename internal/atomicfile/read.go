package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
)

// Read returns the content of a file, or nil if the file does not exist. It reads as the account that a write would
// act as, and it only reads regular files: anything else might keep it waiting forever.
func Read(path string) (content []byte, err error) { return ReadAtMost(path, math.MaxInt64-1) }

// ReadAtMost is Read for a file that somebody may have made larger than is good for the reader. Of a file with more
// than most bytes, it returns the first ones, with [ErrTooLarge] in an [fs.PathError].
func ReadAtMost(path string, most int64) (content []byte, err error) {
	err = asOwner(path, func() error { content, err = readAtMost(path, most); return err })
	return content, err
}

func read(path string) ([]byte, error) { return readAtMost(path, math.MaxInt64-1) }

func readAtMost(path string, most int64) ([]byte, error) {
	f, _, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, most)
}

// readAll bounds the read itself: a file may grow after anybody has looked at its size.
func readAll(f *os.File, most int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		return content[:most], &fs.PathError{Op: "read", Path: f.Name(), Err: ErrTooLarge}
	}
	return content, err
}

// openRegular opens a regular file for reading. Opening a pipe would wait for a writer, and opening a device may do
// anything, so it looks before opening. It looks again afterwards, because by then the name may stand for something
// else.
func openRegular(path string) (f *os.File, info fs.FileInfo, err error) {
	for try := range 2 {
		if try == 0 {
			info, err = os.Stat(path)
		} else if err = whileBusy(func() (err error) { f, err = os.OpenFile(path, os.O_RDONLY|dontWait, 0); return err }); err == nil {
			info, err = f.Stat()
		}
		if err == nil && !info.Mode().IsRegular() {
			err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
		}
		if err != nil {
			f.Close()
			return nil, nil, err
		}
	}
	return f, info, nil
}
