//go:build unix

package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clever-ssh/internal/test"
)

// instanceShell is an instance without ssh: a script of sh that stands in for ssh -T, with a home of its own.
func instanceShell(t *testing.T, script string) (o Options, home string) {
	t.Helper()
	test.Slow(t)
	home = t.TempDir()
	file := filepath.Join(home, ".inner")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nexport HOME="+home+"\ncd\nunset SHELL\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	o = testOptions([]string{file})
	ssh := o.Inner
	o.Inner = func(to string, tty bool) *exec.Cmd {
		// Not the file itself: if other tests start programs at this moment, those may still have it open for
		// writing.
		cmd := ssh(to, tty)
		cmd.Path, cmd.Args = "/bin/sh", append([]string{"sh"}, cmd.Args...)
		return cmd
	}
	o.StartTimeout = test.Patience
	return o, home
}

// runCommand runs a command without a client.
func runCommand(t *testing.T, o Options, command, stdin string) (result, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), test.Patience)
	defer cancel()
	var stdout, stderr strings.Builder
	status, err := Run(ctx, o, command, strings.NewReader(stdin), &stdout, &stderr)
	return result{stdout.String(), stderr.String(), status}, err
}

// The line works in every shell that may read it, and the command in every shell that may run it.
func TestShells(t *testing.T) {
	t.Parallel()
	const command = "printf '<%s>' 'a'\\''b' \"$((6*7))\" '\\101\n!%s' `echo x` \"\xc3\xa9\xff\"; cat; echo err >&2; exit 9"
	want := result{"<a'b><42><\\101\n!%s><x><\xc3\xa9\xff>data\nand 'more'\x00\n", "err\n", 9}
	for _, shell := range []string{"bash", "bash --posix", "bash -l", "bash -x", "bash -eu", "dash", "dash -x", "busybox sh", "zsh", "ksh", "tcsh -f", "sh -eux"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			name, _, _ := strings.Cut(shell, " ")
			test.Need(t, name)
			o, _ := instanceShell(t, "exec "+shell+"\n")
			got, err := runCommand(t, o, command, "data\nand 'more'\x00\n")
			if got != want || err != nil {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// A command finds its shell as if sshd had started it, with "shell -c command": errors name the same lines, and
// $_ and the variables hold nothing of the bridge's.
func TestCommandAsWithoutBridge(t *testing.T) {
	t.Parallel()
	const command = `echo "${_##*/} $0 $# $- ${REPLY-unset} $(set | grep -c printf)"
no-such-command
cd /nonexistent; echo "$LINENO"
cat
trap 'echo "end $?"' EXIT
if ( ;; fi`
	for _, shell := range []string{"bash", "sh", "busybox"} {
		for _, login := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,login=%t", shell, login), func(t *testing.T) {
				t.Parallel()
				start, program := shellAlone(t, shell, "cat", "grep")
				plain := start(program, "-c", command, filepath.Base(program)) // BusyBox gives no lines to a shell without a name
				plain.Stdin = strings.NewReader("data")
				want := run(t, plain)

				b := newBridge(Options{StartTimeout: test.Patience, Inner: func(string, bool) *exec.Cmd { return start("/bin/sh") }})
				s := newScript(command, nil)
				if !login {
					s = s.withoutLogin()
				}
				var stdout, stderr strings.Builder
				status, err := runScript(t, b, s, streams{strings.NewReader("data"), &stdout, &stderr})
				if got := (result{stdout.String(), stderr.String(), status}); got != want || err != nil {
					t.Errorf("%+v, %v\nwant %+v", got, err, want)
				}
			})
		}
	}
}

// runScript runs a script's command to its end.
func runScript(t *testing.T, b *bridge, s *script, with streams) (status int, err error) {
	t.Helper()
	j, err := b.starter.begin(t.Context(), s)
	if err != nil {
		return StatusFailed, err
	}
	e, err := j.carry(t.Context(), with)
	return e.status, err
}

// shellAlone starts programs where only one shell exists: bash in PATH, the machine's own sh, BusyBox, or
// another one as /bin/sh. program is the shell's path.
func shellAlone(t *testing.T, shell string, tools ...string) (start func(args ...string) *exec.Cmd, program string) {
	t.Helper()
	test.Slow(t)
	bin, root, program := t.TempDir(), "", "/bin/sh"
	env := []string{"PATH=" + bin, "HOME=" + t.TempDir()}
	switch shell {
	case "sh":
	case "bash":
		tools, program = append(tools, "bash"), filepath.Join(bin, "bash")
	default:
		root, env = test.BusyboxRoot(t), []string{"PATH=/bin", "HOME=/root"}
		if shell != "busybox" {
			if err := os.Remove(filepath.Join(root, "bin", "sh")); err != nil {
				t.Fatal(err)
			}
			test.CopyProgram(t, root, shell, "bin/sh")
		}
	}
	linkTools(t, bin, tools...)
	return func(args ...string) *exec.Cmd {
		return &exec.Cmd{Path: args[0], Args: append([]string{filepath.Base(args[0])}, args[1:]...), Dir: "/",
			Env: env, SysProcAttr: &syscall.SysProcAttr{Chroot: root}}
	}, program
}

