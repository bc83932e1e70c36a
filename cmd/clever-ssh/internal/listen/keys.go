package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/settings"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
	"clever-ssh/internal/atomicfile"

	"golang.org/x/crypto/ssh"
)

// Keys are the keys that this account holds: those in its agents, and those in key files with their public half
// beside them. A public key alone proves nothing: people keep those of others, too.
type Keys struct {
	agents []string // their sockets
	files  []string // key files, less the ".pub" of their public halves
	folder string   // a folder that holds more of them

	mu    sync.Mutex
	found []string
	when  time.Time
}

// maxPublicKey bounds how many bytes of a file with a public key are read.
const maxPublicKey = 1 << 20

// keysTime is how long a search for keys stays valid. Anybody can make us search.
const keysTime = time.Second

// NewKeys asks ssh where the agents and the key files are.
func NewKeys(ctx context.Context, program openssh.SSH, s *settings.Settings) *Keys {
	k := &Keys{}
	if home, err := config.Home(); err == nil {
		k.folder = filepath.Join(home, ".ssh")
	}
	ctx, cancel := openssh.WithReadingPatience(ctx)
	defer cancel()
	for _, g := range s.Config.Gateways {
		options, err := program.Options(ctx, s.Layout, g.Suffix)
		if err != nil {
			ui.Step("%v", err)
		}
		if agent := openssh.AgentPath(options); agent != "" && !slices.Contains(k.agents, agent) {
			k.agents = append(k.agents, agent)
		}
		for file, known := range openssh.IdentityFiles(options) {
			if known {
				k.files = append(k.files, file)
			}
		}
		if g.Identity != "" {
			k.files = append(k.files, openssh.ExpandHome(g.Identity))
		}
	}
	return k
}

// Fingerprints returns the fingerprints of the keys that the account holds now.
func (k *Keys) Fingerprints(ctx context.Context) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.when) > keysTime {
		k.found, _ = k.Look(ctx)
		k.when = time.Now()
	}
	return k.found
}

// Look looks for the keys, and says why some of them cannot be used.
func (k *Keys) Look(ctx context.Context) (fingerprints []string, problems []error) {
	add := func(key ssh.PublicKey, err error) {
		if _, isCertificate := key.(*ssh.Certificate); err == nil && !isCertificate { // its key is listed itself
			fingerprints = append(fingerprints, ssh.FingerprintSHA256(key))
		}
	}
	for _, path := range k.agents {
		held, err := openssh.ListAgent(ctx, path)
		if err != nil && !(path == openssh.DefaultAgent && errors.Is(err, fs.ErrNotExist)) {
			problems = append(problems, ui.Hint(fmt.Errorf("the agent at %s does not answer: %w", path, ui.Cause(err)), ui.StartAgent))
		}
		for _, key := range held {
			add(ssh.ParsePublicKey(key.Blob))
		}
	}
	for _, file := range k.keyFiles() {
		text, err := atomicfile.ReadOwn(file+".pub", maxPublicKey)
		if err != nil {
			if access := new(atomicfile.AccessError); errors.As(err, &access) {
				err = ui.Hint(err, ui.Cure(access))
			}
			problems = append(problems, err)
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(text)
		add(key, err)
	}
	return fingerprints, problems
}

// keyFiles lists the existing key files.
func (k *Keys) keyFiles() []string {
	files := slices.Clone(k.files)
	entries, _ := os.ReadDir(k.folder)
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".pub" {
			files = append(files, filepath.Join(k.folder, e.Name()))
		}
	}
	for i := range files {
		files[i] = filepath.Clean(strings.TrimSuffix(files[i], ".pub"))
	}
	slices.Sort(files)
	return slices.DeleteFunc(slices.Compact(files), func(file string) bool { return !isFile(file) && !isFile(file+".ppk") })
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Yours is a hint that says which keys these are.
const Yours = "your keys are those in the agent, and each NAME.pub with its private half, NAME, beside it: in ~/.ssh, or where your ssh configuration says"
