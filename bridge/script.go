package bridge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// script is the text that makes the gateway's shell run one command.
//
// That shell may be any: the line that it reads is an exec of /bin/sh with one argument in single quotes, which
// holds nothing that sh, bash, zsh, csh and fish disagree about. It is one line of printable ASCII whatever the
// command holds, because further lines might be taken for answers to a question, and then for commands.
//
// Whatever login files print is not part of the command's output. They are read first, with an empty stdin, so
// that neither they nor a shell that they exec can take the client's data. The shell that is to run the command
// has its script as an argument, so it has read none of the client's data from its stdin when it prints the
// marker.
type script struct {
	command     string   // the client's text, for bash or sh
	environment []string // NAME=value; names are shell names
	withLogin   bool     // read the login files
	onTerminal  bool     // stdout and stderr are one terminal, which a person has asked for
	raw         bool     // they are a terminal that is a plain pipe once the shell has made it one
	probes      bool     // it runs no command: it says which instance it is on
	agent       string   // the name of the agent's listener on the instance; empty if there is none
	unwatched   bool     // the shell runs it even if an outpost appears in the meantime
	belongsTo   string   // the application that the instance must belong to; empty if any will do

	hello   marker // /bin/sh is running
	stdout  marker // the command begins
	stderr  marker
	refused marker // something other than the go-ahead has come
	goAhead string
}

func newScript(command string, environment []string) *script {
	return &script{
		command: command, environment: environment, withLogin: true,
		hello: newMarker(), stdout: newMarker(), stderr: newMarker(), refused: newMarker(), goAhead: newGoAhead(),
	}
}

// again returns a script for the same command, with new markers.
func (s *script) again() *script {
	again := newScript(s.command, s.environment)
	if s.onTerminal {
		again = again.inTerminal()
	}
	if s.raw {
		again = again.onRawTerminal()
	}
	again.withLogin, again.probes, again.unwatched = s.withLogin, s.probes, s.unwatched
	again.agent, again.belongsTo = s.agent, s.belongsTo
	return again
}

// withoutLogin returns a script for the same command that reads no login files.
func (s *script) withoutLogin() *script {
	again := s.again()
	again.withLogin = false
	return again
}

// inTerminal returns the script for its command in a terminal that a person asked for.
func (s *script) inTerminal() *script {
	t := *s
	t.onTerminal, t.goAhead = true, "go"
	return &t
}

// onRawTerminal returns the script for its command on a terminal that becomes a plain pipe. Its go-ahead, which is
// at the beginning of a line, shows whether an ssh on the way takes a ~ there for its escape character (ssh(1),
// ESCAPE CHARACTERS).
func (s *script) onRawTerminal() *script {
	t := *s
	if !t.raw {
		t.raw, t.goAhead = true, "~~"+t.goAhead
	}
	return &t
}

// oneStream reports whether all output, the instance's and ssh's, comes on stdout.
func (s *script) oneStream() bool { return s.onTerminal || s.raw }

// maxArgument is the longest argument that Linux passes to a program (MAX_ARG_STRLEN). It limits the command of
// any ssh, but this package sends the command in a longer form.
const maxArgument = 128<<10 - 1

// check returns an error if the command cannot be sent at all.
func (s *script) check() error {
	if strings.ContainsRune(s.command, 0) {
		return errors.New("the command contains a NUL byte")
	}
	if n := len(s.line()); n > maxArgument {
		return fmt.Errorf("the command is too long: it takes %d bytes to send, and at most %d fit", n, maxArgument)
	}
	return nil
}

// line returns the script for a shell that reads commands from its stdin. Its last word is $0. If a carriage
// return was added to the line, it lands there and does no harm.
func (s *script) line() string {
	tried := fmt.Sprintf(`w=0;[ -t 0 ]&&w=%d;[ "$0" = sh ]||w=%d;`, onHiddenTerminal, changedOnTheWay)
	then := ";[ $w = 0 ]||exit 1;" + s.body()
	if s.probes {
		tried += probeCommand
		then = ""
	}
	return "exec /bin/sh -c '" + tried + s.compare() + s.hello.print("$w", s.probe()) + then + "' sh;" + s.notTaken(s.probe()) + "\n"
}

