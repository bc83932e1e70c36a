package bridge

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// script is what is written to the gateway's shell to have one command run.
//
// That shell may be any: the line that it reads is an exec of /bin/sh with one argument in single quotes, which is free
// of everything that sh, bash, zsh, csh and fish do not agree on. It is one line of printable ASCII whatever the
// command holds, because more lines may be taken for answers to a question, and then for commands.
//
// Whose login files say what is not the command's affair. They are read first, with an empty stdin, so that they
// cannot take the client's data, nor can a shell that they exec. The shell that is to run the command reads its
// stdin no further than its script, which is an argument: that is when it prints the marker.
type script struct {
	command     string   // the client's text, for bash or sh
	environment []string // NAME=value; names are shell names
	withLogin   bool     // read the login files
	quiet       bool     // stdout and stderr are one terminal

	greeted func(able bool) error // if set, is called when the hello marker has come; able: with the number 1
	begun   func(process)         // if set, is called when the command has begun

	hello  marker // /bin/sh is at work
	stdout marker // the command begins
	stderr marker
}

// marker is a random text of 128 bits. The script has it in two halves that stand apart, so that neither an echo of
// the script nor a trace of its execution (set -x) holds it.
type marker struct{ first, second string }

func newMarker() marker {
	var random [16]byte
	rand.Read(random[:])
	text := hex.EncodeToString(random[:])
	return marker{text[:len(text)/2], text[len(text)/2:]}
}

func (m marker) String() string { return m.first + m.second }

// print is the shell command that prints the marker, and a number with it.
func (m marker) print(number string) string {
	return fmt.Sprintf(`printf %%s%%s:%%s\; %s %s %s`, m.first, m.second, number)
}

func newScript(command string, environment []string) *script {
	return &script{
		command: command, environment: environment, withLogin: true,
		hello: newMarker(), stdout: newMarker(), stderr: newMarker(),
	}
}

// again is a script for the same command with markers of its own.
func (s *script) again() *script {
	again := newScript(s.command, s.environment)
	again.withLogin, again.quiet = s.withLogin, s.quiet
	return again
}

// withoutLogin is a script for the same command that reads no login files.
func (s *script) withoutLogin() *script {
	again := s.again()
	again.withLogin = false
	return again
}

// maxArgument is the longest argument that Linux passes to a program (MAX_ARG_STRLEN). It is a limit of every ssh
// command's, but here the command is passed in a longer form on the way.
const maxArgument = 128<<10 - 1

// check tells whether the command can be passed on at all.
func (s *script) check() error {
	if strings.ContainsRune(s.command, 0) {
		return fmt.Errorf("the command holds a NUL byte, which no shell can be given")
	}
	if n := len(s.line()); n > maxArgument {
		return fmt.Errorf("the command is too long: %d bytes in the form in which it is sent, of at most %d", n, maxArgument)
	}
	return nil
}

// line is the script for a shell that reads commands from its stdin.
func (s *script) line() string {
	return "exec /bin/sh -c '" + s.hello.print("0") + ";" + s.body() + "'\n"
}

// The terminal's line discipline holds a line of 4095 bytes at most until its end, and shows it. So the first line for a
// shell on a terminal is a short one, which takes the rest as it comes, unseen. The hello marker comes with a 1 if it
// can; it cannot where there is no stty.

// terminalLine is the first line for a shell that reads commands from a terminal. A space in front keeps it out of
// many a history.
func (s *script) terminalLine() string {
	return ` exec /bin/sh -c 's=$(stty -g);stty -icanon -echo min 1 time 0;` + s.hello.print("${s:+1}") +
		`;IFS= read -r c;stty "$s";eval "$c"'` + "\n"
}

// terminalBody follows it when the hello marker has come.
func (s *script) terminalBody() string { return s.body() + "\n" }

// maxTerminalLine is how long a line on a terminal may be where there is no stty.
const maxTerminalLine = 4095

