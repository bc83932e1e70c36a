package bridge

import (
	"fmt"
	"sync"
)

// terminal is one that a client has asked for. It is opened when its command starts.
type terminal struct {
	name string // $TERM

	mu         sync.Mutex
	size       windowSize
	controller *controller // nil until then
}

func (t *terminal) resize(size windowSize) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = size
	if t.controller != nil {
		t.controller.resize(size)
	}
}

// start starts an ssh in the terminal.
func (t *terminal) start(o Options) (*inner, error) {
	cmd := o.Inner(true)
	cmd.Env = append(cmd.Environ(), "TERM="+t.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.controller, err = startInTerminal(cmd, t.size); err != nil {
		o.Ended(cmd)
		return nil, fmt.Errorf("starting ssh in a terminal: %w", err)
	}
	file := t.controller.file
	return watch(cmd, file, &output{file: file}, nil, o.Ended), nil
}