// A command or a value that looks like an option must not become one for printf or for a shell. A shell would
// then run its stdin, or nothing, and call that a success.
func TestCommandLikeOption(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "sh", "busybox", "dash", "ksh", "zsh"} {
		for _, login := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s,login=%t", shell, login), func(t *testing.T) {
				t.Parallel()
				start, program := shellAlone(t, shell)
				b := newBridge(Options{StartTimeout: test.Patience, Inner: func(string, bool) *exec.Cmd { return start("/bin/sh") }})
				through := func(command string, environment ...string) result {
					s := newScript(command, environment)
					if !login {
						s = s.withoutLogin()
					}
					var stdout, stderr strings.Builder
					status, err := runScript(t, b, s, streams{strings.NewReader("echo stdin is run\n"), &stdout, &stderr})
					if err != nil {
						t.Errorf("%q: %v", command, err)
					}
					return result{stdout.String(), stderr.String(), status}
				}
				for _, command := range []string{"-x", "-e", "-s", "--", "-c id", "- x", "--version", "+x", "-x\n"} {
					want := run(t, start(program, "-c", " "+command, filepath.Base(program))) // BusyBox gives no lines to a shell without a name
					if got := through(command); got != want || got.status != 127 || !strings.Contains(got.stderr, "not found") {
						t.Errorf("%q: %+v\nwant %+v", command, got, want)
					}
				}
				for _, value := range []string{"-x", "--", "-", "-v LC_Y -n"} {
					if got, want := through(`echo "<$LC_X>"`, "LC_X="+value), (result{"<" + value + ">\n", "", 0}); got != want {
						t.Errorf("%q: %+v", value, got)
					}
				}
			})
		}
	}
}

