package bridge

import "os"

// terminate ends a process: Windows has no way to ask it.
func terminate(p *os.Process) { p.Kill() }
