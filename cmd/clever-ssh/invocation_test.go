//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/internal/test"
	"clever-ssh/internal/test/gateway"
)

// realPath returns a program's real path, with all links resolved.
func realPath(t *testing.T, name string) string {
	t.Helper()
	test.Need(t, name)
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	must(t, err)
	return path
}

// copyOf returns a copy of a program under another name.
func copyOf(t *testing.T, program, name string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	must(t, err)
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, text, 0o755))
	return path
}

// output returns everything that a command prints. It ends a command that does not end because the gateway
// shows it a menu.
func output(cmd *exec.Cmd) []byte {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		return []byte(err.Error())
	}
	ended := time.AfterFunc(test.Patience, func() { cmd.Process.Kill() })
	defer ended.Stop()
	cmd.Wait()
	return out.Bytes()
}

// script returns a script that may be started, or be somebody's $SHELL.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	must(t, os.WriteFile(path, []byte(text), 0o755))
	return path
}

// onlySessionsFor makes sure that the gateway was asked only for a target, and not even for its menu.
func onlySessionsFor(t *testing.T, g *gateway.Gateway, target string) {
	t.Helper()
	for _, s := range g.Events().Sessions {
		if s.Target != target {
			t.Errorf("the gateway was asked for %q", s.Target)
		}
	}
}

// whateverCalls are ways to start ssh, and shells that run what it starts.
func whateverCalls(t *testing.T) map[string]struct{ ssh, shell string } {
	ssh := os.Getenv(realSSH)
	busybox := filepath.Join(t.TempDir(), "sh")
	must(t, os.Symlink(realPath(t, "busybox"), busybox))
	return map[string]struct{ ssh, shell string }{
		"another name":                    {ssh: copyOf(t, ssh, "hpnssh")},
		"another name and a shell script": {ssh: copyOf(t, ssh, "ssh-10.5"), shell: script(t, "#!/bin/sh\n/bin/sh \"$@\"\n")},
		"shell script":                    {shell: script(t, "#!/bin/sh\n/bin/sh \"$@\"\n")},
		"shell script around another":     {shell: script(t, "#!/bin/sh\n"+script(t, "#!/bin/sh\nnice /bin/bash \"$@\"\nexit $?\n")+" \"$@\"\nexit $?\n")},
		"shell script with eval":          {shell: script(t, "#!/bin/sh\n(eval \"$2\"; exit $?)\nexit $?\n")},
		"shell in Python":                 {shell: script(t, "#!/usr/bin/python3\nimport subprocess, sys\nsys.exit(subprocess.call(['/bin/sh'] + sys.argv[1:]))\n")},
		"BusyBox as the shell":            {shell: busybox},
		"script with setarch and nice":    {ssh: script(t, "#!/bin/sh\nsetarch -R nice "+ssh+" \"$@\"\nexit $?\n")},
		"script with setsid and timeout":  {ssh: script(t, "#!/bin/sh\nsetsid -w timeout 100 "+ssh+" \"$@\"\nexit $?\n")},
	}
}

// Whatever the ssh is called, and whatever shell runs its commands, it reaches what it was asked for.
func TestWhateverCalls(t *testing.T) {
	test.Long(t)
	t.Parallel()
	for title, c := range whateverCalls(t) {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			h := testHome(t)
			g := startGateway(t, h)
			h.setup(t, g, "web="+appWeb)
			ssh := func(args ...string) *exec.Cmd {
				program := c.ssh
				if program == "" {
					program = os.Getenv(realSSH)
				}
				cmd := h.command(program, append([]string{"-F", h.path("config")}, args...)...)
				if c.shell != "" {
					cmd.Env = append(cmd.Env, "SHELL="+c.shell)
				}
				return cmd
			}
			for _, alias := range []string{"web.clever", appWeb + ".clever"} {
				expectOutput(t, ssh(alias, "echo $((40+2)); exit 5"), 5, `^42\n$`)
				cmd := ssh("-v", alias)
				cmd.Stdin = strings.NewReader("tty; exit 6\n")
				out := output(cmd)
				if text := string(out); cmd.ProcessState.ExitCode() != 6 || !strings.Contains(text, "/dev/pts/") || strings.Contains(text, "bridge_known_hosts") {
					t.Errorf("ssh %s: %v\n%s", alias, cmd.ProcessState, out)
				}
			}
			expectOutput(t, ssh("clever", "ls"), 255, `clever is the gateway's menu, which runs no commands`)
			onlySessionsFor(t, g, appWeb)
		})
	}
}

