package login

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"clever-ssh/bridge"
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/pattern"

	"golang.org/x/term"
)

// Options returns what the bridge needs to run sessions to the target of an alias.
func (i *Inner) Options(a config.Alias) bridge.Options {
	return bridge.Options{
		Inner: i.session,
		Ended: func(cmd *exec.Cmd) bridge.End {
			end, _ := i.Ended(cmd)
			return end
		},
		Target:      string(a.Target),
		Application: a.Target != "" && !a.Target.IsInstance(),
		Instance:    bridge.Selector(a.Instance),
		Ask:         a.Gateway.Ask,
		Memory:      i.memory(),
		Message:     func(err error) string { return sessionMessage(err, a) },
		Reason:      func(err error) string { return sessionReason(err, a) },
		Patience:    i.connectTimeout,
	}
}

// connectTimeout returns the ConnectTimeout from ssh's command line or configuration; 0 if there is none.
func (i *Inner) connectTimeout(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, openssh.Patience)
	defer cancel()
	options, _ := i.Command(ctx, "-G").Output()
	var seconds int
	if m := connectTimeout().FindSubmatch(options); m != nil {
		seconds, _ = strconv.Atoi(string(m[1]))
	}
	return time.Duration(seconds) * time.Second
}

var connectTimeout = pattern.New(`(?m)^connecttimeout ([0-9]{1,7})$`)

// session returns an ssh that opens a session for the bridge. Its log tells how the session ends, but not on a
// terminal: at that log level ssh would also say goodbye to the terminal's user.
func (i *Inner) session(target string, tty bool) *exec.Cmd {
	flag, level := "-T", "DEBUG2"
	if tty {
		flag, level = "-tt", "ERROR"
	}
	cmd := i.Command(context.Background(), flag, "-o", "RemoteCommand="+cmp.Or(target, "none"), "-o", "ControlMaster=no", "-o", "LogLevel="+level)
	if i.aside {
		leaveTerminal(cmd)
	}
	i.Listen(cmd, i.showLog, ui.ShowSteps)
	if config.Target(target).IsInstance() {
		ui.Step("%s opens a session on the instance %s", i.Program, target)
	}
	return cmd
}

// LeaveTerminal leaves the terminal to a program of the user's: its Ctrl-C does not reach the sessions that
// begin from now on. Sessions that log in by themselves stay on the terminal, as they may have to ask for
// something.
func (i *Inner) LeaveTerminal() { i.aside = i.Master != "" || sharesNothing }

// sessionMessage words an error of the bridge for a person: first the gateway's messages, then what they mean.
func sessionMessage(err error, a config.Alias) string {
	var b strings.Builder
	if noise := bridge.NoiseOf(err); noise != "" {
		b.WriteString(ui.FromGateway(noise))
	}
	ui.Error(&b, ui.HintSession(err, a))
	return b.String()
}

// sessionReason words an error of the bridge for ssh, which shows it after its own words on the same line.
func sessionReason(err error, a config.Alias) string {
	var b strings.Builder
	ui.Error(&b, ui.HintSession(err, a))
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), ui.Prefix), "\n")
}

// SayChosen returns a function that tells a person which instance an alias stands for and which others there
// are. It returns nil if w is not a terminal.
func SayChosen(w io.Writer, a config.Alias) func(bridge.Instance, []bridge.Instance) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(chosen bridge.Instance, between []bridge.Instance) {
		fmt.Fprintf(f, "%s%s\r\n", ui.Prefix, chosenLine(a.Plain(), chosen, between))
	}
}

// SayWaiting returns functions that tell a person why nothing happens: the gateway is slow, or the instance is missing. They are nil if
// w is not a terminal. The terminal may be raw by then, so the line ends with a carriage return.
func SayWaiting(w io.Writer, a config.Alias) (waiting, missing func()) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	say := func(what string) func() {
		return func() { fmt.Fprintf(f, "%swaiting for %s\r\n", ui.Prefix, what) }
	}
	instance := "an instance"
	if a.Instance != "" && a.Instance != config.AllInstances {
		instance = a.Instance.InWords()
	}
	return say("the gateway to open a session on the instance"), say(instance + " of " + a.Base)
}
