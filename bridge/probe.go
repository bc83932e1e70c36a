package bridge

import (
	"context"
	"io"
	"strconv"
	"strings"

	"clever-ssh/internal/pattern"
)

// A gateway lists nothing for an application's only instance. The shell there knows which one that is. It may
// lie, so we show its answer but never follow it.

var probed = pattern.New(`(?i)\n([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?,([^,\n]*),([^,\n]*),\z`)

// readProbe reads the output of probeCommand at the end of a text. An instance without a number is the first.
func readProbe(text string) Instance {
	i := Instance{Alone: true, State: stateUp, Text: stateUp}
	if m := probed().FindStringSubmatch(text); m != nil {
		i.ID = strings.ToLower(m[1])
		n, err := strconv.Atoi(m[2])
		if i.Number = n; m[2] != "" && err != nil || n < 0 {
			i.Number = NoNumber
		}
		i.Build = m[3] == "build"
	}
	return i
}

// verify makes sure that an instance belongs to the application, if the instance knows. An instance that the
// gateway led to could make up a list, and so send commands for one application to another.
func (o *opener) verify(ctx context.Context, target string) error {
	_, err := o.probe(ctx, target)
	return err
}

// probe asks the target's shell which instance it is on.
func (o *opener) probe(ctx context.Context, target string) (found Instance, err error) {
	probe := newScript("", nil)
	probe.probes = true
	_, err = o.tryAt(ctx, probe, target, func(ctx context.Context, probe *script, target string) (job, error) {
		probe.belongsTo = o.applicationOf(target)
		i, err := startOnPipes(o.options, target, false)
		if err != nil {
			return nil, err
		}
		defer i.end()
		go io.WriteString(i.stdin, probe.line())
		b := newBeginning(o.options, i, probe)
		if err = b.await(ctx, []*scanner{b.stdout}); err != nil {
			return nil, err
		}
		if err := b.wrong(b.stdout.numbers[0]); err != nil {
			return nil, err
		}
		found = readProbe(b.noise.stdoutText())
		return nil, nil
	})
	return found, err
}

// list asks the gateway for the application's instances. If there is only one, the gateway does not ask anybody
// to choose.
func (o *opener) list(ctx context.Context) ([]Instance, error) {
	found, err := o.probe(ctx, o.options.Target)
	if question, ok := err.(*QuestionError); ok && len(question.Instances) > 0 && !question.Ended {
		return question.Instances, nil
	}
	if err != nil {
		return nil, err
	}
	return []Instance{found}, nil
}
