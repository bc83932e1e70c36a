package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// Lines of ssh's log at DEBUG2, as OpenSSH 9.2 writes them, with other names for the host and the key.
const (
	greeted = "debug1: Local version string SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\n" +
		"debug1: Authenticating to gateway:22 as 'ssh'\n" +
		"debug1: Authentications that can continue: password,publickey\n"
	offered  = "debug1: Offering public key: /home/me/.ssh/id ED25519 SHA256:gZCboB/S5zWmT1uoeC96CZUtfJ6MFznCf7YLYj/kY2w explicit\n"
	accepted = "debug1: Server accepts key: /home/me/.ssh/id ED25519 SHA256:gZCboB/S5zWmT1uoeC96CZUtfJ6MFznCf7YLYj/kY2w explicit\n"
	entered  = "Authenticated to gateway ([127.0.0.1]:33953) using \"publickey\".\n"
	// Older versions log this instead.
	enteredBefore = "debug1: Authentication succeeded (publickey).\n"

	opened   = "debug1: channel 0: new session [client-session] (inactive timeout: 0)\ndebug1: Entering interactive session.\ndebug1: Sending command: app_x\n"
	byStatus = "debug1: client_input_channel_req: channel 0 rtype exit-status reply 0\n"
	bySignal = "debug1: client_input_channel_req: channel 0 rtype exit-signal reply 0\n"
	closed   = "debug1: channel 0: free: client-session, nchannels 1\nTransferred: sent 2188, received 1848 bytes, in 0.1 seconds\ndebug1: Exit status 0\n"
	hungUp   = "debug1: channel 0: free: client-session, nchannels 1\nTransferred: sent 2300, received 2300 bytes, in 0.3 seconds\ndebug1: Exit status -1\n"
	denied   = "ssh@gateway: Permission denied (publickey).\n"
	tooMany  = "Received disconnect from UNKNOWN port 65535:2: Too many authentication failures\nDisconnected from UNKNOWN port 65535\n"
	closedBy = "Connection closed by UNKNOWN port 65535\n"

	shared       = "debug2: mux_client_hello_exchange: master version 4\ndebug1: mux_client_request_session: master session id: 2\n"
	sharedStatus = "debug2: Received exit status from master 7\n"
	lostProxy    = "clever-ssh: 1.204s  the gateway has hung up\nclever-ssh: the connection was lost: read: connection reset by peer\n"
)

func TestWhatLogsMean(t *testing.T) {
	for _, c := range []struct {
		title, log, proxy string
		in                bool // logged in
		lost, known       bool
	}{
		{title: "a command ends", log: greeted + offered + accepted + entered + opened + byStatus + closed, in: true, known: true},
		{title: "a command ends, of which only the status is logged", log: greeted + entered + opened + closed, in: true, known: true},
		{title: "a command ends, as older ones log it", log: greeted + offered + enteredBefore + opened + byStatus, in: true, known: true},
		{title: "a command ends by a signal", log: greeted + entered + opened + bySignal, in: true, known: true},
		{title: "the connection ends", log: greeted + entered + opened + hungUp, in: true, lost: true, known: true},
		{title: "the connection ends, as proxy says", log: "", proxy: lostProxy, in: true, lost: true, known: true},
		{title: "none is let in", log: greeted + offered + denied, lost: true, known: true},
		{title: "a key is known, and cannot be used", log: greeted + offered + accepted + denied, lost: true, known: true},
		{title: "errors only, none of them", in: true},
		{title: "errors only, not let in", log: denied},
		{title: "a shared connection, the command ends", log: shared + sharedStatus, in: true, known: true},
		{title: "a shared connection, and no word of an end", log: shared, in: true},
		{title: "a shared connection, lost as proxy says", log: shared, proxy: lostProxy, in: true, lost: true, known: true},
		{title: "the gateway's words are not ssh's", log: greeted + offered + "x Authenticated to gateway\n" + denied, lost: true, known: true},
		{title: "proxy's steps are no loss", log: shared, proxy: "clever-ssh: 0.1s  clever-ssh: the connection was lost: no\n", in: true},
	} {
		if got := loggedIn(c.log); got != c.in {
			t.Errorf("%s: logged in: %t", c.title, got)
		}
		if lost, known := connectionLost(c.log, c.proxy); lost != c.lost || known != c.known {
			t.Errorf("%s: lost: %t, known: %t", c.title, lost, known)
		}
	}
}

