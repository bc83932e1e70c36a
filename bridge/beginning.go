package bridge

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// beginning is an ssh whose shell was sent a script and is about to begin the command.
type beginning struct {
	options Options
	inner   *inner
	script  *script
	answer  func(able bool) error // called when /bin/sh is running; able: the marker's number is 1
	long    func()                // called when a person starts to wonder why nothing happens

	noise     noise
	connected chan struct{} // stdout has had data
	heard     chan struct{} // a stream has had data, perhaps a question
	greeted   chan error    // what answer returned
	goneAhead atomic.Bool   // the go-ahead is on its way, so the command may run
	stdout    *scanner
	stderr    *scanner // nil if the two are one terminal
}

// askingSilence is how long a stream stays silent after a question that we do not recognise.
const askingSilence = 2 * time.Second

// waitingLong is the time after which a person starts to wonder why nothing happens.
const waitingLong = 5 * time.Second

// lastWords is how long to wait for the streams of an ssh that has ended.
const lastWords = 250 * time.Millisecond

func newBeginning(o Options, i *inner, s *script) *beginning {
	b := &beginning{
		options: o, inner: i, script: s, noise: noise{script: s},
		answer: func(bool) error { return nil }, long: func() {},
		connected: make(chan struct{}, 1), heard: make(chan struct{}, 1), greeted: make(chan error, 1),
	}
	probe := wayProbe
	if s.onTerminal {
		probe = ""
	}
	b.stdout = &scanner{in: i.stdout, want: []marker{s.hello, s.stdout}, probe: probe, noise: b.hear(false), next: b.markerCame, found: make(chan struct{})}
	switch {
	case s.probes:
		b.stdout.want = b.stdout.want[:1]
	case s.oneStream():
		b.stdout.want = append(b.stdout.want, s.stderr)
	}
	if i.stderr != nil {
		b.stderr = &scanner{in: i.stderr, want: []marker{s.stderr}, probe: errorProbe, noise: b.hear(true), found: make(chan struct{})}
	}
	return b
}

