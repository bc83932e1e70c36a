package doctor

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/quote"
)

// checkEnvironment looks for variables that this program sets for itself: set permanently, they mislead every
// connection. It also checks $SHELL, with which ssh runs the entries' commands and which must be a shell.
func (e *examination) checkEnvironment(ctx context.Context) {
	ctx, cancel := openssh.WithPatience(ctx, networkPatience)
	defer cancel()
	if shell := os.Getenv("SHELL"); shell != "" && shellCounts {
		if err := exec.CommandContext(ctx, shell, "-c", "exit 0").Run(); err != nil {
			e.fail("environment", "", fmt.Errorf("ssh starts clever-ssh with $SHELL, which is %s and cannot run anything: %w", shell, ui.Cause(err)), "type: export SHELL=/bin/sh")
		}
	}
	for _, name := range []string{openssh.LookOnlyVariable, openssh.KnownHostsVariable, openssh.AsideVariable} {
		if os.Getenv(name) != "" {
			e.fail("environment", "", fmt.Errorf("%s is set, which only clever-ssh should do", name), "remove it from your environment: unset "+name)
		}
	}
}

// checkHome compares the account's home, where ssh looks for its files, with $HOME, below which it looks for a
// relative Include.
func (e *examination) checkHome() {
	const check = "home"
	home, err := config.Home()
	if err != nil {
		e.fail(check, "", err)
		return
	}
	switch env, other := ui.OtherHome(); {
	case !other:
		e.ok(check, "", "%s", home)
	case e.layout.Standard:
		e.fail(check, "", fmt.Errorf("the account's home is %s, but $HOME is %q, where ssh looks for the files that %s includes", home, env, e.layout.UserFile),
			"type: export HOME="+quote.Arg(home))
	default:
		e.warn(check, "", fmt.Sprintf("the account's home is %s, which ssh uses, but $HOME is %q", home, env))
	}
}