func TestKeysInLogs(t *testing.T) {
	const key = "/home/me/.ssh/id ED25519 SHA256:gZCboB/S5zWmT1uoeC96CZUtfJ6MFznCf7YLYj/kY2w"
	for line, want := range map[string][3]string{ // offering, trying, accepted
		strings.TrimSpace(offered):                            {key, "", ""},
		strings.TrimSpace(accepted):                           {"", "", key},
		"debug1: Offering RSA public key: me@here":            {"me@here", "", ""}, // before 8.1
		"debug1: Offering public key: me@here RSA x agent":    {"me@here RSA x agent", "", ""},
		"debug1: Trying private key: /home/me/.ssh/id_rsa":    {"", "/home/me/.ssh/id_rsa", ""},
		"debug1: Trying private key: /home/me/my id explicit": {"", "/home/me/my id", ""},
		"x debug1: Trying private key: /home/me/.ssh/id_rsa":  {"", "", ""},
		"Offering public key: me@here":                        {"", "", ""},
	} {
		var got [3]string
		for i, p := range []func(string) []string{Offering().FindStringSubmatch, Trying().FindStringSubmatch, Accepted().FindStringSubmatch} {
			if m := p(line); m != nil {
				got[i] = m[1]
			}
		}
		if got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// filled returns back channels whose text is complete.
func filled(log, proxy string) *BackChannels {
	c := &BackChannels{Log: &backChannel{}, Proxy: &backChannel{}}
	c.Log.kept.Write([]byte(log))
	c.Proxy.kept.Write([]byte(proxy))
	return c
}

func TestNotLoggedIn(t *testing.T) {
	key := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const refusal = "clever-ssh: 0.2s  the host key is checked\nclever-ssh: host key SHA256:x is not pinned\nclever-ssh: and more\nhint: ask\n"
	unusable := "Load key \"" + key + "\": bad permissions\n"
	for _, c := range []struct{ title, log, proxy, want, hint string }{
		{"denied", greeted + offered + denied, "", "Permission denied: the gateway accepted none of the keys that ssh offered", "see which they are: clever-ssh doctor web.x"},
		{"a key that cannot be used", unusable + denied, "", "Permission denied: the gateway accepted none of the keys that ssh offered\n" + strings.TrimSpace(unusable), "is one of them registered in the console, readable and unlocked?"},
		{"denied comes first", denied, refusal, "Permission denied: the gateway accepted none of the keys that ssh offered", "is one of them registered in the console, readable and unlocked?"},
		{"too many", greeted + offered + tooMany, "", "the gateway hung up after ssh had offered too many keys", "name the one that it knows: clever-ssh setup --suffix x --identity ~/.ssh/id_..."},
		{"proxy refuses", greeted + closedBy, refusal, "host key SHA256:x is not pinned\nand more", "ask"},
		{"last words", greeted + "one\ntwo\nthree\nfour\n", "", `ssh failed: "two; three; four"`, "see how far it gets: ssh -v web.x true"},
		{"the last words are quoted", greeted + "\x1b[2J\n", "", `ssh failed: "\x1b[2J"`, ""},
		{"nothing but steps", greeted, "clever-ssh: 0.1s  a step\nanything\n", "", ""},
	} {
		end := (&Inner{alias: "web.x", gateway: &config.Gateway{Suffix: "x"}}).end(filled(c.log, c.proxy))
		if end.LoggedIn {
			t.Errorf("%s: logged in", c.title)
		}
		if end.Err == nil || c.want == "" {
			if end.Err != nil || c.want != "" {
				t.Errorf("%s: %v, want %q", c.title, end.Err, c.want)
			}
			continue
		}
		if end.Err.Error() != c.want || !strings.Contains(strings.Join(ui.Hints(end.Err), "\n"), c.hint) {
			t.Errorf("%s: %q, hints %q", c.title, end.Err, ui.Hints(end.Err))
		}
	}
}

// If the log does not tell, the end of the master decides.
func TestMasterGoes(t *testing.T) {
	gone := make(chan struct{})
	close(gone)
	if end := (&Inner{gone: gone}).end(filled(shared, "")); !end.LoggedIn || end.Err != nil || !end.Lost() {
		t.Errorf("the master has gone: %+v", end)
	}
	if (&Inner{}).end(filled(shared, "")).Lost() {
		t.Error("nobody knows of a master, and the connection is lost")
	}
	if (&Inner{gone: gone}).end(filled(shared+sharedStatus, "")).Lost() {
		t.Error("the command has ended, and the connection is lost")
	}
	if end := (&Inner{}).end(&BackChannels{}); end.LoggedIn || end.Err != nil || end.Lost() {
		t.Errorf("nothing is known without back channels: %+v", end)
	}
}