// linkTools puts these programs into a folder for PATH.
func linkTools(t *testing.T, bin string, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		test.Need(t, tool)
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if tool == "python3" {
			path = "/usr/bin/python3" // and not a script that needs other programs
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
}

// linkBusybox puts BusyBox's programs with these names into a folder for PATH.
func linkBusybox(t *testing.T, bin string, tools ...string) {
	t.Helper()
	test.Need(t, "busybox")
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools {
		if err := os.Symlink(busybox, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
}

// Login files may do what they like.
func TestLoginFiles(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, files string
		warnings    int
	}{
		{"none", "", 0},
		{"prints", "echo hello; echo hello >&2; printf 'no line end'", 0},
		{"reads stdin", "cat; read x; echo $x", 0},
		{"set -e", "set -e", 0},
		{"set -e, and fails", "set -e; false", 1},
		{"set -eux", "set -eux", 0},
		{"traces", "PS4='+ $BASHPID '; set -x; trap 'echo trap' EXIT DEBUG", 0},
		{"execs a shell", "exec dash", 1},
		{"execs a shell that prints", "echo hello; exec zsh -f -c 'cat; echo hello; exit 5'", 1},
		{"execs what waits for input", "exec cat", 1},
		{"exits", "exit 0", 1},
		{"closes descriptors", "exec 3<&- 4<&- 5<&- 6<&- 7<&-", 1},
		{"changes PATH", "PATH=/nowhere; unset HOME", 0},
		{"has a function of every name", "echo() { :; }; cat() { :; }; exit() { :; }; printf() { :; }", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o, home := instanceShell(t, "unset SHLVL; export SSH_CLIENT=x; exec bash\n") // as sshd starts it
			if err := os.WriteFile(filepath.Join(home, ".bash_profile"), []byte("export FROM_PROFILE=yes\n. ~/.bashrc\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{".bashrc": row.files + "\n", ".bash_logout": "echo goodbye\n"} {
				if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			warnings := 0
			o.Warn = func(err error) { warnings++ }
			got, err := runCommand(t, o, "/bin/cat; echo $FROM_PROFILE >&2; exit 4", "data")
			want := result{"data", "yes\n", 4}
			if row.warnings > 0 {
				want.stderr = "\n"
			}
			if got != want || err != nil || warnings != row.warnings {
				t.Errorf("%+v, %v, %d warnings", got, err, warnings)
			}
		})
	}
}

func TestBusyboxOnly(t *testing.T) {
	t.Parallel()
	root := test.BusyboxRoot(t)
	o := Options{Inner: func(string, bool) *exec.Cmd {
		cmd := exec.Command("/bin/sh")
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		cmd.Env, cmd.Dir = []string{"PATH=/bin", "HOME=/root"}, "/"
		return cmd
	}}
	for _, profile := range []string{"export X=1; echo hello", "set -e; false", "exec cat", "if"} {
		if err := os.WriteFile(filepath.Join(root, "root", ".profile"), []byte(profile), 0o600); err != nil {
			t.Fatal(err)
		}
		warnings := 0
		o.Warn = func(error) { warnings++ }
		got, err := runCommand(t, o, "cat; echo \"$0 $X é\" >&2; exit 5", "a\x00b")
		want, wantWarnings := result{"a\x00b", "sh 1 é\n", 5}, 0
		if !strings.HasPrefix(profile, "export") {
			want.stderr, wantWarnings = "sh  é\n", 1
		}
		if got != want || err != nil || warnings != wantWarnings {
			t.Errorf("%s: %+v, %v, %d warnings", profile, got, err, warnings)
		}
	}
}

// If there is no sftp-server, the hint names what the instance has instead.
func TestNoSFTPServer(t *testing.T) {
	t.Parallel()
	root := test.BusyboxRoot(t)
	o := Options{StartTimeout: test.Patience, Inner: func(string, bool) *exec.Cmd {
		return &exec.Cmd{Path: "/bin/sh", Args: []string{"sh"}, Dir: "/", Env: []string{"PATH=/bin", "HOME=/root"}, SysProcAttr: &syscall.SysProcAttr{Chroot: root}}
	}}
	for _, row := range []struct {
		programs []string
		hint     string
	}{
		{nil, "use ssh ALIAS 'cat >FILE' <FILE"},
		{[]string{"scp"}, "use scp -O"},
		{[]string{"rsync"}, "use rsync"},
		{[]string{"scp", "rsync"}, "use scp -O or rsync"},
	} {
		for _, p := range row.programs {
			if err := os.Symlink("busybox", filepath.Join(root, "bin", p)); err != nil {
				t.Fatal(err)
			}
		}
		want := result{"", "clever-ssh: there is no sftp-server on the instance\nhint: " + row.hint + "\n", 127}
		if got, err := runCommand(t, o, sftpCommand, ""); got != want || err != nil {
			t.Errorf("with %v: %+v, %v", row.programs, got, err)
		}
		for _, p := range row.programs {
			os.Remove(filepath.Join(root, "bin", p))
		}
	}
}

// A shell that reads its input to the end before it runs anything cannot run the command.
func TestShellThatWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	test.Need(t, "fish")
	o, _ := instanceShell(t, "echo welcome; exec fish --no-config\n")
	var err error
	withoutHurry(o, func(o Options) bool {
		_, err = runCommand(t, o, "true", "")
		return isSilent(true, "welcome")(err)
	})
	if err.(*SilentError).Noise != "welcome" {
		t.Errorf("%+v", err)
	}
}

func TestCommandLimits(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	for _, row := range []struct{ command, want string }{
		{"echo a\x00b", "NUL"},
		{"# " + strings.Repeat("x", maxArgument), "too long"},
		{"# " + strings.Repeat("é", maxArgument/8), "too long"},
	} {
		if _, err := runCommand(t, o, row.command, ""); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v", err)
		}
	}
	long := strings.Repeat("x", 100<<10)
	if got, err := runCommand(t, o, "echo "+long, ""); err != nil || got.stdout != long+"\n" {
		t.Errorf("%d bytes of %d, %v", len(got.stdout), len(long), err)
	}
}

// If nobody reads a command's output any more, its stream is closed. Run does not wait for a client that stays.
func TestRunEnds(t *testing.T) {
	t.Parallel()
	o, _ := instanceShell(t, "exec bash\n")
	reader, writer := io.Pipe()
	reader.Close()
	endless, stop := io.Pipe()
	defer stop.Close()
	ctx, cancel := context.WithTimeout(context.Background(), test.Patience)
	defer cancel()
	status, err := Run(ctx, o, "cat /dev/zero", endless, writer, io.Discard)
	if err != nil || ctx.Err() != nil || status == 0 {
		t.Errorf("%d, %v", status, err)
	}
}

func TestRunCancelled(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "setsid bash; exit $?\n") // as sshd does, and out of reach of whatever ends this shell
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reader, writer := io.Pipe()
	go func() {
		reader.Read(make([]byte, 1))
		cancel()
	}()
	// It gets the terminal's signal and not its pipes' signal: it ignores those.
	_, err := Run(ctx, o, "trap '' PIPE TERM; trap 'echo hup > hup; exit' HUP; while :; do echo x; sleep 0.01; done", strings.NewReader(""), writer, io.Discard)
	if err != context.Canceled {
		t.Errorf("%v", err)
	}
	test.Eventually(t, "the command is hung up on", func() bool {
		text, _ := os.ReadFile(filepath.Join(home, "hup"))
		return string(text) == "hup\n"
	})
}

// A command that is given up before it begins does not run later.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	o, home := instanceShell(t, "setsid sh -c 'bash 2>/dev/null; touch ended'; exit $?\n") // its stderr never comes
	o.StartTimeout = 300 * time.Millisecond
	_, err := runCommand(t, o, "touch ran", "go\ntouch ran\n")
	if silent := new(SilentError); !errors.As(err, &silent) {
		t.Errorf("%v", err)
	}
	test.Eventually(t, "the shell has ended", func() bool {
		_, err := os.Stat(filepath.Join(home, "ended"))
		return err == nil
	})
	if _, err := os.Stat(filepath.Join(home, "ran")); err == nil {
		t.Error("the command ran")
	}
}
