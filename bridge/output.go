package bridge

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// output reads a process's output to the end. That is the end of the pipe, or silence in it after the process
// has ended: an ssh that was the first of several leaves a master in the background, and some versions of that
// keep stderr open.
type output struct {
	file  *os.File
	ended atomic.Bool
}

// silence is how long a pipe may be silent after its process has ended, if something still holds it open.
const silence = 500 * time.Millisecond

func (o *output) Read(buf []byte) (int, error) {
	for {
		ended := o.ended.Load()
		if ended {
			// Where pipes have no deadlines, there are no masters in the background either.
			o.file.SetReadDeadline(time.Now().Add(silence))
		}
		n, err := o.file.Read(buf)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !ended {
			continue // the process ended during this read: what is left gets a deadline of its own
		}
		if n == 0 && err != nil {
			return 0, io.EOF // a terminal's end is an error
		}
		return n, nil
	}
}

// processEnded makes silence the end from now on.
func (o *output) processEnded() {
	o.ended.Store(true)
	o.file.SetReadDeadline(time.Now().Add(silence))
}

func (o *output) Close() error { return o.file.Close() }