// body makes /bin/sh read the login files and run the command. It has no single quote and no backslash that does not
// stand before a quote, a dollar sign or a digit.
func (s *script) body() string {
	var b strings.Builder
	for _, variable := range s.environment {
		name, value, _ := strings.Cut(variable, "=")
		// The full stop keeps line feeds at the end, which $() would remove.
		fmt.Fprintf(&b, `%s=$(printf "%s.");%s=${%s%%.};export %s;`, name, printfFormat(value), name, name, name)
	}
	fmt.Fprintf(&b, `b=$(printf "%s");c=$(printf "%s.");c=${c%%.};`, printfFormat(s.begin()), printfFormat(s.command))
	b.WriteString(`if s=$(command -v bash);then `)
	// bash without --norc would read .bashrc again, because ssh has started it. Its login shell is not the one that
	// runs the command because it would run .bash_logout after it.
	if s.withLogin {
		b.WriteString(`exec "$s" -lc "exec \"\$1\" --norc -c \"\$0\" bash \"\$2\"" "$b" "$s" "$c" 7<&0 </dev/null;`)
	} else {
		b.WriteString(`unset BASH_ENV;exec "$s" --norc -c "$b" bash "$c" 7<&0 </dev/null;`)
	}
	b.WriteString(`else `)
	// Not every sh knows -l. A file that is read may set $1.
	if s.withLogin {
		b.WriteString(`exec /bin/sh -c "clever_ssh=\$1;[ -r /etc/profile ] && . /etc/profile;[ -r \"\$HOME/.profile\" ] && . \"\$HOME/.profile\";` +
			`exec /bin/sh -c \"\$0\" sh \"\$clever_ssh\"" "$b" "$c" 7<&0 </dev/null;`)
	} else {
		b.WriteString(`exec /bin/sh -c "$b" sh "$c" 7<&0 </dev/null;`)
	}
	b.WriteString(`fi`)
	return b.String()
}

// begin is what a shell runs that becomes the command's, $1: it gives the client's stdin back, prints the markers, with its
// process id, which the command will have, or the shell that runs it, and the time when it started, and waits for the
// go-ahead: a command that was given up here does not run later. A terminal may show the go-ahead, so there the second marker
// comes after it. The command's shell is another, which finds nothing of this one, and counts its lines from 1.
func (s *script) begin() string {
	markers := s.stdout.print("$$") + "; " + s.stderr.print("${21:-0}") + " >&2; " + readGoAhead
	if s.quiet {
		markers = s.stdout.print("$$") + "; " + readGoAhead + "; " + s.stderr.print("${21:-0}")
	}
	return `exec <&7 7<&- || exit 1; read -r REPLY 2>/dev/null </proc/$$/stat && set -- "$1" ${REPLY##*)}; ` + markers +
		`; unset REPLY; case $0 in bash) exec "$BASH" --norc -c "$1" bash;; *) exec /bin/sh -c "$1" sh;; esac`
}

const (
	goAhead     = "go\n"
	readGoAhead = `read -r REPLY && [ "$REPLY" = go ] || exit 1`
)

// printfFormat writes text as a format of printf(1) that stands in double quotes within single quotes.
func printfFormat(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(" /._-=:,@+;", c) >= 0:
			b.WriteByte(c)
		case c == '%':
			b.WriteString("%%")
		default:
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return b.String()
}

// A command of a session that has none is a shell. It reads its stdin, as the session's login shell would.
const shellCommand = `exec "${BASH:-/bin/sh}"`

// sftpCommand runs the server of the SFTP subsystem, which is in no PATH and no two distributions have in one place.
const sftpCommand = `for s in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server ` +
	`/usr/libexec/sftp-server /usr/lib/sftp-server /usr/lib64/ssh/sftp-server /usr/lib64/misc/sftp-server /usr/*/libexec/sftp-server ` +
	`/usr/local/libexec/sftp-server /usr/local/lib/sftp-server /run/current-system/sw/libexec/sftp-server "$(command -v sftp-server)" ` +
	`"$(command -v gesftpserver)"; do if [ -x "$s" ]; then exec "$s"; fi; done; ` +
	`echo "clever-ssh: there is no sftp-server on the instance" >&2; i=; ` +
	`for s in "scp -O" rsync; do if command -v ${s% *} >/dev/null; then i="${i:+$i or }$s"; fi; done; ` +
	`echo "hint: use ${i:-ssh ALIAS 'cat >FILE' <FILE}" >&2; exit 127`
