package setup

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/config"
	"clever-ssh/config/sshconfig"
)

// actsForItself reports whether the configuration belongs to the account that runs this. We know nothing about
// the keys and the agent of another account.
func actsForItself(l sshconfig.Layout) bool {
	folder, err := openssh.Folder(l)
	home, errHome := config.Home()
	return err == nil && errHome == nil && folder == filepath.Join(home, ".ssh")
}

// hasKey reports whether ssh has, or may have, a key to offer. The options are the output of ssh -G. Only
// doctor finds out whether a gateway accepts that key.
func hasKey(ctx context.Context, options string) bool {
	held := false
	if path := openssh.AgentPath(options); path != "" {
		keys, err := openssh.ListAgent(ctx, path)
		gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
		held = len(keys) > 0 || (err != nil && !gone)
	}
	if provider := openssh.Option(options, "pkcs11provider"); provider != "" && provider != "none" {
		return true
	}
	for path, known := range openssh.IdentityFiles(options) {
		if !known || openssh.Exists(path) || (held && openssh.Exists(path+".pub")) {
			return true
		}
	}
	return held && openssh.Option(options, "identitiesonly") != "yes"
}
