package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// ErrHeld says that a lock was taken, and nothing changed, for as long as the caller was willing to wait.
var ErrHeld = errors.New("another process has held it")

// leastRetry and mostRetry are how soon a taken lock is tried again: almost at once, in case it is free in a moment,
// and rarely where many wait, who would keep the holder from its work.
const (
	leastRetry = 3 * time.Millisecond
	mostRetry  = 60 * time.Millisecond
)

// mostTurns is how many times its patience a caller waits at most while others take turns.
const mostTurns = 10

// Lock takes the lock of a file: an advisory lock on a file beside it, path + ".lock", which stays. It fails when
// patience runs out. Patience begins again whenever the file, or the lock's file, has changed: then others have had
// their turn. Whoever holds the lock may remove its file.
func Lock(path string, patience time.Duration) (unlock func(), err error) {
	began := time.Now()
	since, seen := began, ""
	for retry := leastRetry; ; {
		l := flock.New(path+".lock", flock.SetPermissions(Mode))
		var taken bool
		var progress string
		err := asOwner(path, func() (err error) {
			if taken, err = take(l); !taken {
				progress = progressOf(path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		if taken {
			return func() { l.Unlock() }, nil
		}
		now := time.Now()
		if progress != seen && now.Sub(began) < mostTurns*patience {
			since, seen = now, progress
		}
		if now.Sub(since) > patience {
			return nil, fmt.Errorf("locking %s: %w for %v", path, ErrHeld, patience)
		}
		time.Sleep(retry/2 + rand.N(retry)) // so that those who wait together do not try together
		retry = min(2*retry, mostRetry)
	}
}

// take tries once to take a lock. It does not count if the previous holder has removed the lock's file: then others
// lock the one that is there now.
func take(l *flock.Flock) (taken bool, err error) {
	if err := whileBusy(func() (err error) { taken, err = l.TryLock(); return err }); err != nil || !taken {
		l.Close()
		return false, err
	}
	held, err := l.Stat()
	if err == nil {
		var current fs.FileInfo
		if current, err = os.Stat(l.Path()); err == nil && os.SameFile(held, current) {
			return true, nil
		}
	}
	l.Close()
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return false, err
}

// progressOf returns a text that changes with a file, and with its lock's file if each holder makes its own.
func progressOf(path string) string {
	var b strings.Builder
	for _, path := range []string{path, path + ".lock"} {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintf(&b, "%d %v;", info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// Guard is a temporary Lock: releasing it removes the lock's file.
func Guard(path string, patience time.Duration) (release func(), err error) {
	unlock, err := Lock(path, patience)
	if err != nil {
		return nil, err
	}
	return func() { removeLocked(path+".lock", unlock) }, nil
}

// Update changes the content of a file under its lock: change gets the old content, nil if the file does not exist, and
// returns the new content.
func Update(path string, patience time.Duration, change func(old []byte) ([]byte, error)) error {
	unlock, err := Lock(path, patience)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := Read(path)
	if err != nil {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	return Write(path, content)
}
