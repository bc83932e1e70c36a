package database

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"clever-ssh/bridge"
)

const (
	// printEnvironment prints the variables of a login shell.
	printEnvironment = "env -0 2>/dev/null || exec cat /proc/self/environ"
	// environmentTime is how long that may take, including the login if each session logs in by itself.
	environmentTime = 3 * time.Minute
	maxComplaint    = 4 << 10
)

// Read finds out which databases the environment on an instance names. It reports its steps to step. The error is
// one of bridge.Run's, or says why the environment cannot be read.
func Read(ctx context.Context, o bridge.Options, step func(format string, a ...any)) (*Found, error) {
	ctx, cancel := context.WithTimeout(ctx, environmentTime)
	defer cancel()
	text, complaint := &limitedBuffer{most: MaxEnvironment, full: cancel}, &limitedBuffer{most: maxComplaint, full: func() {}}
	status, err := bridge.Run(ctx, o, printEnvironment, strings.NewReader(""), text, complaint)
	variables, all := text.taken()
	switch {
	case !all:
		return nil, fmt.Errorf("the environment on the instance is larger than %d bytes", text.most)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("the instance did not send its environment within %v", environmentTime)
	case err != nil:
		return nil, err
	case status != 0:
		words, _ := complaint.taken()
		said, _, _ := strings.Cut(string(words), "\n")
		return nil, fmt.Errorf("the environment on the instance cannot be read: exit status %d %.200s", status, said)
	}
	step("the environment on the instance has %d bytes", len(variables))
	return Find(variables)
}

// limitedBuffer takes only so much data. A command that was given up may still write to it.
type limitedBuffer struct {
	most int
	full func() // called when there is more data

	mu         sync.Mutex
	text       []byte
	overflowed bool
}

func (b *limitedBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	room := b.most - len(b.text)
	b.text = append(b.text, data[:min(len(data), room)]...)
	if len(data) > room {
		b.overflowed = true
		b.full()
	}
	return len(data), nil
}

// taken returns the data, and whether that is all.
func (b *limitedBuffer) taken() (text []byte, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text, !b.overflowed
}
