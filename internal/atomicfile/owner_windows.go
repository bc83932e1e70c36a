package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// keepOwner gives a new file the access list of the file that it will replace, if that was cut off from what the folder
// bequeaths: where others may write in the folder, ssh refuses the whole configuration otherwise.
func keepOwner(f *os.File, old fs.FileInfo, _ string) error {
	path := filepath.Join(filepath.Dir(f.Name()), old.Name())
	descriptor, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return nil // a file system without access lists
	}
	control, _, err := descriptor.Control()
	if err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		return err
	}
	list, _, err := descriptor.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(f.Name(), windows.SE_FILE_OBJECT,
			windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil)
	}
	if err != nil {
		return fmt.Errorf("keeping the access list of %s: %w", path, err)
	}
	return nil
}

// resolveFolder makes sure that a folder exists. It follows no links: Windows takes ".." for what it is in the path, wherever
// the folder before it leads, and filepath.EvalSymlinks refuses a junction, which is how people without special rights move
// a folder elsewhere.
func resolveFolder(path string) (string, error) {
	_, err := os.Stat(path)
	return filepath.Clean(path), err
}

// names is 1 for all that is known here: the information on a file does not tell.
func names(fs.FileInfo) int { return 1 }

// syncDir has nothing to do: Windows has no call for it, NTFS journals renames.
func syncDir(string) {}

// asOwner has nothing to add: no account overrides the access lists.
func asOwner(_ string, do func() error) error { return do() }

// Account is not a number here.
func Account(string) int { return -1 }

// OthersRead cannot tell: modes say nothing.
func OthersRead(string) bool { return false }

// Exposures cannot tell: modes say nothing, and where programs are kept, the access lists of Windows let nobody else in.
func Exposures(string, int) []*AccessError { return nil }

// Passes is of no use without Exposures.
func Passes(path, place string) bool { return false }

// own has nothing to say: modes tell nothing, and the access list of %APPDATA% lets nobody in but the account, the system and
// administrators, unless somebody has changed it on purpose.
func own(string, fs.FileInfo, int, fs.FileMode) error { return nil }

// removeLocked removes the file of a lock afterwards: Windows removes none that is open, and those who wait have it open.
func removeLocked(path string, unlock func()) {
	unlock()
	os.Remove(path)
}
