package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// maxTries is how many keys a server lets a client offer before it hangs up: the sixth failure ends it (sshd_config(5),
// MaxAuthTries).
const maxTries = 5

// checkKeys looks at the keys that ssh can offer: the agent's, and the files that its configuration names.
func (e *examination) checkKeys(ctx context.Context) {
	const check = "keys"
	if e.isOfAnother() {
		e.skip(check, "", ofAnother)
		return
	}
	if e.dumped == "" {
		e.skip(check, "", "ssh does not tell which it would offer")
		return
	}
	held := e.checkAgent(ctx)
	offered, unseen := e.checkIdentities(ctx, held)
	if provider := openssh.Option(e.dumped, "pkcs11provider"); provider != "" && provider != "none" {
		unseen = true
	}
	if openssh.Option(e.dumped, "identitiesonly") != "yes" {
		for fingerprint := range held {
			offered[fingerprint] = true
		}
	}
	switch {
	case len(offered) == 0 && e.unusable:
		e.skip(check, "", "ssh can use none of those above")
	case len(offered) == 0 && unseen:
		e.skip(check, "", "ssh has none to offer but those that only a login shows")
	case len(offered) == 0:
		e.fail(check, "", errors.New("ssh has none to offer"), "if you have one: "+e.setupIdentity(),
			"if not, make one: ssh-keygen -t ed25519", "then register its public half in the console, under Profile, SSH keys: cat ~/.ssh/id_ed25519.pub")
	case len(offered) > maxTries && (len(e.gateways) == 0 || e.gateways[0].Identity == ""):
		e.warn(check, "", fmt.Sprintf("ssh offers %d, one after the other, and a server hangs up at the sixth", len(offered)),
			e.adviceOnManyKeys())
	}
}

// setupIdentity is the command that names the key to offer first.
func (e *examination) setupIdentity() string {
	flag := ""
	if len(e.gateways) > 0 {
		flag = ui.SuffixFlag(e.gateways[0].Suffix)
	}
	return "clever-ssh setup " + flag + "--identity FILE"
}

func (e *examination) adviceOnManyKeys() string {
	return "name the one that is registered: " + e.setupIdentity() + "   (its .pub suffices for a key in the agent)"
}

// mostKeys is how many of an agent's keys are shown: ssh offers no more than a few.
const mostKeys = 20

// checkAgent lists what the agent holds, and returns the fingerprints. One that does not answer is no failure: ssh does without.
func (e *examination) checkAgent(ctx context.Context) (held map[string]bool) {
	const check = "agent"
	option := openssh.Option(e.dumped, "identityagent")
	path := openssh.AgentPath(e.dumped)
	if path == "" {
		e.ok(check, "", "none is used")
		return nil
	}
	keys, err := openssh.ListAgent(ctx, path)
	if errors.Is(err, fs.ErrNotExist) && path == openssh.DefaultAgent {
		e.ok(check, "", "none is running")
		return nil
	}
	if err != nil {
		advice := ui.StartAgent
		if option != "" && option != "SSH_AUTH_SOCK" {
			advice = "IdentityAgent in your ssh configuration names it: start the program that serves it, or take that line out"
		}
		e.warn(check, "", fmt.Sprintf("%s does not answer: %v", path, ui.Cause(err)), advice)
		return nil
	}
	e.agent = true
	e.ok(check, "", "%s, with %s", path, ui.Counted(len(keys), "key"))
	held = map[string]bool{}
	for i, key := range keys {
		held[ssh.FingerprintSHA256(key)] = true
		e.keyNames = append(e.keyNames, key.Comment)
		if i >= mostKeys {
			continue
		}
		e.add(finding{Check: "key", About: "in the agent", Status: isOK, Found: describe(key) + ", " + key.Comment, Details: fingerprints(key)})
	}
	return held
}

// checkIdentities looks at the key files that ssh would offer, and returns the fingerprints of those that it can use, and whether there
// may be some that it cannot find.
func (e *examination) checkIdentities(ctx context.Context, held map[string]bool) (usable map[string]bool, unseen bool) {
	usable = map[string]bool{}
	for line := range strings.Lines(e.dumped) {
		written, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "identityfile ")
		if !ok {
			continue
		}
		path, ok := openssh.ExpandTokens(strings.Trim(written, `"`), e.dumped)
		if !ok {
			unseen = true
			continue
		}
		e.keyNames = append(e.keyNames, path)
		f := identityFile{itself: readPublic(path), beside: readPublic(path + ".pub")}
		f.inAgent = f.beside != nil && held[ssh.FingerprintSHA256(f.beside)]
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && !e.names(path) && !f.inAgent {
			continue // it is on ssh's own list, or ssh says so itself
		}
		if fingerprint := e.checkIdentity(ctx, path, f, held); fingerprint != "" {
			usable[fingerprint] = true
		}
	}
	return usable, unseen
}

// names tells whether a key file is the one in the settings.
func (e *examination) names(path string) bool {
	for _, g := range e.gateways {
		if g.Identity != "" && filepath.Clean(openssh.ExpandHome(g.Identity)) == filepath.Clean(path) {
			return true
		}
	}
	return false
}

