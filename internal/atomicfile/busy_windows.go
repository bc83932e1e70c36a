package atomicfile

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// dontWait is not needed: no pipe has a file's name.
const dontWait = 0

// busyPatience bounds the wait for other processes that have a file open: they read it and close it again.
const busyPatience = 2 * time.Second

// whileBusy retries something with a file for as long as another process is in the way. Windows neither replaces nor
// removes an open file, and opens no file that is just being removed. It reports "access denied" in those cases too,
// so an access that really is denied is also retried for a while.
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
