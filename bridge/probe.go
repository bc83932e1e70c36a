package bridge

import (
	"context"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A gateway that leads to an application's only instance lists nothing. Which one that is, the shell there knows. It may lie, so its
// word is shown, and leads nowhere.

// probeCommand prints an instance's id and number, if the shell's environment has them. The hello marker comes next.
const probeCommand = `printf "\n%s,%s,%s," "$INSTANCE_ID" "$INSTANCE_NUMBER" "$INSTANCE_TYPE";`

var probed = regexp.MustCompile(`(?i)\n([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?,([^,\n]*),([^,\n]*),\z`)

// readProbe reads what probeCommand has printed at the end of a text. Without a number the instance is the first.
func readProbe(text string) Instance {
	i := Instance{Alone: true, State: stateUp, Text: stateUp}
	if m := probed.FindStringSubmatch(text); m != nil {
		i.ID = strings.ToLower(m[1])
		n, err := strconv.Atoi(m[2])
		if i.Number = n; m[2] != "" && err != nil || n < 0 {
			i.Number = NoNumber
		}
		i.Build = m[3] == "build"
	}
	return i
}

// verify makes sure that an instance is one of the application's, if it knows. A list may be made up by an instance that the gateway
// has led to, so that what is meant for one application gets to another.
func (s *starter) verify(ctx context.Context, target string) error {
	_, err := s.probe(ctx, target)
	return err
}

// probe asks the shell that a target leads to which instance it is on.
func (s *starter) probe(ctx context.Context, target string) (found Instance, err error) {
	probe := newScript("", nil)
	probe.probes = true
	_, err = s.tryAt(ctx, probe, target, func(ctx context.Context, probe *script, target string) (job, error) {
		probe.belongsTo = s.applicationOf(target)
		i, err := startOnPipes(s.options, target, false)
		if err != nil {
			return nil, err
		}
		defer i.end()
		go io.WriteString(i.stdin, probe.line())
		b := newBeginning(s.options, i, probe)
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

// list asks the gateway which instances the application has. If it has one, the gateway asks nobody to choose.
func (s *starter) list(ctx context.Context) ([]Instance, error) {
	found, err := s.probe(ctx, s.options.Target)
	if question, ok := err.(*QuestionError); ok && len(question.Instances) > 0 && !question.Ended {
		return question.Instances, nil
	}
	if err != nil {
		return nil, err
	}
	return []Instance{found}, nil
}
