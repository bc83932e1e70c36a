package main

import "os/exec"

// asOwnerOf has nothing to do: no account starts programs for others here.
func asOwnerOf(*exec.Cmd, string) error { return nil }
