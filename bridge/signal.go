package bridge

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// signals are those that SSH has names for (RFC 4254, section 6.10).
var signals = strings.Fields("ABRT ALRM FPE HUP ILL INT KILL PIPE QUIT SEGV TERM USR1 USR2")

// process is a command's on the instance, or that of the shell that runs it. The zero value is none.
type process struct {
	id    uint64
	start uint64 // when it started, as proc(5) has it: another that has the same id has not started at the same time
}

// known tells whether a signal to the process would find it and nobody else.
func (p process) known() bool { return p.id > 1 && p.start > 0 }

// signalCommand sends a signal to processes and what they have started, if they are still the same. A command is the
// leader of its process group, unless something on the way to the instance has seen to it otherwise.
func signalCommand(name string, processes []process) string {
	var all strings.Builder
	for _, p := range processes {
		fmt.Fprintf(&all, " %d.%d", p.id, p.start)
	}
	return "for i in" + all.String() + "; do p=${i%.*}; read -r s </proc/$p/stat && set -- ${s##*)} && [ ${20} = ${i#*.} ] && " +
		"{ kill -" + name + " -$p || kill -" + name + " $p; }; done 2>/dev/null"
}

// signal sends a signal to a command. The ssh protocol could, the ssh program cannot: a second command does it.
func (b *bridge) signal(name string, p process) bool {
	if !p.known() || !slices.Contains(signals, name) {
		return false
	}
	b.helpers.Go(func() { b.kill(name, []process{p}) })
	return true
}

// hangUp ends a command whose client has gone. sshd does that for a terminal only; whatever else ran would go on
// until it writes.
//
// Those that come while a hang-up is on its way share the next one: at the end of a client with a hundred tunnels,
// there are a hundred of them.
func (b *bridge) hangUp(p process) {
	if !p.known() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doomed = append(b.doomed, p)
	if len(b.doomed) > 1 {
		return
	}
	b.helpers.Go(func() {
		b.hangUps.Lock()
		defer b.hangUps.Unlock()
		b.mu.Lock()
		doomed := b.doomed
		b.doomed = nil
		b.mu.Unlock()
		b.kill("HUP", doomed)
	})
}

// kill runs outside of the contexts of the commands: those have ended.
func (b *bridge) kill(name string, processes []process) {
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	s := newScript(signalCommand(name, processes), nil).withoutLogin()
	b.run(ctx, s, streams{strings.NewReader(""), io.Discard, io.Discard})
}

// killTimeout is how long this process stays for a signal to reach the instance.
const killTimeout = 10 * time.Second
