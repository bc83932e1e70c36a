package main

import (
	"os/exec"
	"path/filepath"
	"strings"

	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
	"clever-ssh/internal/quote"
)

// asOwnerOf has nothing to do: no account starts programs for others here.
func asOwnerOf(*exec.Cmd, string) error { return nil }

// warnOfOthers has nothing to say: who can write is a matter of access lists, which ssh looks at itself.
func warnOfOthers(string) {}

// sshFolder is the folder that a relative Include means in a configuration.
func sshFolder(sshconfig.Layout) (string, error) {
	home, err := config.Home()
	return filepath.Join(home, ".ssh"), err
}

// adviceOnAccess tells how to cure a file that ssh refuses because others can write to it, or because it is somebody else's.
// ssh shows the path with each backslash doubled.
func adviceOnAccess(path string) []string {
	path = filepath.FromSlash(strings.ReplaceAll(path, `\\`, `\`))
	return []string{"it must belong to you, and nobody else may write to it",
		`type, in cmd: icacls ` + quote.Arg(path) + ` /inheritance:r /grant:r "%USERNAME%:F" SYSTEM:F`, "then run this again"}
}

// adviceOnOtherHome has nothing to say: ssh looks at no $HOME.
func adviceOnOtherHome(string) []string { return nil }

// accessIsSeen is whether accessProblem sees anything.
const accessIsSeen = false

// accessProblem has nothing to say: who has access is a matter of access lists, of which ssh itself complains.
func accessProblem(string, bool) (group bool, err error) { return false, nil }

// writeProblem cannot tell.
func writeProblem(string) error { return nil }

// othersCanRead cannot tell.
func othersCanRead(string) bool { return false }

// shellCounts is whether ssh runs what it starts with $SHELL.
const shellCounts = false

// homeVariableCounts is whether ssh looks at $HOME at all.
const homeVariableCounts = false

const adviceOnClock = "w32tm /resync (as an administrator)"
