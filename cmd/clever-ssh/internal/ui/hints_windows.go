package ui

import (
	"path/filepath"
	"strings"

	"clever-ssh/internal/quote"
)

// adviceOnAccess tells how to cure a file that ssh refuses because others can write to it, or because it is somebody else's.
// ssh shows the path with each backslash doubled.
func adviceOnAccess(path string) []string {
	path = filepath.FromSlash(strings.ReplaceAll(path, `\\`, `\`))
	return []string{"it must belong to you, and nobody else may write to it",
		`type, in cmd: icacls ` + quote.Arg(path) + ` /inheritance:r /grant:r "%USERNAME%:F" SYSTEM:F`, "then run this again"}
}

// adviceOnOtherHome has nothing to say: ssh looks at no $HOME.
func adviceOnOtherHome(string) []string { return nil }

const InstallSSH = "add the OpenSSH Client in Settings, Optional features, or install Git for Windows"

// AddToPath names no command that would do it for good: setx cuts a long PATH off, and PowerShell freezes the variables in it.
func AddToPath(folder string) string {
	return `add that folder to Path in Settings, "Edit environment variables for your account", and open another window; for this one alone, in PowerShell: $env:Path += ';` +
		strings.ReplaceAll(folder, "'", "''") + `'`
}

// accessCommand shows who may do what in a folder.
func accessCommand(folder string) string { return "icacls " + quote.Arg(folder) }

// WithShell tells what runs a Match exec: always the same here.
func WithShell() string { return "" }

const StartAgent = "start it, as an administrator: Set-Service ssh-agent -StartupType Automatic; Start-Service ssh-agent"

const SetClock = "w32tm /resync (as an administrator)"
