package bridge

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"clever-ssh/internal/quote"
	"clever-ssh/outpost/wire"
)

// Programs holds the outposts that this program carries. The keys are processors as uname -m names them.
type Programs map[string]Program

// Program is an outpost for one processor.
type Program struct {
	Hash string // the SHA-256 of the file, in hexadecimal digits: the file's name on the instance
	Gzip []byte // the file, compressed by gzip
}

// OpenOutpost has the shell on the target's instance run the outpost, and sends it there first if it is missing. It
// returns the other ends of the outpost's stdin and stdout, and reports its steps to step. The error is one of Run's,
// an *UnfitError if the instance cannot have an outpost, or says why the outpost does not run there.
func OpenOutpost(ctx context.Context, o Options, target string, programs Programs, step func(format string, a ...any)) (io.ReadWriteCloser, error) {
	b := newBridge(o)
	defer b.starter.chooser.wait(0)
	d := &dispatch{opener: b.starter.opener, target: target, programs: programs, step: step}
	return d.open(ctx)
}

// dispatch brings an outpost to an instance.
type dispatch struct {
	opener   *opener
	target   string
	programs Programs
	step     func(format string, a ...any)
	begin    way // nil until it is known which way works there
}

func (d *dispatch) open(ctx context.Context) (io.ReadWriteCloser, error) {
	d.step("looking for the outpost on the instance")
	line, p, err := d.run(ctx, d.start(""), nil)
	if err != nil {
		return nil, err
	}
	if p != nil {
		return p, nil
	}
	// The script says what it lacks: `send MACHINE yes|no`, and whether there is a gzip.
	word := strings.Fields(line)
	if len(word) != 3 || word[0] != "send" || word[2] != "yes" && word[2] != "no" {
		return nil, d.wrong(line)
	}
	program, ok := d.programs[word[1]]
	if !ok {
		return nil, &UnfitError{fmt.Sprintf("the instance runs %.40s, for which this build has no outpost", quote.Line(word[1]))}
	}
	if err := d.send(ctx, program, word[1], word[2]); err != nil {
		return nil, err
	}
	line, p, err = d.run(ctx, d.start("yes"), nil)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return nil, d.wrong(line)
	}
	return p, nil
}

// send puts the outpost for a machine into the first folder on the instance where it can run. It sends the outpost
// compressed if zipped is "yes", and not if it is "no".
func (d *dispatch) send(ctx context.Context, program Program, machine, zipped string) error {
	whole, err := unpacked(program.Gzip)
	if err != nil {
		return fmt.Errorf("the outpost for %s: %w", machine, err)
	}
	sent := program.Gzip
	if zipped == "no" {
		sent = whole
	}
	var failures []string
	for place := 1; ; {
		d.step("sending the outpost to the instance (%d bytes)", len(sent))
		line, _, err := d.run(ctx, fmt.Sprintf("h=%s size=%d sent=%d z=%s n=%d", program.Hash, len(whole), len(sent), zipped, place)+sendScript, sent)
		if err != nil {
			return err
		}
		verdict, rest, _ := strings.Cut(line, " ")
		if verdict == "done" {
			return nil
		}
		number, reason, _ := strings.Cut(rest, " ")
		if verdict == "failed" && reason == "" {
			return noPlace(failures) // no more places
		}
		// A later place may do.
		at, err := strconv.Atoi(number)
		if verdict != "failed" || err != nil || at < place || at > maxPlaces {
			return d.wrong(line)
		}
		failures = append(failures, quote.Line(reason))
		place = at + 1
	}
}

// maxPlaces is how many folders sendScript knows.
const maxPlaces = 16

// UnfitError says that an instance cannot have an outpost.
type UnfitError struct{ Reason string }

func (e *UnfitError) Error() string { return e.Reason }

func noPlace(failures []string) error {
	if len(failures) == 0 {
		return &UnfitError{"the instance has no private folder to put the outpost in"}
	}
	return &UnfitError{"the outpost cannot run in any folder on the instance: " + strings.Join(failures, "; ")}
}

func (d *dispatch) wrong(line string) error {
	return fmt.Errorf("unexpected answer from the shell on the instance: %.200q", line)
}

