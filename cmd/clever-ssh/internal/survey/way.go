package survey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// wayProbes returns the probes of how a target leads to a shell. The first one finds the target that all later
// ones use.
func wayProbes() group {
	const noise = "nothing breaks: all that comes before the shell is skipped; questions and refusals are told apart by their words"
	return group{title: "From a target to a shell", unless: (*survey).notLoggedIn, members: []probe{
		{name: "your target", expects: "a shell, or a question", depends: "everything that goes through the bridge", see: seeTarget},
		{name: "noise on stdout", expects: "opening (last login)", depends: noise, see: func(_ context.Context, s *survey) seen { return seeNoise(s.first, false) }},
		{name: "noise on stderr", expects: "no terminal, host added", depends: noise, see: func(_ context.Context, s *survey) seen { return seeNoise(s.first, true) }},
		{name: "instances", expects: "number, state, id of each", depends: "0.web.clever, any.web.clever and the choice of one that is UP", see: seeInstances},
		{name: "an instance's id", expects: "a shell, known noise", depends: "each command goes to an instance by its id, once the gateway has listed several", see: seeInstanceTarget},
	}}
}

// seeTarget opens the first session.
func seeTarget(ctx context.Context, s *survey) seen {
	sh, err := s.conn.begin(ctx, string(s.target), identify, "")
	none, question := new(noShell), new(bridge.QuestionError)
	if errors.As(err, &none) && errors.As(none.said, &question) && len(question.Instances) > 0 {
		s.instances = question.Instances
		first := s.selector.Choose(question.Instances)
		if len(first) == 0 {
			return judge(false, "none of %d instances fits", len(question.Instances)).with(none.out, none.err)
		}
		s.slot, s.instance = first[0].ID, first[0].ID
		got := judge(true, "a question, %d instances", len(question.Instances)).with(none.out, none.err)
		if sh, err = s.conn.begin(ctx, s.slot, identify, ""); err != nil {
			s.slot = ""
			return judge(false, "a question, then no shell").with(none.out, none.err, err.Error())
		}
		defer sh.leave()
		if _, app := sh.identity(ctx); app != string(s.target) && strings.HasPrefix(app, "app_") {
			s.slot = ""
			return judge(false, "a question, and an instance of another application")
		}
		s.first = sh
		return got
	}
	if err != nil {
		return judge(false, "%s", inWords(asWorded(err))).with(err.Error())
	}
	defer sh.leave()
	s.first, s.slot = sh, string(s.target)
	if id, _ := sh.identity(ctx); config.Target(id).IsInstance() && id != s.slot {
		s.instance = id
	}
	return judge(true, "a shell in %s", ui.Milliseconds(sh.took))
}

// identify is a script that prints which instance it is on, as far as the instance knows.
const identify = `echo "$INSTANCE_ID";echo "$APP_ID"`

// identity reads the output of identify. The instance may lie.
func (sh *shell) identity(ctx context.Context) (instance, application string) {
	out, _, err := sh.awaitOutput(ctx, func(out, _ string) bool { return strings.Count(out, "\n") >= 2 })
	lines := strings.Split(strings.ReplaceAll(out, "\r", ""), "\n")
	if err != nil || len(lines) < 2 {
		return "", ""
	}
	return lines[0], lines[1]
}

// seeNoise sorts what came before a shell.
func seeNoise(sh *shell, stderr bool) seen {
	if sh == nil {
		return skip("there was no shell")
	}
	text := sh.noiseOut
	if stderr {
		text = sh.noiseErr
	}
	words, all := sorted(text)
	return judge(all, "%s", words).with(text)
}

// seeInstances reports what is known about the instances that the gateway lists.
func seeInstances(_ context.Context, s *survey) seen {
	if len(s.instances) == 0 {
		return skip("no list: one instance only")
	}
	states, numbered := map[string]int{}, 0
	var order []string
	for _, i := range s.instances {
		state := i.State
		switch {
		case i.Build:
			state = "build VM"
		case !slices.Contains(bridge.States(), state):
			state = "in another state"
		}
		if states[state]++; states[state] == 1 {
			order = append(order, state)
		}
		if i.Number != bridge.NoNumber {
			numbered++
		}
	}
	for at, state := range order {
		order[at] = fmt.Sprintf("%d %s", states[state], state)
	}
	known := states["in another state"] == 0
	return judge(known && numbered > 0, "%s; %d numbered", strings.Join(order, ", "), numbered)
}

// seeInstanceTarget goes to an instance by its id.
func seeInstanceTarget(ctx context.Context, s *survey) seen {
	switch {
	case s.slot == "":
		return skip("there was no shell")
	case s.instance == "" && s.target.IsInstance():
		return skip("your target is one")
	case s.instance == "":
		return skip("no id is known: $INSTANCE_ID is not set")
	}
	sh := s.first
	if s.slot != s.instance {
		var err error
		if sh, err = s.conn.begin(ctx, s.instance, "", ""); err != nil {
			return judge(false, "%s", inWords(asWorded(err))).with(err.Error())
		}
		sh.close()
	}
	out, allOut := sorted(sh.noiseOut)
	errs, allErr := sorted(sh.noiseErr)
	firstOut, _ := sorted(s.first.noiseOut)
	firstErr, _ := sorted(s.first.noiseErr)
	noise := "known noise"
	if out == firstOut && errs == firstErr {
		noise = "the same noise"
	} else if !allOut || !allErr {
		noise = "other noise"
	}
	return judge(noise != "other noise", "a shell in %s, %s", ui.Milliseconds(sh.took), noise).with(sh.noiseOut, sh.noiseErr)
}
