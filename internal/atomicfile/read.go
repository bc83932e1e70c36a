package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Read returns the content of a file, or nil if the file does not exist. It reads as the account that a write would
// act as, and it only reads regular files: anything else might keep it waiting forever.
func Read(path string) (content []byte, err error) {
	err = asOwner(path, func() error { content, err = read(path); return err })
	return content, err
}

func read(path string) ([]byte, error) {
	f, _, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
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
