package caller

import (
	"math"
	"unsafe"

	"golang.org/x/sys/windows"
)

// readProcess reads a process with NtQueryInformationProcess, which has had ProcessCommandLineInformation since
// Windows 8.1. It reads the start time, in units of 100 ns since 1601, with GetProcessTimes.
func readProcess(pid int) (process, error) {
	handle, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return process{}, err
	}
	defer windows.CloseHandle(handle)

	var basic windows.PROCESS_BASIC_INFORMATION
	err = windows.NtQueryInformationProcess(handle, windows.ProcessBasicInformation,
		unsafe.Pointer(&basic), uint32(unsafe.Sizeof(basic)), nil)
	if err != nil {
		return process{}, err
	}
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(handle, &created, &exited, &kernel, &user); err != nil {
		return process{}, err
	}

	// A UNICODE_STRING, followed by its text. The text's length is a uint16, in bytes.
	var commandLine struct {
		header windows.NTUnicodeString
		text   [math.MaxUint16 + 1]byte
	}
	err = windows.NtQueryInformationProcess(handle, windows.ProcessCommandLineInformation,
		unsafe.Pointer(&commandLine), uint32(unsafe.Sizeof(commandLine)), nil)
	if err != nil {
		return process{}, err
	}
	args, err := windows.DecomposeCommandLine(commandLine.header.String())
	if err != nil {
		return process{}, err
	}
	var program string
	path := make([]uint16, windows.MAX_LONG_PATH)
	if n := uint32(len(path)); windows.QueryFullProcessImageName(handle, 0, &path[0], &n) == nil {
		program = windows.UTF16ToString(path[:n])
	}
	return process{
		program: program,
		args:    args,
		parent:  int(basic.InheritedFromUniqueProcessId),
		start:   uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime),
	}, nil
}
