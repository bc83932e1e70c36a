package bridge

import (
	"fmt"
	"sync"

	"clever-ssh/outpost/wire"
)

// terminal is a terminal that a client asked for. It is opened when its command starts, here or on the
// instance.
type terminal struct {
	name  string // $TERM
	modes string // as the client encodes them (RFC 4254, section 8)

	mu      sync.Mutex
	size    windowSize
	setSize func(windowSize) // nil until it is opened
}

func (t *terminal) resize(size windowSize) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = size
	if t.setSize != nil {
		t.setSize(size)
	}
}

// request returns the request to the outpost for this terminal.
func (t *terminal) request() *wire.Terminal {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &wire.Terminal{Name: t.name, Size: wire.Size(t.size), Modes: t.modes}
}

// attach sets the current size, and every new size from now on.
func (t *terminal) attach(setSize func(windowSize)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.setSize = setSize
	setSize(t.size)
}

// start starts an ssh to a target in the terminal, on this machine.
func (t *terminal) start(o Options, target string) (*inner, *controller, error) {
	cmd := o.Inner(target, true)
	cmd.Env = append(cmd.Environ(), "TERM="+t.name)
	t.mu.Lock()
	size := t.size
	t.mu.Unlock()
	c, err := startInTerminal(cmd, size)
	if err != nil {
		o.Ended(cmd)
		return nil, nil, fmt.Errorf("starting ssh in a terminal: %w", err)
	}
	t.attach(c.resize)
	i := &inner{target: target, cmd: cmd, stdin: c.file, stdout: &output{file: c.file}}
	i.watch(o.Ended)
	return i, c, nil
}
