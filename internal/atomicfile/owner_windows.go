package atomicfile

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do: a file inherits its owner and its access list from the folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// names is 1 for all that is known here: the information on a file does not tell.
func names(fs.FileInfo) int { return 1 }

// syncDir has nothing to do: Windows has no call for it, NTFS journals renames.
func syncDir(string) {}

// asOwner has nothing to add: no account stands above the access lists.
func asOwner(_ string, do func() error) error { return do() }

// removeLocked removes the file of a lock afterwards: Windows removes none that is open, and those who wait have it open.
func removeLocked(path string, unlock func()) {
	unlock()
	os.Remove(path)
}