// hear returns a function that keeps what a stream carries before a marker.
func (b *beginning) hear(stderr bool) func([]byte) {
	signal := func(c chan struct{}) {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return func(data []byte) {
		b.noise.add(stderr, data)
		if !stderr {
			signal(b.connected)
		}
		signal(b.heard)
	}
}

// markerCame handles each marker on stdout except the last.
func (b *beginning) markerCame(number uint64) {
	switch {
	case len(b.stdout.numbers) == 1:
		if err := b.wrong(number); err != nil {
			b.greeted <- err
		} else {
			b.greeted <- b.answer(number == 1)
		}
	case b.wrong(b.stdout.numbers[0]) == nil:
		b.goneAhead.Store(true)
		go io.WriteString(b.inner.stdin, b.script.goAhead+"\n") // the last marker comes after it
	}
}

// wrong returns the fault that the hello marker's number tells of.
func (b *beginning) wrong(number uint64) error {
	for number >= 10 {
		number /= 10 // the rest is about the terminal
	}
	switch number {
	case 0, 1:
		return nil
	case onHiddenTerminal:
		return &WayError{HiddenTerminal}
	case changedOnTheWay:
		return &WayError{ChangingInput}
	case restricted:
		return &WayError{Restricted}
	}
	return &ForeignError{b.inner.target}
}

func (b *beginning) scanners() []*scanner {
	if b.stderr == nil {
		return []*scanner{b.stdout}
	}
	return []*scanner{b.stdout, b.stderr}
}

// wait waits for the markers, and returns the command that has begun.
func (b *beginning) wait(ctx context.Context) (*running, error) {
	if err := b.await(ctx, b.scanners()); err != nil {
		return nil, err
	}
	if b.options.Noise != nil {
		b.options.Noise(b.noise.String())
	}
	return b.running(), nil
}

// await reads both streams, and waits until the given scanners have found their markers.
func (b *beginning) await(ctx context.Context, scanners []*scanner) error {
	for _, s := range b.scanners() {
		go s.run()
	}
	// ssh itself writes nothing to stdout, so the first byte there is the gateway's. From then on, nobody has
	// to enter a passphrase or touch a key.
	limit, connected, atWork := b.options.ConnectTimeout, false, false
	timer := time.NewTimer(limit)
	defer timer.Stop()
	silent := time.NewTimer(askingSilence)
	defer silent.Stop()
	long := time.AfterFunc(waitingLong, b.long)
	defer long.Stop()
	// When a stream ends, so does the process, and its end tells why.
	var found, exited <-chan struct{} = scanners[0].found, nil
	for at := 0; at < len(scanners); {
		select {
		case <-found:
			if err := b.faultOf(scanners[at]); err != nil {
				return b.unlessGone(err)
			}
			if scanners[at].ended {
				found, exited = nil, b.inner.exited
			} else if at++; at < len(scanners) {
				found = scanners[at].found
			}
		case <-exited:
			return b.ended(atWork)
		case <-b.heard:
			if err := b.asked(atWork, false); err != nil {
				return err
			}
			silent.Reset(askingSilence)
		case <-silent.C:
			if err := b.asked(atWork, true); err != nil {
				return err
			}
		case <-b.connected:
			if !connected {
				limit, connected = b.options.StartTimeout, true
				timer.Reset(limit)
			}
		case err := <-b.greeted:
			if err != nil {
				return err
			}
			atWork = true
			long.Stop()
		case <-timer.C:
			longer := limit
			if connected && b.options.Patience != nil {
				longer = b.options.Patience(ctx)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if longer <= limit {
				return b.unlessGone(&SilentError{After: limit, Connected: connected, Noise: b.noise.String()})
			}
			timer.Reset(longer - limit)
			limit = longer
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// asked returns the gateway's question, or the fault that an echo shows, unless /bin/sh runs already (atWork). silent
// tells whether nothing has come for a while.
func (b *beginning) asked(atWork, silent bool) error {
	if atWork {
		return nil
	}
	if question := b.noise.question(silent); question != nil {
		return question
	}
	if silent && b.noise.echoed() {
		return &WayError{Echoing}
	}
	return nil
}

// faultOf returns the fault in the way to the instance that a finished scanner has found.
func (b *beginning) faultOf(s *scanner) error {
	if s == b.stdout && len(s.numbers) > 0 {
		if err := b.wrong(s.numbers[0]); err != nil {
			return err
		}
	}
	switch {
	case s.changed:
		return &WayError{ChangingOutput}
	case s == b.stdout && b.stderr != nil && !s.ended && b.noise.merged():
		return &WayError{Merging}
	}
	return nil
}

// unlessGone is why a command did not begin, or ErrLost if it may have begun.
func (b *beginning) unlessGone(err error) error {
	if b.goneAhead.Load() {
		return ErrLost
	}
	return err
}

// running is the command after its markers have come.
func (b *beginning) running() *running {
	r := &running{inner: b.inner, stdout: b.stdout.rest()}
	numbers := b.stdout.numbers // of the hello marker, then the other two
	if b.stderr != nil {
		r.stdout = &opening{in: r.stdout, echo: b.script.echo(), refusal: b.script.refusal()}
		r.stderr = b.stderr.rest()
		numbers = append(numbers, b.stderr.numbers...)
	}
	r.process = process{target: b.inner.target, id: numbers[1], start: numbers[2]}
	return r
}

// ended reads the last words of an ssh that has ended, and returns why the command did not begin. atWork tells
// whether /bin/sh was running.
func (b *beginning) ended(atWork bool) error {
	// The last words are in the pipes, which end there, unless something that ssh left running holds them open.
	cut := time.AfterFunc(lastWords, b.inner.close)
	for _, s := range b.scanners() {
		<-s.found
	}
	cut.Stop()
	b.inner.close()
	select {
	case err := <-b.greeted:
		if err != nil {
			return err
		}
		atWork = true
	default:
	}
	if b.goneAhead.Load() {
		return ErrLost
	}
	if !atWork {
		if question := b.noise.question(true); question != nil {
			return question
		}
	}
	if atWork && b.script.withLogin && !b.inner.lost() {
		return errLoginFiles
	}
	if refusal := b.noise.refusal(); refusal != nil {
		return refusal
	}
	if list := b.noise.list(); len(list) > 0 && !atWork { // no question came: what it wanted is unknown
		return &QuestionError{Instances: list, Ended: true}
	}
	known := b.inner.known
	network := !atWork && known.Err == nil && b.noise.networkFault()
	return &ClosedError{How: "ssh: " + b.inner.cmd.ProcessState.String(), Noise: b.noise.String(), End: known, network: network}
}
