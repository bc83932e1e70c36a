//go:build linux || darwin

package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// keepAttributes gives a new file the extended attributes of the file that it will replace: its access list, labels,
// and people's own notes. If one would be lost, the file must not be replaced.
func keepAttributes(f *os.File, target string) error {
	old, err := attributes(target)
	if err != nil {
		return lostAttributes(target, err)
	}
	now, err := attributes(f.Name())
	if err != nil {
		return lostAttributes(target, err)
	}
	// The file may inherit a list from the folder. A chmod would then let in the people whom that list names.
	if now[accessList] != nil && old[accessList] == nil {
		if err := unix.Fremovexattr(int(f.Fd()), accessList); err != nil {
			return lostAttributes(target, err)
		}
	}
	for name, value := range old {
		if is, there := now[name]; there && bytes.Equal(is, value) {
			continue
		}
		if err := unix.Fsetxattr(int(f.Fd()), name, value, 0); err != nil && !systemOnly(name) {
			return lostAttributes(target, fmt.Errorf("%s: %w", name, err))
		}
	}
	return nil
}

func lostAttributes(target string, err error) error {
	return &fs.PathError{Op: "replace", Path: target, Err: fmt.Errorf("%w: %w", ErrAttributes, err)}
}

// hasAccessList reports whether more than the mode decides who has access to a file.
func hasAccessList(path string) bool {
	list, err := attributes(path)
	return err != nil || list[accessList] != nil
}

// attributes reads all extended attributes of a file. It returns none if the file system does not support them.
func attributes(path string) (map[string][]byte, error) {
	buffer := make([]byte, 64<<10) // all that Linux allows, for the names as for a value (xattr(7))
	n, err := unix.Llistxattr(path, buffer)
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.ENOSYS) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for name := range strings.SplitSeq(strings.TrimRight(string(buffer[:n]), "\x00"), "\x00") {
		if !keeps(name) {
			continue
		}
		n, err := unix.Lgetxattr(path, name, buffer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = append([]byte{}, buffer[:n]...)
	}
	return all, nil
}
