//go:build unix

package atomicfile

// whileBusy does something with a file. Who else has it open is in nobody's way here.
func whileBusy(do func() error) error { return do() }