func unpacked(program []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(program))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// start returns the script that starts an outpost. fresh is "yes" if the outpost has just been sent.
func (d *dispatch) start(fresh string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "fresh=%s\ncase $(uname -sm) in\n", fresh)
	for machine, program := range d.programs {
		fmt.Fprintf(&b, "\"Linux %s\") m=%s h=%s;;\n", machine, machine, program.Hash)
	}
	b.WriteString("*) echo \"send $(uname -sm | tr \" \" -) no\"; exit;;\nesac")
	return b.String() + startScript
}

// run runs a script on the instance, with input as its stdin. It returns the first line that the script prints,
// or the outpost's stdin and stdout if the script became the outpost.
func (d *dispatch) run(ctx context.Context, text string, input []byte) (line string, outpost *outpostProgram, err error) {
	r, err := d.beginAny(ctx, newScript(text, nil).withoutLogin())
	if err != nil {
		return "", nil, err
	}
	stop := context.AfterFunc(ctx, r.inner.end)
	defer stop()
	patience := d.opener.options.StartTimeout
	slow := time.AfterFunc(patience, r.inner.end)
	defer slow.Stop()
	p := &outpostProgram{running: r, out: bufio.NewReader(r.stdout)}
	if r.stderr != nil {
		go io.Copy(&p.words, r.stderr)
	}
	if input != nil {
		for rest := input; len(rest) > 0; {
			n, err := r.inner.stdin.Write(rest[:min(len(rest), 64<<10)])
			if err != nil {
				break // the answer tells why
			}
			rest = rest[n:]
			slow.Reset(patience)
		}
		if r.stderr != nil {
			r.inner.stdin.Close()
		}
	}
	answer, err := p.out.ReadSlice('\n')
	line = strings.TrimSpace(string(answer))
	if err == nil && string(answer) == wire.Greeting {
		widen(r.inner.stdin, r.inner.stdout.file)
		return "", p, nil
	}
	p.Close()
	switch {
	case ctx.Err() != nil:
		return "", nil, ctx.Err()
	case errors.As(err, new(*WayError)) && r.stderr != nil:
		d.step("trying a session with a terminal: %v", err)
		d.begin = d.opener.beginRawAt
		return d.run(ctx, text, input)
	case line == "":
		return "", nil, fmt.Errorf("the shell on the instance ended: %s", cmp.Or(p.lastWords(), r.inner.cmd.ProcessState.String()))
	}
	return line, nil, nil
}

// way is a way to begin a script in a shell on an instance.
type way func(ctx context.Context, script *script, target string) (*running, error)

// begun is what has come of a way.
type begun struct {
	*running
	err error
}

// try begins a script in one way, in the background.
func (d *dispatch) try(ctx context.Context, first *script, w way) <-chan begun {
	tried, own := make(chan begun, 1), first.again()
	go func() {
		r, err := w(ctx, own, d.target)
		tried <- begun{r, err}
	}()
	return tried
}

// abandon ends what may still begin. Nil is for a way that was not tried, or has failed.
func abandon(tried <-chan begun) {
	if tried == nil {
		return
	}
	go func() {
		if b := <-tried; b.err == nil {
			b.inner.end()
		}
	}()
}

// beginAny begins a script, the first time in two ways if need be: in a session without a terminal, and, if
// that fails or takes a long time, in one with a terminal that becomes a plain pipe.
func (d *dispatch) beginAny(ctx context.Context, first *script) (*running, error) {
	if d.begin != nil {
		return d.begin(ctx, first, d.target)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	plain, terminal := d.try(ctx, first, d.opener.beginInShellAt), (<-chan begun)(nil)
	defer func() {
		abandon(plain)
		abandon(terminal)
	}()
	hurry := time.After(slowShell)
	var noPlain, noTerminal error
	for noPlain == nil || noTerminal == nil {
		select {
		case b := <-plain:
			plain, hurry = nil, nil
			if b.err == nil || !wayAround(b.err) {
				d.begin = d.opener.beginInShellAt
				return b.running, b.err
			}
			if noPlain = b.err; terminal == nil && noTerminal == nil {
				d.step("trying a session with a terminal: %v", noPlain)
				terminal = d.try(ctx, first, d.opener.beginRawAt)
			}
		case <-hurry:
			d.step("trying a session with a terminal, too")
			terminal = d.try(ctx, first, d.opener.beginRawAt)
		case b := <-terminal:
			terminal = nil
			if b.err == nil {
				d.step("the outpost runs in a session with a terminal: one without does not work here")
				d.begin = d.opener.beginRawAt
				return b.running, nil
			}
			noTerminal = b.err
		}
	}
	return nil, noPlain
}

// slowShell is how long a shell without a terminal may take before one with a terminal is tried too.
const slowShell = 8 * time.Second

// outpostProgram is a program on the instance: its stdin and stdout.
type outpostProgram struct {
	running *running
	out     *bufio.Reader
	words   words // the end of its stderr
	end     sync.Once
}

func (p *outpostProgram) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *outpostProgram) Write(b []byte) (int, error) { return p.running.inner.stdin.Write(b) }

