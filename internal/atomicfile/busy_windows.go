package atomicfile

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// dontWait is not needed: no pipe has the name of a file.
const dontWait = 0

// busyPatience bounds the wait for others that have a file open: they read it and close it again.
const busyPatience = 2 * time.Second

// whileBusy does something with a file again as long as another process is in the way: Windows neither replaces nor removes
// a file that is open, and opens none that is just being removed. It says that access is denied then, too, so what is
// really denied is retried for a while for nothing.
func whileBusy(do func() error) error {
	for end := time.Now().Add(busyPatience); ; time.Sleep(leastRetry) {
		err := do()
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
			errors.Is(err, windows.ERROR_DELETE_PENDING)
		if !busy || time.Now().After(end) {
			return err
		}
	}
}
