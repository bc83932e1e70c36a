package bridge

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"time"
)

// begun is a command that has begun.
type begun struct {
	*inner
	process        process
	stdout, stderr io.Reader // the command's own bytes; stderr is nil if the two are one terminal
}

// begin starts an ssh to the gateway and has the instance's shell begin the command. It returns when the command's markers
// have come back on both streams, so that every byte from then on is the command's and every byte to it too. If it
// returns an error, the command does not run. The error is a *QuestionError, *RefusedError,
// *ClosedError, *SilentError or ctx.Err(), or ssh could not be started.
//
// What was not begun for a fault of the network, or of login files, is tried again.
func (b *bridge) begin(ctx context.Context, s *script) (*begun, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	for tries := newAttempts(); ; {
		i, err := b.startInner()
		if err != nil {
			return nil, err
		}
		// Longer than a pipe holds, maybe, and ssh reads it only when it is connected.
		go io.WriteString(i.stdin, s.line())
		running, err := b.await(ctx, i, s)
		if err == nil {
			if err = giveGoAhead(ctx, i); err == nil {
				return running, nil
			}
		}
		i.end()
		if s, err = b.another(ctx, tries, s, err); err != nil {
			return nil, err
		}
	}
}

// giveGoAhead lets the command begin. That it does not read this is seen at its end.
func giveGoAhead(ctx context.Context, i *inner) error {
	given := make(chan struct{})
	go func() {
		io.WriteString(i.stdin, goAhead)
		close(given)
	}()
	select {
	case <-given:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastWords is the patience with the streams of an ssh that has ended.
const lastWords = 250 * time.Millisecond

// waitingLong is after how long a person wonders why nothing happens.
const waitingLong = 5 * time.Second

// sayWaiting tells the person, once, that the instance's shell is awaited. What the gateway says before is noise, which nobody sees.
func (b *bridge) sayWaiting() {
	if b.Waiting != nil {
		b.waiting.Do(b.Waiting)
	}
}

// await waits for the markers.
func (b *bridge) await(ctx context.Context, i *inner, s *script) (*begun, error) {
	said := noise{script: s}
	heard := make(chan struct{}, 1) // the other side has said something, and may have asked
	greeted := make(chan error, 1)
	stdout := &scanner{in: i.stdout, want: []marker{s.hello, s.stdout}, found: make(chan struct{})}
	stdout.noise = func(data []byte) {
		said.add(false, data)
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	stdout.next = func(number uint64) {
		switch {
		case len(stdout.numbers) > 1: // one of two on a terminal
			go io.WriteString(i.stdin, goAhead)
		case s.greeted != nil:
			greeted <- s.greeted(number == 1)
		default:
			greeted <- nil
		}
	}
	scanners := []*scanner{stdout}
	if s.quiet {
		stdout.want = append(stdout.want, s.stderr)
	} else {
		stderr := &scanner{in: i.stderr, want: []marker{s.stderr}, found: make(chan struct{})}
		stderr.noise = func(data []byte) { said.add(true, data) }
		scanners = append(scanners, stderr)
	}
	for _, scan := range scanners {
		go scan.run()
	}
	return b.awaitScanners(ctx, i, s, &said, scanners, heard, greeted)
}

func (b *bridge) awaitScanners(ctx context.Context, i *inner, s *script, said *noise, scanners []*scanner, heard <-chan struct{}, greeted <-chan error) (*begun, error) {
	// ssh itself says nothing on stdout. So the first byte there is the gateway's: from then on no person is waited
	// for, who enters a passphrase or touches a key.
	limit, connected, begins := b.ConnectTimeout, false, false
	timer := time.NewTimer(limit)
	defer timer.Stop()
	long := time.AfterFunc(waitingLong, b.sayWaiting)
	defer long.Stop()
	// The end of one stream is the process's end, which says how it was.
	var found, exited <-chan struct{} = scanners[0].found, nil
	for at := 0; at < len(scanners); {
		select {
		case <-found:
			if scanners[at].ended {
				found, exited = nil, i.exited
			} else if at++; at < len(scanners) {
				found = scanners[at].found
			}
		case <-exited:
			// Its last words are in the pipes, and end there, unless somebody that it has left behind holds them open.
			cut := time.AfterFunc(lastWords, i.close)
			for _, scan := range scanners {
				<-scan.found
			}
			cut.Stop()
			i.close()
			select {
			case err := <-greeted:
				begins = err == nil
			default:
			}
			if s.quiet && len(scanners[0].numbers) > 1 { // it was given the go-ahead
				return nil, ErrLost
			}
			return nil, closed(i, s, said, begins)
		case <-heard:
			if question := said.question(); question != nil {
				return nil, question
			}
			if !connected {
				limit, connected = b.StartTimeout, true
				timer.Reset(limit)
			}
		case err := <-greeted:
			if err != nil {
				return nil, err
			}
			begins = true
			long.Stop()
		case <-timer.C:
			return nil, &SilentError{After: limit, Connected: connected, Noise: said.String()}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	running := &begun{inner: i, stdout: scanners[0].rest()}
	numbers := scanners[0].numbers
	if len(scanners) > 1 {
		running.stderr = scanners[1].rest()
		numbers = append(numbers, scanners[1].numbers...)
	}
	running.process = process{id: numbers[1], start: numbers[2]}
	if b.Noise != nil {
		b.Noise(said.String())
	}
	return running, nil
}

// closed says why an ssh has ended before the command began.
func closed(i *inner, s *script, said *noise, begins bool) error {
	if question := said.question(); question != nil {
		return question
	}
	if begins && s.withLogin && !i.lost() {
		return errLoginFiles
	}
	if refusal := said.refusal(); refusal != nil {
		return refusal
	}
	network := !begins && i.known.Err == nil && said.network()
	return &ClosedError{How: "ssh: " + i.cmd.ProcessState.String(), Noise: said.String(), End: i.known, network: network}
}

// scanner reads a stream up to and including markers, which come in their order.
type scanner struct {
	in    io.Reader
	want  []marker
	noise func([]byte)        // is called after every read, with what came before the last marker
	next  func(number uint64) // is called when a marker has come that is not the last

	found   chan struct{} // closed when the last marker has come, or the stream has ended
	ended   bool          // set then: it has ended
	numbers []uint64      // those that came with the markers
	after   []byte        // what was read behind the last one
}

// run reads until the last marker has come.
func (s *scanner) run() {
	defer close(s.found)
	var unread []byte
	for buf := make([]byte, 16<<10); ; {
		n, err := s.in.Read(buf)
		unread = append(unread, buf[:n]...)
		for len(s.want) > 0 {
			at, end, number := findMarker(unread, s.want[0].String())
			if end == 0 {
				break
			}
			s.noise(unread[:at])
			unread, s.numbers = unread[end:], append(s.numbers, number)
			if s.want = s.want[1:]; len(s.want) > 0 {
				s.next(number)
			}
		}
		if len(s.want) == 0 {
			s.after = unread
			return
		}
		// What may be the beginning of the marker is not noise yet; everything else is, at once: a question has no line end.
		at, _, _ := findMarker(unread, s.want[0].String())
		if err != nil {
			at = len(unread)
		}
		s.noise(unread[:at])
		unread = append([]byte(nil), unread[at:]...)
		if err != nil {
			s.ended = true
			return
		}
	}
}

// rest is the stream behind the marker.
func (s *scanner) rest() io.Reader {
	if len(s.after) == 0 {
		return s.in
	}
	return io.MultiReader(bytes.NewReader(s.after), s.in)
}

// findMarker finds a marker with its number, a colon before and a semicolon after it, and returns where it begins and
// ends. If there is none, end is 0, and at is where one may begin that is not complete yet.
func findMarker(text []byte, marker string) (at, end int, number uint64) {
	const maxDigits = 19
	full := []byte(marker + ":")
	for from := 0; ; {
		at := bytes.Index(text[from:], full)
		if at < 0 {
			break
		}
		at += from
		from = at + len(full)
		digits := text[from:]
		n := 0
		for n < len(digits) && n <= maxDigits && '0' <= digits[n] && digits[n] <= '9' {
			n++
		}
		switch number, err := strconv.ParseUint("0"+string(digits[:n]), 10, 63); {
		case n == len(digits) && n <= maxDigits:
			return at, 0, 0
		case n < len(digits) && digits[n] == ';' && err == nil:
			return at, from + n + 1, number
		}
	}
	for at := max(0, len(text)-len(full)+1); at < len(text); at++ {
		if bytes.HasPrefix(full, text[at:]) {
			return at, 0, 0
		}
	}
	return len(text), 0, 0
}
