package caller

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// readProcess reads a process from /proc; see proc_pid_cmdline(5) and proc_pid_stat(5).
func readProcess(pid int) (process, error) {
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return process{}, err
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	parent, start, err := parseStat(string(stat))
	if err != nil {
		return process{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return process{program: program, args: splitArguments(string(cmdline)), parent: parent, start: start}, nil
}

// splitArguments splits the contents of a cmdline file. Each argument ends in a NUL, so the last NUL does not
// separate two arguments; an empty last argument has a NUL of its own.
func splitArguments(cmdline string) []string {
	if cmdline == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(cmdline, "\x00"), "\x00")
}

// parseStat returns the parent's process id and the start time, in clock ticks since boot, from the contents of a
// stat file. The second field is the program's name in parentheses and may itself hold spaces and parentheses, so the
// other fields are counted from the last parenthesis.
func parseStat(stat string) (parent int, start uint64, err error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return 0, 0, errors.New("too few fields")
	}
	if parent, err = strconv.Atoi(fields[4-3]); err != nil {
		return 0, 0, err
	}
	if start, err = strconv.ParseUint(fields[22-3], 10, 64); err != nil {
		return 0, 0, err
	}
	return parent, start, nil
}
