package bridge

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// runOnAll runs a script's command on every instance that is UP, at once, and waits until it has ended
// everywhere. Each line of output begins with its instance's number. All commands get the same stdin, at the
// pace of the slowest. The status is the worst one. The error is a *PartError if the status is not 0, or one of
// begin's. runOnAll calls began for each command that has begun.
func (s *starter) runOnAll(ctx context.Context, script *script, with streams, began func(job)) (exit, error) {
	if err := script.check(); err != nil {
		return exit{status: StatusFailed}, err
	}
	instances, err := s.chooser.chooseAll(ctx)
	if err != nil {
		return exit{status: StatusFailed}, err
	}
	var stdout, stderr, result sync.Mutex
	var all sync.WaitGroup
	var stdins []*io.PipeWriter
	part := &PartError{Of: len(instances)}
	for at, label := range labels(instances) {
		in, stdin := io.Pipe()
		stdins = append(stdins, stdin)
		all.Go(func() {
			defer in.Close()
			out := &lineWriter{to: with.stdout, turn: &stdout, label: label}
			errs := &lineWriter{to: with.stderr, turn: &stderr, label: label}
			end, err := runJob(ctx, streams{in, out, errs}, began, func() (job, error) {
				return s.beginAt(ctx, script.again(), s.chooser.targetOf(instances[at]))
			})
			if err == nil || err != ctx.Err() { // otherwise somebody may still write there
				out.end()
				errs.end()
			}
			if end.status != 0 {
				result.Lock()
				defer result.Unlock()
				part.Failed = append(part.Failed, Failure{label, end.status, err, end})
			}
		})
	}
	go copyToAll(stdins, with.stdin)
	all.Wait()
	if ctx.Err() != nil {
		return exit{status: StatusFailed}, ctx.Err()
	}
	if len(part.Failed) == 0 {
		return exit{}, nil
	}
	part.sort()
	return part.worst(), part
}

// labels returns short names for the instances: the number, and the beginning of the id if two have the same
// number.
func labels(list []Instance) []string {
	with := map[int]int{}
	for _, i := range list {
		with[i.Number]++
	}
	var all []string
	for _, i := range list {
		label := "?"
		if i.Number != NoNumber {
			label = strconv.Itoa(i.Number)
		}
		if with[i.Number] > 1 {
			label = fmt.Sprintf("%s/%.8s", label, i.ID)
		}
		all = append(all, label)
	}
	return all
}

// copyToAll copies to every pipe that still has a reader.
func copyToAll(to []*io.PipeWriter, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			for _, w := range to {
				w.Write(buf[:n])
			}
		}
		if err != nil {
			for _, w := range to {
				w.Close()
			}
			return
		}
	}
}

// maxLine is how long a line may be before it is cut.
const maxLine = 64 << 10

// lineWriter writes whole lines, with a label before each.
type lineWriter struct {
	to    io.Writer
	turn  *sync.Mutex // others write there too
	label string
	begun []byte // an unfinished line
}

func (w *lineWriter) Write(data []byte) (int, error) {
	n := len(data)
	var whole bytes.Buffer
	for len(data) > 0 {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		if room := maxLine - len(w.begun); len(line) > room {
			line, rest, ended = line[:room], data[room:], true
		}
		w.begun, data = append(w.begun, line...), rest
		if ended {
			w.finish(&whole)
		}
	}
	return n, w.flush(whole.Bytes())
}

// end writes the unfinished line, if there is one.
func (w *lineWriter) end() {
	var last bytes.Buffer
	if len(w.begun) > 0 {
		w.finish(&last)
	}
	w.flush(last.Bytes())
}

func (w *lineWriter) finish(to *bytes.Buffer) {
	fmt.Fprintf(to, "%s: %s\n", w.label, w.begun)
	w.begun = w.begun[:0]
}

func (w *lineWriter) flush(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	w.turn.Lock()
	defer w.turn.Unlock()
	_, err := w.to.Write(lines)
	return err
}
