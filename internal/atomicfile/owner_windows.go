package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// keepOwner gives a new file the access list of the file that it will replace, if that list does not inherit from the
// folder. Otherwise, where others may write in the folder, ssh refuses the whole configuration.
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

// resolveFolder makes sure that a folder exists. It follows no links: Windows resolves ".." within the path, wherever
// the folder before it leads, and filepath.EvalSymlinks refuses a junction, which is how people without special
// rights move a folder elsewhere.
func resolveFolder(path string) (string, error) {
	_, err := os.Stat(path)
	return filepath.Clean(path), err
}

// names always returns 1: a file's information does not include the number.
func names(fs.FileInfo) int { return 1 }

// syncDir does nothing: Windows has no call for it, and NTFS journals renames.
func syncDir(string) {}

// asOwner just calls do: on Windows, no account overrides the access lists.
func asOwner(_ string, do func() error) error { return do() }

// Account returns -1: accounts have no numbers on Windows.
func Account(string) int { return -1 }

// OthersRead cannot tell: modes mean nothing on Windows.
func OthersRead(string) bool { return false }

// Exposures cannot tell: modes mean nothing on Windows, and where programs are kept, its access lists let nobody else
// in.
func Exposures(string, int) []*AccessError { return nil }

// Passes is of no use without Exposures.
func Passes(path, place string) bool { return false }

// own always returns nil: modes mean nothing, and the access list of %APPDATA% lets in only the account, the system
// and administrators, unless somebody has changed it on purpose.
func own(string, fs.FileInfo, int, fs.FileMode) error { return nil }

// removeLocked removes a lock's file after unlocking it: Windows does not remove an open file, and the processes that
// wait have it open.
func removeLocked(path string, unlock func()) {
	unlock()
	os.Remove(path)
}