// A caller that cannot be understood is refused, with the reason and with a way that works: it gets neither the
// menu nor another target, and no interactive session goes through the bridge.
func TestCallerThatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	// Started with ssh as its argument, like an emulator.
	loader := ""
	for _, pattern := range []string{"/lib*/ld-linux*.so.*", "/lib/ld-musl-*.so.*"} {
		if found, _ := filepath.Glob(pattern); loader == "" && len(found) > 0 {
			loader = found[0]
		}
	}
	if loader == "" {
		test.Missing(t, "a dynamic loader that starts a program")
	}
	for _, args := range [][]string{{"web.clever"}, {"web.clever", "ls"}, {appWeb + ".clever"}, {appWeb + ".clever", "ls"}, {"clever"}, {"clever", "ls"}, {"-T", "web.clever"}} {
		cmd := h.command(loader, append([]string{os.Getenv(realSSH), "-F", h.path("config")}, args...)...)
		cmd.Stdin = strings.NewReader("exit\n")
		out := output(cmd)
		if n := strings.Count(string(out), "cannot tell which alias is meant: "); cmd.ProcessState.ExitCode() != 255 || n == 0 || !strings.Contains(string(out), "\nhint: ") {
			t.Errorf("%v: %v\n%s", args, cmd.ProcessState, out)
		}
	}
	if sessions := g.Events().Sessions; len(sessions) > 0 {
		t.Errorf("the gateway has seen %+v", sessions)
	}
	// A run alias is recognised by its entry.
	expectOutput(t, h.command(loader, os.Getenv(realSSH), "-F", h.path("config"), "web.run.clever", "exit 5"), 5, "")
}

// Entries of earlier versions, which do not say that ssh calls, work as before.
func TestEntriesOfBefore(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	edit(t, h.path("clever/config"), " proxy --ssh clever$", " proxy clever")
	expectOutput(t, h.command("ssh", "web.clever", "exit 5"), 5, "")
	cmd := h.command("ssh", appWeb+".clever")
	cmd.Stdin = strings.NewReader("exit 6\n")
	expectOutput(t, cmd, 6, "")
	onlySessionsFor(t, g, appWeb)
	runs(t, h.command("clever-ssh", "setup"))
	text, err := os.ReadFile(h.path("clever/config"))
	if err != nil || !strings.Contains(string(text), " proxy --ssh clever\n") {
		t.Errorf("setup does not renew the entries: %v\n%s", err, text)
	}
}

// An ssh that is not on PATH is also the one that logs in.
func TestNoPath(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	cmd := h.command(realPath(t, os.Getenv(realSSH)), "-F", h.path("config"), "web.clever", "exit 5")
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool { return strings.HasPrefix(v, "PATH=") || strings.HasPrefix(v, "SHELL=") })
	cmd.Env = append(cmd.Env, "PATH="+t.TempDir())
	expectOutput(t, cmd, 5, "")
}

// Anything unreadable in clever-ssh.toml is named, once, even if ssh would end before it connects.
func TestBrokenSettings(t *testing.T) {
	t.Parallel()
	h := testHome(t)
	g := startGateway(t, h)
	h.setup(t, g, "web="+appWeb)
	file := filepath.Join(h.dir, ".config/clever-cloud/clever-ssh.toml")
	must(t, os.WriteFile(file, []byte("[[gateway\n"), 0o600))
	for _, args := range [][]string{
		{"web.clever", "pwd"}, {"web.clever"}, {appWeb + ".clever", "pwd"}, {appWeb + ".clever"}, {"-N", "-L", "1:a:1", "web.clever"}, {"-s", "web.clever", "sftp"},
		{"-J", "jump.invalid", "web.clever", "pwd"}, {"web.run.clever", "pwd"}, {"clever"}, {"clever", "pwd"},
	} {
		cmd := h.command("ssh", args...)
		cmd.Stdin = strings.NewReader("exit\n")
		out := output(cmd)
		text := string(out)
		if n := strings.Count("\n"+text, "\nclever-ssh: "+file); cmd.ProcessState.ExitCode() != 255 || n != 1 || strings.Contains(text, "Cannot execute") || strings.Count(text, "hint: ") != 1 {
			t.Errorf("ssh %v: %v\n%s", args, cmd.ProcessState, out)
		}
	}
	if events := g.Events(); events.Connections > 0 {
		t.Errorf("the gateway has seen %d connections", events.Connections)
	}
	// A person who only asks what ssh would do reads nothing of it.
	if out, err := h.command("ssh", "-G", "web.clever").CombinedOutput(); err != nil || strings.Contains(string(out), "clever-ssh: ") {
		t.Errorf("ssh -G: %v\n%s", err, out)
	}
}
