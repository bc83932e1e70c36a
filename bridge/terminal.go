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

// start starts an ssh to a target in the terminal.
func (t *terminal) start(o Options, target string) (*inner, error) {
	cmd := o.Inner(target, true)
	cmd.Env = append(cmd.Environ(), "TERM="+t.name)
	t.mu.Lock()
	defer t.mu.Unlock()
	var err error
	if t.controller, err = startInTerminal(cmd, t.size); err != nil {
		o.Ended(cmd)
		return nil, fmt.Errorf("starting ssh in a terminal: %w", err)
	}
	file := t.controller.file
	i := &inner{target: target, cmd: cmd, stdin: file, stdout: &output{file: file}}
	i.watch(o.Ended)
	return i, nil
}
