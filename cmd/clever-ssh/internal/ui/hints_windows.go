package ui

import (
	"path/filepath"
	"strings"

	"clever-ssh/internal/quote"
)

// accessHints says how to fix a file that ssh refuses because others can write to it, or because it belongs to
// somebody else. ssh shows the path with each backslash doubled.
func accessHints(path string) []string {
	path = filepath.FromSlash(strings.ReplaceAll(path, `\\`, `\`))
	return []string{"it must belong to you, and nobody else may write to it",
		`type, in cmd: icacls ` + quote.Arg(path) + ` /inheritance:r /grant:r "%USERNAME%:F" SYSTEM:F`, "then run this again"}
}

// otherHomeHints returns nothing: ssh does not look at $HOME here.
func otherHomeHints(string) []string { return nil }

// InstallSSH is a hint for a system without ssh.
const InstallSSH = "add the OpenSSH Client in Settings, Optional features, or install Git for Windows"

// AddToPath is a hint for a folder that is not on PATH. It names no command for a permanent change: setx cuts
// off a long PATH, and PowerShell freezes the variables in it.
func AddToPath(folder string) string {
	return `add that folder to Path in Settings, "Edit environment variables for your account", then open another window; for this window alone, in PowerShell: $env:Path += ';` +
		strings.ReplaceAll(folder, "'", "''") + `'`
}

// accessCommand returns a command that shows who has which access to a folder.
func accessCommand(folder string) string { return "icacls " + quote.Arg(folder) }

// WithShell names no shell: here ssh runs a Match exec without a shell that the user could choose.
func WithShell() string { return "" }

// StartAgent is a hint for an agent that does not answer.
const StartAgent = "start it, as an administrator: Set-Service ssh-agent -StartupType Automatic; Start-Service ssh-agent"

// SetClock is the command that sets the clock.
const SetClock = "w32tm /resync (as an administrator)"
