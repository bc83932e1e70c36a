package survey

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/ui"

	"golang.org/x/crypto/ssh"
)

// streamProbes returns the probes of what passes between a client and a shell without a terminal.
func streamProbes() group {
	const clean = "each command, copy and tunnel; clever-ssh notices first, and goes through the outpost in a session with a terminal"
	return group{title: "The streams without a terminal", unless: (*survey).noShell, members: []probe{
		{name: "echo", expects: "none", depends: clean, see: func(_ context.Context, s *survey) seen {
			echoed := holdsEcho(s.first.noiseOut+s.first.noiseErr, s.first.line)
			return judge(!echoed, "%s", yesNo(echoed, "what is sent comes back", "none")).with(s.first.noiseOut, s.first.noiseErr)
		}},
		{name: "stderr", expects: "apart from stdout", depends: clean, see: func(_ context.Context, s *survey) seen {
			return judge(!s.first.merged, "%s", yesNo(s.first.merged, "on stdout", "apart from stdout"))
		}},
		{name: "line ends", expects: "LF stays LF", depends: clean, see: func(_ context.Context, s *survey) seen {
			return judge(!s.first.crlf, "%s", yesNo(s.first.crlf, "LF becomes CR LF", "LF stays LF"))
		}},
		{name: "read-ahead", see: seeReadAhead},
		{name: "1 MB to the instance", expects: "unchanged", depends: clean, within: 30 * time.Second, see: seeUpload},
		{name: "1 MB on stdout", expects: "unchanged", depends: clean, within: 30 * time.Second, see: func(ctx context.Context, s *survey) seen { return seeDownload(ctx, s, 4096, false) }},
		{name: "64 kB on stderr", expects: "unchanged", depends: clean, see: func(ctx context.Context, s *survey) seen { return seeDownload(ctx, s, 256, true) }},
		{name: "control characters", expects: "no special meaning", depends: clean, see: seeControls},
		{name: "lines", expects: "4095, 4096, 100000 bytes", depends: "a command's script is one line of a few thousand bytes, and longer for a long command", see: seeLines},
		{name: "end of input", expects: "reaches the command", depends: "whatever reads its input to the end: tar, cat, an upload", see: seeEOF},
		{name: "exit status", expects: "7 for exit 7", depends: "the status of every command", see: func(ctx context.Context, s *survey) seen { return seeEnd(ctx, s, "exit 7", "status 7") }},
		{name: "death by a signal", expects: "the signal, or 255", depends: "ssh says 255 for both; the bridge takes any other status for the command's own",
			see: func(ctx context.Context, s *survey) seen {
				return seeEnd(ctx, s, "kill -TERM $$", "signal TERM", "status 255")
			}},
		{name: "a signal request", see: seeSignal},
		{name: "client hangs up", see: seeHangUp},
	}}
}

// seeReadAhead sees whether the gateway's shell reads more than the line that it runs.
func seeReadAhead(ctx context.Context, s *survey) seen {
	m := newMark()
	sh, err := s.conn.begin(ctx, s.slot, `read -r x;`+m.echo("$x"), "next\n")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	short, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	out, _, _ := sh.awaitOutput(short, func(out, _ string) bool { return strings.Contains(out, m.String()) })
	if strings.Contains(out, m.String()+"next") {
		return learn("none")
	}
	return learn("the shell keeps what follows its line")
}

// allBytes returns each byte once, followed by all the bytes that mean something to a terminal.
func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

