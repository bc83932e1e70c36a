package survey

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// mostSessions is how many sessions at once the survey tries. sshd gives a connection ten.
const mostSessions = 12

// connectionProbes returns the probes of what a connection carries. The first one tells later groups whether their
// probes can run in parallel.
func connectionProbes() group {
	return group{title: "The connection", unless: (*survey).noShell, members: []probe{
		{name: "sessions at once", expects: "2 or more", depends: "commands share a login: one session for the line, and another for what cannot use the line; otherwise each logs in by itself",
			within: 20 * time.Second, see: seeSessions},
		{name: "same instance", expects: "each time", depends: "a command's signals and a copy's second half go to where the first went", see: seeSameInstance},
		{name: "round trips", see: seeRoundTrips},
	}}
}

// seeSessions opens as many sessions as the connection allows, each with a shell.
func seeSessions(ctx context.Context, s *survey) seen {
	var mu sync.Mutex
	var all sync.WaitGroup
	var shells []*shell
	why := ""
	for range mostSessions {
		all.Go(func() {
			sh, err := s.conn.begin(ctx, s.slot, "read -r x", "")
			if errors.As(err, new(*refusedSession)) { // an earlier one may not have ended yet
				time.Sleep(lastWords / 2)
				sh, err = s.conn.begin(ctx, s.slot, "read -r x", "")
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				shells = append(shells, sh)
			} else if why == "" {
				why = inWords(asWorded(err))
			}
		})
	}
	all.Wait()
	for _, sh := range shells {
		all.Go(sh.leave)
	}
	all.Wait()
	s.conn.sessions = len(shells)
	if why == "" {
		return judge(true, "%d of %d", len(shells), mostSessions)
	}
	return judge(len(shells) >= 2, "%d of %d; then: %s", len(shells), mostSessions, why)
}

// place is a script that prints what distinguishes one instance from another.
const place = `echo "$INSTANCE_ID $(cat /proc/sys/kernel/random/boot_id 2>/dev/null) $(uname -n)"`

// seeSameInstance goes to the same target several times.
func seeSameInstance(ctx context.Context, s *survey) seen {
	const times = 3
	places := map[string]bool{}
	for range times {
		out, err := s.conn.runScript(ctx, s.slot, place)
		if err != nil {
			return unable(err)
		}
		places[strings.TrimSpace(out)] = true
	}
	if places[""] {
		return skip("the instance does not say which it is")
	}
	return judge(len(places) == 1, "%d sessions on %d", times, len(places))
}

// seeRoundTrips measures how long the gateway and the instance take to answer.
func seeRoundTrips(ctx context.Context, s *survey) seen {
	sh, err := s.conn.begin(ctx, s.slot, "exec cat", "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	var gateway, instance time.Duration
	for i := range 5 {
		begun := time.Now()
		if _, err := sh.request(ctx, "keepalive@openssh.com", nil); err != nil {
			return unable(err)
		}
		gateway = shorter(gateway, time.Since(begun))
		begun = time.Now()
		sh.send("x", false)
		if _, _, err := sh.awaitOutput(ctx, func(out, _ string) bool { return len(out) > i }); err != nil || sh.hasEnded() {
			return judge(false, "the instance does not answer")
		}
		instance = shorter(instance, time.Since(begun))
	}
	return learn("gateway %s, instance %s", tenths(gateway), tenths(instance))
}

// shorter returns the shorter of two durations. The first one may not be known yet.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

func tenths(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

// idleProbes returns the last probe, during which the connection must be silent.
func idleProbes(idle time.Duration) group {
	return group{title: "Silence", unless: (*survey).noShell, members: []probe{
		{name: "idle for " + idle.String(), expects: "the session stays open", depends: "an interactive session sends something at least every 30 s, and so does the line; anything with a shorter timeout ends them",
			within: idle + patience, see: func(ctx context.Context, s *survey) seen { return s.seeIdle(ctx, idle) }},
	}}
}

// seeIdle sends nothing for a while, and then something.
func (s *survey) seeIdle(ctx context.Context, idle time.Duration) seen {
	sh, err := s.conn.begin(ctx, s.slot, "exec cat", "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	begun := time.Now()
	select {
	case <-sh.ended:
		return judge(false, "the session ended after %v", time.Since(begun).Round(time.Second))
	case <-s.conn.gone:
		return judge(false, "the connection ended after %v", time.Since(begun).Round(time.Second))
	case <-ctx.Done():
		return judge(false, "%s", inWords(context.Cause(ctx)))
	case <-time.After(idle):
	}
	sh.send("x", false)
	short, cancel := context.WithTimeout(ctx, 3*quiet)
	defer cancel()
	out, _, err := sh.awaitOutput(short, func(out, _ string) bool { return out != "" })
	return judge(err == nil && out == "x", "%s", yesNo(out == "x", "the session stays open", "no answer after it"))
}