// probeCommand prints an instance's id and number, if the shell's environment has them. The hello marker
// follows.
const probeCommand = `printf "\n%s,%s,%s," "$INSTANCE_ID" "$INSTANCE_NUMBER" "$INSTANCE_TYPE";`

// notTaken returns what a shell runs if it neither becomes /bin/sh nor ends.
func (s *script) notTaken(then string) string { return s.hello.print(fmt.Sprint(restricted), then) }

// The first digit of the hello marker's number tells what is wrong.
const (
	elsewhere        = 2 // the instance belongs to another application
	onHiddenTerminal = 3 // the session has a terminal that nobody asked for
	changedOnTheWay  = 4 // the line was changed
	restricted       = 5 // the shell has not become /bin/sh
)

// compare returns shell code that sets w if the instance belongs to another application. Not every shell on an
// instance knows which application it belongs to, and a variable of that name may be the application's own.
func (s *script) compare() string {
	if s.belongsTo == "" {
		return ""
	}
	return fmt.Sprintf(`case $APP_ID in %s);;app_????????-????-????-????-????????????)w=%d;;esac;`, s.belongsTo, elsewhere)
}

// A terminal's line discipline holds back a line until its end, keeps at most 4095 bytes of it, and echoes it.
// So the first line for a shell on a terminal is a short one that takes the rest as it comes, without an echo.
// The hello marker has a 1 if the shell can do that. Without stty it cannot.

// terminalLine returns the first line for a shell that reads commands from a terminal. The leading space keeps
// it out of the history of many shells.
func (s *script) terminalLine() string {
	return ` exec /bin/sh -c 'w=0;` + s.compare() + `s=$(stty -g);stty -icanon -echo min 1 time 0;` + s.hello.print("$w${s:+1}", "") +
		`;IFS= read -r c;stty "$s";eval "$c"';` + s.notTaken("") + "\n"
}

// rawLine returns the first line for a shell on a terminal that becomes a plain pipe. The body follows after
// the hello marker.
func (s *script) rawLine() string {
	return fmt.Sprintf(` exec /bin/sh -c 'w=0;%sstty raw -echo||w=%d;%s;[ $w = 0 ]||exit 1;IFS= read -r c;eval "$c"';%s`+"\n",
		s.compare(), onHiddenTerminal, s.hello.print("$w", s.probe()), s.notTaken(""))
}

// terminalBody returns the text to send after the hello marker.
func (s *script) terminalBody() string { return s.body() + "\n" }

// maxTerminalLine is how long a line on a terminal may be without stty.
const maxTerminalLine = 4095

// body makes /bin/sh read the login files and run the command. It holds no single quote, and each backslash in
// it is followed by a quote, a dollar sign or a digit.
func (s *script) body() string {
	var b strings.Builder
	for _, variable := range s.environment {
		name, value, _ := strings.Cut(variable, "=")
		// The full stop keeps trailing line feeds, which $() would otherwise remove.
		fmt.Fprintf(&b, `%s=$(printf "%s.");%s=${%s%%.};export %s;`, name, printfFormat(value), name, name, name)
	}
	fmt.Fprintf(&b, `b=$(printf "%s");c=$(printf "%s.");c=${c%%.};`, printfFormat(s.begin()), printfFormat(s.command))
	b.WriteString(`if s=$(command -v bash);then `)
	// Without --norc, bash would read .bashrc again, because ssh started it. The login shell does not run the
	// command itself, because it would run .bash_logout afterwards.
	if s.withLogin {
		b.WriteString(`exec "$s" -lc "exec \"\$1\" --norc -c \"\$0\" bash \"\$2\"" "$b" "$s" "$c" 7<&0 </dev/null;`)
	} else {
		b.WriteString(`unset BASH_ENV;exec "$s" --norc -c "$b" bash "$c" 7<&0 </dev/null;`)
	}
	b.WriteString(`else `)
	// Not every sh knows -l. A login file may set $1.
	if s.withLogin {
		b.WriteString(`exec /bin/sh -c "clever_ssh=\$1;[ -r /etc/profile ] && . /etc/profile;[ -r \"\$HOME/.profile\" ] && . \"\$HOME/.profile\";` +
			`exec /bin/sh -c \"\$0\" sh \"\$clever_ssh\"" "$b" "$c" 7<&0 </dev/null;`)
	} else {
		b.WriteString(`exec /bin/sh -c "$b" sh "$c" 7<&0 </dev/null;`)
	}
	b.WriteString(`fi`)
	return b.String()
}