// seeUpload sends every byte many times, and has the instance compute a checksum.
func seeUpload(ctx context.Context, s *survey) seen {
	sh, err := s.conn.begin(ctx, s.slot, "cksum", "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	data := bytes.Repeat(allBytes(), 4096)
	begun := time.Now()
	sh.send(string(data), true)
	if err := sh.awaitEnd(ctx); err != nil {
		return judge(false, "%s", inWords(err))
	}
	out, _ := sh.output()
	fields := strings.Fields(out)
	if len(fields) != 2 {
		return skip("the instance has no cksum")
	}
	sum, size := cksum(data), strconv.Itoa(len(data))
	switch {
	case fields[1] != size:
		n, _ := strconv.ParseUint(fields[1], 10, 32)
		return judge(false, "%d of %s bytes arrive", n, size)
	case fields[0] != strconv.FormatUint(uint64(sum), 10):
		return judge(false, "changed")
	}
	return judge(true, "unchanged, in %s", ui.Milliseconds(time.Since(begun)))
}

// cksum is the sum of POSIX's cksum: a CRC-32 with the length at its end.
func cksum(data []byte) uint32 {
	const polynomial = 0x04C11DB7
	var table [256]uint32
	for i := range table {
		c := uint32(i) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		table[i] = c
	}
	var sum uint32
	add := func(b byte) { sum = sum<<8 ^ table[byte(sum>>24)^b] }
	for _, b := range data {
		add(b)
	}
	for n := len(data); n > 0; n >>= 8 {
		add(byte(n))
	}
	return ^sum
}

// seeDownload makes the instance print every byte many times.
func seeDownload(ctx context.Context, s *survey, times int, stderr bool) seen {
	var format strings.Builder
	for b := range 256 {
		fmt.Fprintf(&format, `\%03o`, b)
	}
	script := fmt.Sprintf(`i=0;while [ $i -lt %d ];do printf "%s";i=$((i+1));done`, times, &format)
	if stderr {
		script = "{ " + script + ";} >&2"
	}
	sh, err := s.conn.begin(ctx, s.slot, script, "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	begun := time.Now()
	if err := sh.awaitEnd(ctx); err != nil {
		return judge(false, "%s", inWords(err))
	}
	got, other := sh.output()
	if stderr {
		got, other = other, got
	}
	want := string(bytes.Repeat(allBytes(), times))
	switch {
	case got == want:
		return judge(true, "unchanged, in %s", ui.Milliseconds(time.Since(begun)))
	case len(got) < len(want) && len(other) >= len(want):
		return judge(false, "on the other stream")
	case len(got) != len(want):
		return judge(false, "%d of %d bytes arrive", len(got), len(want))
	}
	return judge(false, "changed")
}

// seeControls sends bytes that mean something to a terminal or a client, each on its own.
func seeControls(ctx context.Context, s *survey) seen {
	data := "a\x03b\x04c\x11d\x13e\x1af\x1cg\x7fh\ri\n~.\n~?\n"
	sh, err := s.conn.begin(ctx, s.slot, "cat", "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	sh.send(data, false)
	short, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	out, _, _ := sh.awaitOutput(short, func(out, _ string) bool { return len(out) >= len(data) })
	switch {
	case out == data:
		return judge(true, "no special meaning")
	case sh.hasEnded():
		return judge(false, "one ends the session")
	}
	return judge(false, "%d of %d bytes come back as sent", common(out, data), len(data))
}

// common returns the length of the common beginning of two texts.
func common(a, b string) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// seeLines sends long lines.
func seeLines(ctx context.Context, s *survey) seen {
	var whole []string
	for _, length := range []int{4095, 4096, 100000} {
		m := newMark()
		sh, err := s.conn.begin(ctx, s.slot, `read -r x;`+m.echo("${#x}"), "")
		if err != nil {
			return unable(err)
		}
		sh.send(strings.Repeat("x", length-1)+"\n", false)
		out, _, err := sh.awaitOutput(ctx, func(out, _ string) bool { return strings.Contains(out, m.String()) })
		sh.close()
		if err != nil || !strings.Contains(out, fmt.Sprintf("%s%d", m, length-1)) {
			break
		}
		whole = append(whole, strconv.Itoa(length))
	}
	if whole == nil {
		return judge(false, "none arrives whole")
	}
	return judge(len(whole) == 3, "%s arrive whole", strings.Join(whole, ", "))
}

// seeEOF ends the input.
func seeEOF(ctx context.Context, s *survey) seen {
	m := newMark()
	sh, err := s.conn.begin(ctx, s.slot, "cat >/dev/null;"+m.echo(""), "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	sh.send("", true)
	out, _, err := sh.awaitOutput(ctx, func(out, _ string) bool { return strings.Contains(out, m.String()) })
	return judge(err == nil && strings.Contains(out, m.String()), "%s", yesNo(strings.Contains(out, m.String()), "reaches the command", "does not reach it"))
}

// seeEnd sees how a session ends when its shell ends in some way.
func seeEnd(ctx context.Context, s *survey, script string, expected ...string) seen {
	sh, err := s.conn.begin(ctx, s.slot, script, "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	if err := sh.awaitEnd(ctx); err != nil {
		return judge(false, "the session goes on")
	}
	for _, e := range expected {
		if sh.ending() == e {
			return judge(true, "%s", e)
		}
	}
	return judge(false, "%s", sh.ending())
}

// seeSignal asks the gateway to send a signal (RFC 4254, section 6.9). That request gets no answer.
func seeSignal(ctx context.Context, s *survey) seen {
	m := newMark()
	sh, err := s.conn.begin(ctx, s.slot, `trap "echo `+m.first+`\"\"`+m.second+`;exit 0" TERM;i=0;while [ $i -lt 10 ];do sleep 1;i=$((i+1));done`, "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	type signal struct{ Name string }
	if _, err := sh.channel.SendRequest("signal", false, ssh.Marshal(signal{"TERM"})); err != nil {
		return judge(false, "the session ended")
	}
	short, cancel := context.WithTimeout(ctx, 2*quiet)
	defer cancel()
	out, _, _ := sh.awaitOutput(short, func(out, _ string) bool { return strings.Contains(out, m.String()) })
	switch {
	case strings.Contains(out, m.String()):
		return learn("it reaches the command")
	case sh.hasEnded():
		return learn("it ends the session, %s", sh.ending())
	}
	return learn("it is ignored")
}

// seeHangUp sees what happens to a command whose client has gone. The command soon ends by itself.
func seeHangUp(ctx context.Context, s *survey) seen {
	sh, err := s.conn.begin(ctx, s.slot, `echo "$$";exec sleep 6`, "")
	if err != nil {
		return unable(err)
	}
	defer sh.leave()
	out, _, err := sh.awaitOutput(ctx, func(out, _ string) bool { return strings.Contains(out, "\n") })
	line, _, _ := strings.Cut(out, "\n")
	pid, errNumber := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || errNumber != nil || pid < 2 {
		return judge(false, "no answer")
	}
	sh.close()
	out, err = s.conn.runScript(ctx, s.slot, fmt.Sprintf(`sleep 1;if kill -0 %d 2>/dev/null;then echo alive;else echo gone;fi`, pid))
	switch {
	case err != nil:
		return unable(err)
	case strings.Contains(out, "gone"):
		return learn("the command ends")
	}
	return learn("the command lives on")
}
