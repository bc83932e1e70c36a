package caller

import "golang.org/x/sys/unix"

// readProcess reads a process through sysctl(3): kern.proc.pid for its parent and start time, in microseconds since
// 1970, and kern.procargs2 for its arguments, which the system shows only for the user's own processes.
func readProcess(pid int) (process, error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return process{}, err
	}
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return process{}, err
	}
	program, args, err := parseProcargs2(raw)
	if err != nil {
		return process{}, err
	}
	started := info.Proc.P_starttime
	return process{
		program: program,
		args:    args,
		parent:  int(info.Eproc.Ppid),
		start:   uint64(started.Sec)*1e6 + uint64(started.Usec),
	}, nil
}
