package atomicfile

import (
	"io/fs"
	"os"
)

// keepOwner has nothing to do: a file inherits its owner and its access list from the folder.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncDir has nothing to do: Windows has no call for it, NTFS journals renames.
func syncDir(string) {}