// identityFile is what there is to know of a key file without reading a private key.
type identityFile struct {
	kind         string
	fingerprints []string      // SHA256 and MD5; none if it does not tell
	itself       ssh.PublicKey // what it holds if it is a public half itself, else nil
	beside       ssh.PublicKey // in the .pub beside it, nil if there is none
	inAgent      bool          // the agent holds the one beside it
	encrypted    bool
}

// examine finds out about a key file from its public halves, or else from ssh-keygen.
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
	// Through a link, so that ssh-keygen finds no .pub beside it, and tells what the private file says in the clear.
	dir, err := os.MkdirTemp("", "clever-ssh-")
	if err != nil {
		return f, err
	}
	defer os.RemoveAll(dir)
	link := filepath.Join(dir, "key")
	if err := os.Symlink(path, link); err == nil {
		sha, errSHA := e.ssh.Keygen(ctx, "-l", "-E", "sha256", "-f", link)
		md5, errMD5 := e.ssh.Keygen(ctx, "-l", "-E", "md5", "-f", link)
		if a, b := strings.Fields(sha), strings.Fields(md5); errors.Join(errSHA, errMD5) == nil && len(a) > 2 && len(b) > 2 {
			f.kind, f.fingerprints = strings.Trim(a[len(a)-1], "()"), []string{a[1], b[1]}
		}
	}
	if f.fingerprints == nil && f.beside != nil {
		f.kind, f.fingerprints = f.beside.Type(), fingerprints(f.beside)
	}
	return f, nil
}

// maxKeyFile bounds what is read of a key file, in bytes.
const maxKeyFile = 64 << 10

// publicBegin is how a public key file begins: with the name of a kind, or a comment.
var publicBegin = pattern.New(`^(ssh-|ecdsa|sk-|#)`)

// readPublic reads a public key file, nil if it is none. Of a private one it sees the first bytes.
func readPublic(path string) ssh.PublicKey {
	// Before it is opened: a pipe would wait for who writes into it.
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

// checkIdentity says what is to be said of one key file, and returns the key's fingerprint if ssh can use it.
func (e *examination) checkIdentity(ctx context.Context, path string, f identityFile, held map[string]bool) string {
	const check = "key"
	if strings.EqualFold(filepath.Ext(path), ".ppk") && f.itself == nil {
		e.warn(check, path, "a key of PuTTY's, which ssh passes over", "for ssh, name another: "+e.setupIdentity())
		return ""
	}
	if _, err := accessProblem(path, true); err != nil && !f.inAgent && f.itself == nil {
		e.unusable = true
		e.fail(check, path, err)
		return ""
	}
	f, err := e.examine(ctx, path, f)
	if err != nil && f.inAgent { // which ssh asks instead
		f.kind, f.fingerprints, err = f.beside.Type(), fingerprints(f.beside), nil
	}
	if err != nil {
		e.fail(check, path, err, "ssh cannot use it; name another: "+e.setupIdentity())
		return ""
	}
	mend := "type: ssh-keygen -y -f " + quote.Arg(path) + " > " + quote.Arg(path+".pub")
	if f.fingerprints == nil {
		e.locked = append(e.locked, path)
		e.warn(check, path, "it is encrypted and does not tell its public half, which is not beside it", mend)
		return ""
	}
	if f.beside != nil && f.fingerprints[0] != ssh.FingerprintSHA256(f.beside) {
		e.fail(check, path, fmt.Errorf("the public half beside it, %s.pub, belongs to another key", path), mend)
		return ""
	}
	found := finding{Check: check, About: path, Status: isOK, Found: f.kind, Details: f.fingerprints}
	switch {
	case held[f.fingerprints[0]]:
		found.Found += ", in the agent"
	case f.itself != nil:
		found.Status = isFailed
		found.Found += ": the public half alone, and no agent holds the other"
		found.Hints = []string{"type: ssh-add " + quote.Arg(strings.TrimSuffix(strings.TrimSuffix(path, ".pub"), "-cert"))}
		if !e.agent {
			found.Hints = []string{ui.StartAgent}
		}
	case f.encrypted:
		e.locked = append(e.locked, f.fingerprints[0])
		found.Found += ", encrypted: ssh asks for its passphrase each time"
		if e.agent {
			found.Hints = []string{"to be asked once: ssh-add " + quote.Arg(path)}
		}
	default:
		found.Found += ", not encrypted"
	}
	e.add(found)
	if found.Status == isFailed {
		return ""
	}
	return f.fingerprints[0]
}

// describe names the kind of a key, and until when it is valid if it is a certificate.
func describe(key *agent.Key) string {
	text := key.Type()
	parsed, _ := ssh.ParsePublicKey(key.Blob)
	if c, ok := parsed.(*ssh.Certificate); ok && c.ValidBefore != ssh.CertTimeInfinity {
		text += ", valid until " + time.Unix(int64(c.ValidBefore), 0).UTC().Format(time.RFC3339)
	}
	return text
}

// fingerprints are a key's, in the two forms in which consoles show them.
func fingerprints(key ssh.PublicKey) []string {
	return []string{ssh.FingerprintSHA256(key), "MD5:" + ssh.FingerprintLegacyMD5(key)}
}
