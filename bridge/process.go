package bridge

import (
	"fmt"
	"slices"
	"strings"
)

// process is a command's process on the instance, or the process of the shell that runs it. The zero value
// means none.
type process struct {
	target string // leads to its instance
	id     uint64
	start  uint64 // when it started, as in proc(5): a later process with the same id has another time
}

// known reports whether a signal to the process would reach it and nothing else.
func (p process) known() bool { return p.id > 1 && p.start > 0 }

// isSignal reports whether SSH has this name for a signal (RFC 4254, section 6.10).
func isSignal(name string) bool {
	return slices.Contains(strings.Fields("ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2"), name)
}

// signalCommand sends a signal to those processes that still run, and to what they have started. A command
// leads its process group, unless something on the way to the instance prevents that.
func signalCommand(name string, processes []process) string {
	var all strings.Builder
	for _, p := range processes {
		fmt.Fprintf(&all, " %d.%d", p.id, p.start)
	}
	return "for i in" + all.String() + "; do p=${i%.*}; read -r s </proc/$p/stat && set -- ${s##*\\)} && [ ${20} = ${i#*.} ] && " +
		"{ kill -" + name + " -$p || kill -" + name + " $p; }; done 2>/dev/null"
}