// begin returns the last part of the script, which becomes the command's shell; the command is its $1. It takes
// the client's stdin back. It prints the markers with its process id, which the command or its shell will keep,
// and the time at which it started. Then it waits for the go-ahead, so that a command that was given up here
// does not run later.
//
// The marker on stderr comes first: if both streams are one although they should not be, it is seen before the
// other. On a terminal, the second marker comes after the go-ahead, because a terminal may echo the go-ahead,
// and bash reads more than the line from a terminal. The command's shell is a new one: it finds nothing left of
// this one, and counts its lines from 1. The -- is for a command that begins with a hyphen.
func (s *script) begin() string {
	goAhead := `read -r REPLY || exit 1; [ "$REPLY" = "` + s.goAhead + `" ] || { ` + s.refuse() + `exit 1; }`
	markers := s.stderr.print("${21:-0}", errorProbeFormat) + " >&2; " + s.stdout.print("$$", s.probe()) + "; " + goAhead
	if s.oneStream() {
		markers = s.stdout.print("$$", s.probe()) + "; " + goAhead + "; " + s.stderr.print("${21:-0}", s.probe())
	}
	return `exec <&7 7<&- || exit 1; read -r REPLY 2>/dev/null </proc/$$/stat && set -- "$1" ${REPLY##*\)}; ` + markers +
		`; unset REPLY; case $0 in bash) exec "$BASH" --norc -c -- "$1" bash;; *) exec /bin/sh -c -- "$1" sh;; esac`
}

// newGoAhead returns a line that lets a command run, without its line feed. It is random, so that a command's
// output is not taken for its echo. No shell's read removes a byte of it.
func newGoAhead() string {
	var random [8]byte
	rand.Read(random[:])
	return "\377" + hex.EncodeToString(random[:]) + "\303\251\021\023\t\r"
}

// echo returns the beginning of an echo of the go-ahead, whatever the echo does with control characters.
func (s *script) echo() []byte { return []byte(s.goAhead[:17]) }

// probe returns the format for the bytes after each marker. A terminal that a person asked for would change
// them.
func (s *script) probe() string {
	if s.onTerminal {
		return ""
	}
	return wayProbeFormat
}

// refuse returns the shell's command for the case that something other than the go-ahead has come.
func (s *script) refuse() string {
	return `printf "\377%s%s" ` + s.refused.first + " " + s.refused.second + "; "
}

// refusal returns the output of that command.
func (s *script) refusal() []byte { return []byte("\377" + s.refused.String()) }

// printfFormat writes text as a format of printf(1), for double quotes within single quotes. It never begins
// with a hyphen: many versions of printf take such a format for an option, and print nothing.
func printfFormat(text string) string {
	var b strings.Builder
	for at, c := range []byte(text) {
		switch {
		case at == 0 && c == '-':
			b.WriteString(`\055`)
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

// shellCommand is the command of a session that asks for a shell without a terminal. Like a login shell there,
// it reads commands from stdin.
const shellCommand = `exec "${BASH:-/bin/sh}"`

// SFTPServers are the places of an instance's sftp-server, as a shell reads them. It is in no PATH, and each
// distribution has its own place for it.
const SFTPServers = `/usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server ` +
	`/usr/libexec/sftp-server /usr/lib/sftp-server /usr/lib64/ssh/sftp-server /usr/lib64/misc/sftp-server /usr/*/libexec/sftp-server ` +
	`/usr/local/libexec/sftp-server /usr/local/lib/sftp-server /run/current-system/sw/libexec/sftp-server "$(command -v sftp-server)" ` +
	`"$(command -v gesftpserver)"`

// sftpCommand runs the server of the SFTP subsystem.
const sftpCommand = `for s in ` + SFTPServers + `; do if [ -x "$s" ]; then exec "$s"; fi; done; ` +
	`echo "clever-ssh: there is no sftp-server on the instance" >&2; i=; ` +
	`for s in "scp -O" rsync; do if command -v ${s% *} >/dev/null; then i="${i:+$i or }$s"; fi; done; ` +
	`echo "hint: use ${i:-ssh ALIAS 'cat >FILE' <FILE}" >&2; exit 127`

// noServer is the exit status of sftpCommand if it finds no server.
const noServer = 127
