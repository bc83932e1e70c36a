package main

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// testWineRegistry checks PuTTY's saved sessions: what setup writes, what it leaves alone, and what
// is left after remove.
func testWineRegistry(t *testing.T, w *prefix) {
	const key = `HKCU\Software\SimonTatham`
	expect := func(when string, want map[string]map[string]string) {
		t.Helper()
		if got := registrySessions(t, w); !maps.EqualFunc(got, want, maps.Equal) {
			t.Errorf("%s the sessions are %v, want %v", when, got, want)
		}
	}
	add := func(session, value, kind, data string) {
		t.Helper()
		runs(t, w.wine("reg", "add", key+`\PuTTY\Sessions\`+session, "/f", "/v", value, "/t", kind, "/d", data))
	}
	expect("in a new account", nil)
	program := w.install(t, "it's a (registry) & 100% é")
	setup := func(args ...string) string {
		t.Helper()
		out, err := w.wine(program, append([]string{"setup"}, args...)...).CombinedOutput()
		if err != nil {
			t.Errorf("setup %v: %v\n%s", args, err, out)
		}
		return string(out)
	}

	// Without PuTTY, setup writes no sessions unless asked to. If all of them were ours, nothing is
	// left.
	setup("web=" + appWeb)
	expect("without PuTTY", nil)
	setup("--putty=yes", "--identity", w.publicKey(t))
	sessions := registrySessions(t, w)
	for name, value := range map[string]string{
		"HostName": "sshgateway-clevercloud-customers.services.clever-cloud.com", "PortNumber": "dword:00000016", "UserName": "ssh",
		"RemoteCommand": appWeb, "NoPTY": "dword:00000000", "ProxyMethod": "dword:00000005", "ProxyLocalhost": "dword:00000001",
		"ProxyTelnetCommand": `"C:/it's a (registry) & 100%% é/clever-ssh.exe" proxy web.clever`,
		"PublicKeyFile":      `C:\registry.pub`, "HostKey": "ed25519,rsa,ed448,ecdsa,WARN,dsa",
		"SSHManualHostKeys": "SHA256:lys1oC3plDGyAsWD7Yd5fJVKQUV/Pbn/M5KI5GyAj5s,SHA256:0odQb8NQPKYNCme2Nf3Xrz3Bc9kmrDK6eSJGIzj9aEA",
	} {
		if got := sessions["web.clever"][name]; got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	run := sessions["web.run.clever"]
	if run["ProxyTelnetCommand"] != `"C:/it's a (registry) & 100%% é/clever-ssh.exe" bridge web.clever` || run["RemoteCommand"] != "" || run["PublicKeyFile"] != "" ||
		run["SSHManualHostKeys"] != w.bridgeFingerprint(t) {
		t.Errorf("the run session is %v", run)
	}
	if menu := sessions["clever"]; len(sessions) != 3 || menu["RemoteCommand"] != "" || !strings.HasSuffix(menu["ProxyTelnetCommand"], " proxy clever") {
		t.Errorf("the sessions are %v", sessions)
	}
	setup()
	expect("a second time", sessions)
	runs(t, w.wine(program, "remove", "web"))
	expect("without the name", map[string]map[string]string{"clever": sessions["clever"]})
	runs(t, w.wine(program, "remove", "--all"))
	if out, err := w.wine("reg", "query", key).CombinedOutput(); err == nil {
		t.Errorf("after remove --all there is\n%s", out)
	}

	// The user's own sessions stay, in upper or lower case, and so does one of ours that was
	// changed since.
	add("mine", "HostName", "REG_SZ", "example.com")
	add("a%20b", "ProxyTelnetCommand", "REG_SZ", `"C:\\été\\x.exe"`)
	add("Web.Clever", "PortNumber", "REG_DWORD", "22")
	own := registrySessions(t, w)
	if own["Web.Clever"]["PortNumber"] != "dword:00000016" {
		t.Fatalf("the user's own sessions are %v", own)
	}
	if out := setup("web="+appWeb, "pair="+appPair); !strings.Contains(out, "PuTTY's saved session web.clever stays as it is: it is yours") {
		t.Errorf("setup says\n%s", out)
	}
	add("clever", "FontHeight", "REG_DWORD", "14")
	if out := setup("--pin", otherPinOfWine); !strings.Contains(out, "PuTTY's saved session clever stays as it is: it is yours, or was changed") {
		t.Errorf("setup says\n%s", out)
	}
	sessions = registrySessions(t, w)
	if sessions["pair.clever"]["SSHManualHostKeys"] != otherPinOfWine || sessions["clever"]["SSHManualHostKeys"] == otherPinOfWine {
		t.Errorf("after another pin the sessions are %v", sessions)
	}
	runs(t, w.wine(program, "remove", "--all"))
	own["clever"] = sessions["clever"]
	expect("after remove --all", own)
}

const otherPinOfWine = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// bridgeFingerprint returns the fingerprint of the key in bridge_key, which must be the first in
// bridge_known_hosts.
func (w *prefix) bridgeFingerprint(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(w.home, ".ssh", "clever")
	private, errPrivate := os.ReadFile(filepath.Join(folder, "bridge_key"))
	known, errKnown := os.ReadFile(filepath.Join(folder, "bridge_known_hosts"))
	if err := errors.Join(errPrivate, errKnown); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if want := "clever-ssh-bridge " + string(ssh.MarshalAuthorizedKey(signer.PublicKey())); !strings.HasPrefix(string(known), want) {
		t.Errorf("bridge_known_hosts is %q, want %q first", known, want)
	}
	return ssh.FingerprintSHA256(signer.PublicKey())
}

// publicKey puts a public key on drive C: and returns its path.
func (w *prefix) publicKey(t *testing.T) string {
	t.Helper()
	if err := os.WriteFile(w.path("registry.pub"), []byte("ssh-ed25519 AAAA\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return `C:\registry.pub`
}
