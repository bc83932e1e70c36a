package bridge

import (
	"context"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A gateway that leads to an application's only instance lists nothing. Which one that is, the shell there knows.

// probeCommand prints an instance's id and number, if the shell's environment has them. The hello marker comes next.
const probeCommand = `printf "\n%s,%s," "$INSTANCE_ID" "$INSTANCE_NUMBER";`

var probed = regexp.MustCompile(`(?i)\n([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?,([0-9]{0,6}),\z`)

// readProbe reads what probeCommand has printed at the end of a text. Without a number the instance is the first.
func readProbe(text string) Instance {
	i := Instance{State: stateUp, Text: stateUp}
	if m := probed.FindStringSubmatch(text); m != nil {
		i.ID = strings.ToLower(m[1])
		i.Number, _ = strconv.Atoi(m[2])
	}
	return i
}

// list asks the gateway which instances the application has. If it has one, the gateway asks nobody to choose.
func (s *starter) list(ctx context.Context) (list []Instance, err error) {
	probe := newScript("", nil)
	probe.probes = true
	_, err = s.tryAt(ctx, probe, s.options.Target, func(ctx context.Context, probe *script, target string) (*running, error) {
		i, err := startOnPipes(s.options, target)
		if err != nil {
			return nil, err
		}
		defer i.end()
		go io.WriteString(i.stdin, probe.line())
		b := newBeginning(s.options, i, probe)
		if err = b.await(ctx, []*scanner{b.stdout}); err == nil {
			list = []Instance{readProbe(b.noise.stdoutText())}
		}
		return nil, err
	})
	if question, ok := err.(*QuestionError); ok && len(question.Instances) > 0 && !question.Ended {
		return question.Instances, nil
	}
	return list, err
}
