package doctor

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"clever-ssh/internal/pattern"

	"golang.org/x/crypto/ssh"
)

// identityFile is what we can know about a key file without reading a private key.
type identityFile struct {
	kind         string
	fingerprints []string      // SHA256 and MD5; none if the file does not tell
	itself       ssh.PublicKey // the key, if the file itself is a public half
	beside       ssh.PublicKey // the key in the .pub beside it, nil if there is none
	inAgent      bool          // the agent holds the key beside it
	encrypted    bool
}

// examine learns about a key file from its public halves, or else from ssh-keygen.
func (e *examination) examine(ctx context.Context, path string, f identityFile) (identityFile, error) {
	if f.itself != nil {
		f.kind, f.fingerprints, f.beside = f.itself.Type(), fingerprints(f.itself), nil
		return f, nil
	}
	line, err := e.ssh.Keygen(ctx, "-y", "-P", "", "-f", path)
	if err == nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return f, err
		}
		f.kind, f.fingerprints = key.Type(), fingerprints(key)
		return f, nil
	}
	if !strings.Contains(err.Error(), "passphrase") {
		return f, err
	}
	f.encrypted = true
	f.kind, f.fingerprints, err = e.examineEncrypted(ctx, path)
	if f.fingerprints == nil && f.beside != nil && err == nil {
		f.kind, f.fingerprints = f.beside.Type(), fingerprints(f.beside)
	}
	return f, err
}

// examineEncrypted reads the parts of an encrypted key file that are not encrypted: none in the older formats.
// ssh-keygen gets a link to the file, so that it finds no .pub beside it, which may belong to another key.
func (e *examination) examineEncrypted(ctx context.Context, path string) (kind string, prints []string, err error) {
	dir, err := os.MkdirTemp("", "clever-ssh-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "key")
	if os.Symlink(path, link) != nil {
		return "", nil, nil
	}
	sha, errSHA := e.ssh.Keygen(ctx, "-l", "-E", "sha256", "-f", link)
	md5, errMD5 := e.ssh.Keygen(ctx, "-l", "-E", "md5", "-f", link)
	a, b := strings.Fields(sha), strings.Fields(md5)
	if errors.Join(errSHA, errMD5) != nil || len(a) <= 2 || len(b) <= 2 {
		return "", nil, nil
	}
	return strings.Trim(a[len(a)-1], "()"), []string{a[1], b[1]}, nil
}

// maxKeyFile is how many bytes of a key file we read at most.
const maxKeyFile = 64 << 10

// publicBegin matches the beginning of a public key file: the name of a kind, or a comment.
var publicBegin = pattern.New(`^(ssh-|ecdsa|sk-|#)`)

// readPublic reads a public key file, and returns nil if it is not one. It sees only the first bytes of a
// private key.
func readPublic(path string) ssh.PublicKey {
	// Check before opening: opening a pipe would wait for a writer.
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	begin := make([]byte, len("ecdsa"))
	if _, err := io.ReadFull(f, begin); err != nil || !publicBegin().Match(begin) {
		return nil
	}
	rest, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(append(begin, rest...))
	if err != nil {
		return nil
	}
	return key
}

// fingerprints returns a key's fingerprints in the two forms that consoles show.
func fingerprints(key ssh.PublicKey) []string {
	return []string{ssh.FingerprintSHA256(key), "MD5:" + ssh.FingerprintLegacyMD5(key)}
}
