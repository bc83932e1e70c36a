package main

import (
	"errors"

	"clever-ssh/config"
)

const adviceOnIDs = "an application's id is shown in the console, and is in .clever.json"

// adviseOnEdit adds to the error of an edit what can be done about it.
func adviseOnEdit(err error, suffix string) error {
	var taken config.NamesTakenError
	var missing *config.PinsMissingError
	switch {
	case errors.As(err, &taken):
		return hint(err, "to change what a name stands for, add --replace; or give the target another name: clever-ssh setup "+suffixFlag(suffix)+"NAME="+string(taken[0].New))
	case errors.As(err, &missing):
		return hint(err, "give --pin SHA256:... once for each of its host keys; who runs the gateway can tell their fingerprints")
	}
	return err
}

// adviseOnPuTTY adds to an error with PuTTY's sessions that nobody needs them.
func adviseOnPuTTY(err error) error {
	return hint(err, "or leave PuTTY out: clever-ssh setup --putty=no")
}

// adviceOnNoKey tells how to come to a key.
var adviceOnNoKey = []string{
	"make one: ssh-keygen -t ed25519",
	"then register its public half in the console, under Profile, SSH keys: cat ~/.ssh/id_ed25519.pub",
}

const adviceOnNames = "clever-ssh list shows them all"