// Close closes the program's stdin, and returns when the program has ended.
func (p *outpostProgram) Close() error {
	p.end.Do(func() {
		p.running.inner.stdin.Close()
		select {
		case <-p.running.inner.exited:
		case <-time.After(endGrace):
		}
		p.running.inner.end()
	})
	return nil
}

// lastWords returns the last line that the program wrote to stderr.
func (p *outpostProgram) lastWords() string {
	text := strings.TrimSpace(string(p.words.text()))
	return quote.Line(text[strings.LastIndexByte(text, '\n')+1:])
}

// OutpostFolders are the folders of an instance that may hold the outpost, as a shell reads them.
const OutpostFolders = `"$HOME/.cache" "$TMPDIR" /tmp /var/tmp "$XDG_RUNTIME_DIR" /dev/shm "$HOME"`

// The scripts work in any POSIX shell, with what BusyBox has. The outpost's folder belongs to this account
// alone and is not a link, so nobody else can have put a file there, or changed one. A file with the outpost's
// name runs only if it is the outpost, byte for byte. Without a hash tool, it runs only right after it was
// sent.
const (
	// placesBegin begins a loop over the folders that may hold the outpost. $d is such a folder, and $i is its
	// number. The code up to the loop's end runs where our own folder $p is private and the current one.
	placesBegin = `
u=$(id -u)
mask=$(umask)
umask 077
sum() {
	set -- $(sha256sum <"$1" 2>/dev/null || shasum -a 256 <"$1" 2>/dev/null || openssl dgst -sha256 -r <"$1" 2>/dev/null)
	echo "$1"
}
private() {
	[ ! -h "$1" ] && cd "$1" 2>/dev/null && set -- $(ls -ldn .) || return 1
	case $1 in drwx------*) [ "$3" = "$u" ];; *) false;; esac
}
i=0
for d in ` + OutpostFolders + `; do
	i=$((i + 1))
	case $d in /*) ;; *) continue;; esac
	p=$d/.clever-ssh-$u
`
	// startScript becomes the outpost, or prints what it lacks.
	startScript = placesBegin + `
	private "$p" && [ -f "$h" ] && [ ! -h "$h" ] || continue
	p=$(pwd -P)
	s=$(sum "$h")
	if [ "$s" = "$h" ] || [ "$s$fresh" = yes ]; then
		[ "$("./$h" check </dev/null 2>/dev/null)" = ok ] && umask "$mask" && exec "./$h" "$p"
	fi
done
z=no
command -v gzip >/dev/null 2>&1 && z=yes
echo "send $m $z"
`
	// sendScript writes its stdin into the first place that works, from number n on.
	sendScript = placesBegin + `
	[ $i -ge $n ] && [ -d "$d" ] || continue
	mkdir "$p" 2>/dev/null
	private "$p" || continue
	t=.$h.$$
	{ head -c "$sent" 2>/dev/null || cat; } | if [ $z = yes ]; then gzip -dc; else cat; fi >"$t" 2>/dev/null
	s=$(sum "$t")
	if [ $(($(wc -c <"$t"))) != $size ] || [ "${s:-$h}" != "$h" ]; then
		why="it could not be written completely"
	elif chmod 700 "$t" && [ "$("./$t" check </dev/null 2>/dev/null)" = ok ]; then
		mv -f "$t" "$h" && echo done && exit
		why="it cannot be renamed"
	else
		why="programs cannot run there"
	fi
	rm -f "$t"
	cd / && rmdir "$p" 2>/dev/null
	echo "failed $i $d: $why"
	exit
done
echo "failed $i"
`
)
