package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/config/putty"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/atomicfile"

	"github.com/google/go-cmp/cmp"
)

// samplePlan is a plan that touches no file.
func samplePlan() *Plan {
	return &Plan{
		layout:   sshconfig.Layout{UserFile: "/home/me/.ssh/config", Standard: true, Program: sshconfig.Program{Match: "exec clever-ssh"}},
		config:   config.Default(),
		sessions: &putty.Changes{},
	}
}

// Each failure has the hint that helps.
func TestExplainFailure(t *testing.T) {
	p := samplePlan()
	user := p.layout.UserFile
	elsewhere := "if " + user + " is managed elsewhere or must not be changed, put this line at its top yourself and run this again: Include clever/config"
	for _, c := range []struct {
		err   error
		hints string
		undo  bool // whether something could not be undone
	}{
		{errors.New("disk on fire"), fixAndRepeat, false},
		{context.Canceled, "", false},
		{&putty.Error{Name: "clever", Err: context.Canceled}, "", false},
		{&putty.Error{Name: "clever", Err: syscall.ENOSPC}, fixAndRepeat + "\nor leave PuTTY out: clever-ssh setup --putty=no", false},
		{&atomicfile.WriteError{Path: user, Err: &atomicfile.ChangedError{Path: user}}, "run this again", false},
		{&atomicfile.WriteError{Path: user, Err: atomicfile.ErrLinked}, elsewhere, false},
		{&atomicfile.WriteError{Path: user, Err: atomicfile.ErrAttributes}, elsewhere, false},
		{&atomicfile.WriteError{Path: user, Err: syscall.EROFS}, elsewhere, false},
		{&atomicfile.WriteError{Path: user, Err: &os.LinkError{Op: "rename", Old: user + "1", New: user, Err: syscall.EBUSY}}, elsewhere, false}, // it is a mount point
		{&atomicfile.WriteError{Path: user, Err: fs.ErrPermission}, elsewhere, false},
		{&atomicfile.WriteError{Path: "/home/me/.ssh/clever/config", Err: syscall.EROFS}, fixAndRepeat, false},
		{&atomicfile.WriteError{Path: user, Err: &fs.PathError{Op: "replace", Path: user, Err: &atomicfile.GroupError{GID: 7}}},
			"to let setup change its group: chmod g=o " + user + "   (its group then has the same access as everybody else)\nthen run this again", false},
		{fmt.Errorf("refused; %w", &putty.UndoError{Name: "clever", Err: syscall.ENOSPC}), "delete that session in PuTTY, then run this again", true},
		{fmt.Errorf("refused; %w", &atomicfile.UndoError{Path: user, Err: syscall.ENOSPC}), "remove this line from it: Include clever/config", true},
		{fmt.Errorf("refused; %w", &atomicfile.UndoError{Path: "/x", Err: syscall.ENOSPC}), "check that file: clever-ssh meant to leave it as it was", true},
	} {
		err := p.explainFailure(context.Background(), c.err)
		if !errors.Is(err, c.err) || strings.HasSuffix(err.Error(), "; your files are as they were") == c.undo {
			t.Errorf("%v became %v", c.err, err)
		}
		if hints := strings.Join(ui.Hints(err), "\n"); hints != c.hints {
			t.Errorf("%v: got the hints %q, want %q", c.err, hints, c.hints)
		}
	}
}

// ssh's own hints come before setup's.
func TestRefusalWithHints(t *testing.T) {
	err := samplePlan().explainTakenBack(&openssh.RefusedError{Hints: []string{"do that"}})
	if hints := ui.Hints(err); len(hints) != 1 || hints[0] != "do that" {
		t.Errorf("the hints are %q", hints)
	}
}

// The list of what to type next begins with what was just registered, and is cut if it is too long.
func TestNextSteps(t *testing.T) {
	p := samplePlan()
	g := p.config.Gateways[0]
	r := &Request{Edit: config.Edit{Suffix: "clever"}}
	expect := func(title, want string) {
		t.Helper()
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), p.nextSteps(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", title, diff)
		}
	}
	expect("nothing registered", `
    ssh app_<id>.clever   any application, by its id
    ssh clever            the gateway's menu
`)
	g.Names = map[config.Name]config.Target{"api": "app_a", "web": "app_w"}
	r.Edit.Names = map[config.Name]config.Target{"web": "app_w"}
	r.targets = []config.Target{"app_x"}
	expect("a name and an id", `
    ssh web.clever     app_w
    ssh api.clever     app_a
    ssh app_x.clever   needs no registration
    ssh clever         the gateway's menu
`)
	p.layout.Program.Match = ""
	expect("ids do not work", `
    ssh web.clever   app_w
    ssh api.clever   app_a
    ssh clever       the gateway's menu
`)
	r.Edit.Names = nil
	for i := range 10 {
		g.Names[config.Name(fmt.Sprintf("n%d", i))] = "app_n"
	}
	expect("many names", `
    ssh api.clever   app_a
    ssh n0.clever    app_n
    ssh n1.clever    app_n
    ssh n2.clever    app_n
    ssh n3.clever    app_n
    ssh n4.clever    app_n
    ssh n5.clever    app_n
    ssh n6.clever    app_n
    ssh n7.clever    app_n
    ssh n8.clever    app_n
    ...              and 2 more names
    ssh clever       the gateway's menu
`)
}
