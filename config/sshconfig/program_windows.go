package sshconfig

import "golang.org/x/sys/windows"

// NewProgram quotes the program's path for this system.
func NewProgram(path string) (Program, error) { return WindowsProgram(path, shortPath(path)) }

// shortPath returns the 8.3 form of a path. It is empty if the volume has none.
func shortPath(path string) string {
	long, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return ""
	}
	buffer := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetShortPathName(long, &buffer[0], uint32(len(buffer)))
	if err != nil || int(n) > len(buffer) {
		return ""
	}
	return windows.UTF16ToString(buffer[:n])
}
