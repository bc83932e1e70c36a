package ui

import (
	"errors"

	"clever-ssh/config"
)

// WhereIDsAre is a hint for an argument that is not an id.
const WhereIDsAre = "an application's id is shown in the console, and is in .clever.json"

// HintEdit adds hints to an error of config.Apply.
func HintEdit(err error, suffix string) error {
	var taken config.NamesTakenError
	var missing *config.PinsMissingError
	switch {
	case errors.As(err, &taken):
		return Hint(err, "to change what a name points to, add --replace; or give the target another name: clever-ssh setup "+SuffixFlag(suffix)+"NAME="+string(taken[0].New))
	case errors.As(err, &missing):
		return Hint(err, "give --pin SHA256:... once for each of its host keys; ask whoever runs the gateway for the fingerprints")
	}
	return err
}

// HintPuTTY adds to an error about PuTTY's saved sessions a hint on how to do without them.
func HintPuTTY(err error) error {
	return Hint(err, "or leave PuTTY out: clever-ssh setup --putty=no")
}

// MakeKey are the hints for an account without a key.
var MakeKey = []string{
	"make one: ssh-keygen -t ed25519",
	"then register its public half in the console, under Profile, SSH keys: cat ~/.ssh/id_ed25519.pub",
}

// RunSetup is a hint for something that setup puts right.
const RunSetup = "run: clever-ssh setup"

// ListNames is a hint for a name that is not registered.
const ListNames = "clever-ssh list shows them all"
