//go:build unix

package sshconfig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"clever-ssh/config"
	"clever-ssh/internal/test"
	"clever-ssh/internal/test/users"

	"github.com/google/go-cmp/cmp"
)

// The tests in this file ask the ssh that is first on PATH.

// sshCommand runs the real ssh on a file that is not the account's own, in an environment that is the same
// everywhere. If that file's folder is a .ssh, $HOME is the folder above it, and a relative Include leads there.
func sshCommand(t *testing.T, userFile string, args ...string) *exec.Cmd {
	t.Helper()
	test.Slow(t)
	ssh := test.Need(t, "ssh")
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, ssh, append([]string{"-F", userFile}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + strings.TrimSuffix(filepath.Dir(userFile), "/.ssh"), "SHELL=/bin/sh"}
	return cmd
}

// effective returns what ssh -G prints: how ssh would connect to a host.
func effective(t *testing.T, userFile string, args ...string) (string, error) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := sshCommand(t, userFile, append([]string{"-G"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ssh -G %s: %w\n%s", strings.Join(args, " "), err, said.String())
	}
	return out.String(), nil
}

// values returns what ssh -G prints by keyword, in one spelling: each release writes "true" for a different few of
// its "yes" values, and often leaves out what is "none".
func values(t *testing.T, userFile string, args ...string) map[string]string {
	t.Helper()
	out, err := effective(t, userFile, args...)
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]string{}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch value {
		case "true":
			value = "yes"
		case "false":
			value = "no"
		case "none":
			continue
		}
		if _, twice := is[key]; !twice {
			is[key] = value
		}
	}
	return is
}

// opposite sets each keyword of the entries to a value that would break or weaken a connection, and makes ssh look up
// names.
const opposite = users.Opposite + "    VisualHostKey yes\n    CanonicalDomains one.invalid two.invalid\n    KexAlgorithms diffie-hellman-group16-sha512\n    Ciphers aes192-ctr\n"

// commonValues are what every alias has. "" means unset, or none.
var commonValues = map[string]string{
	"requesttty":                   "force",
	"proxyusefdpass":               "no",
	"canonicalizehostname":         "no",
	"controlpath":                  "",
	"proxyjump":                    "",
	"hostkeyalgorithms":            "ssh-ed25519,rsa-sha2-512,rsa-sha2-256",
	"stricthostkeychecking":        "yes",
	"verifyhostkeydns":             "no",
	"updatehostkeys":               "no",
	"pubkeyauthentication":         "yes",
	"preferredauthentications":     "publickey",
	"passwordauthentication":       "no",
	"kbdinteractiveauthentication": "no",
	"forwardagent":                 "no",
	"forwardx11":                   "no",
	"tunnel":                       "no",
	"serveraliveinterval":          "30",
	"serveralivecountmax":          "4",
	"identitiesonly":               "yes",
}

// cleverValues are those for clever in twoGateways, with falseProgram as the program.
var cleverValues = map[string]string{
	"hostname":     "sshgateway-clevercloud-customers.services.clever-cloud.com",
	"user":         "ssh",
	"proxycommand": falseProgram + " proxy --ssh clever",
	"hostkeyalias": "clever-ssh-clever",
	"identityfile": "/keys/my key 100%%",
}

// falseProgram stands in for the program in a ProxyCommand, which ssh -G does not run.
const falseProgram = "/bin/false"

func TestEffectiveValues(t *testing.T) {
	const program = falseProgram
	clever := cleverValues
	conf := parse(t, twoGateways)
	kexAlgorithms := values(t, "none", "-o", "KexAlgorithms=-diffie-hellman-*", "clever")["kexalgorithms"]

	staging := map[string]string{
		"hostname":     "gw.example",
		"port":         "2222",
		"user":         "bob",
		"proxycommand": program + " proxy --ssh staging",
		"hostkeyalias": "clever-ssh-staging",
		"identityfile": "~/.ssh/id_staging",
	}

	type alias struct {
		name    string
		gateway map[string]string
		command string
	}
	// One of each kind of entry: the effect of the user's own file on an entry does not depend on the entry's name.
	kinds := []alias{
		{"clever", clever, ""},
		{"web.clever", clever, string(webTarget)},
		{"app_first.clever", clever, "app_first"}, // the program enters this one while ssh reads
	}
	others := []alias{
		{"db.clever", clever, string(instanceID)},
		{"0.clever", clever, "app_0"},
		{"nosuch.clever", clever, ""}, // proxy refuses it
		{"staging", staging, ""},
		{"a.web.staging", staging, "app_a"},
		{"b-web.staging", staging, "app_b"},
		{"web.staging", staging, ""},
		{string(instanceID) + ".staging", staging, string(instanceID)}, // like app_first.clever
		{"app_missing.clever", clever, ""},
	}
	for _, user := range []struct {
		title, text string
		every       bool // alias
	}{
		{"nothing else", "", false},
		{"the opposite in Host *", "Host *" + opposite, true},
		{"the opposite above all blocks", opposite, false},
		{"the opposite in Match all", "Match all" + opposite, false},
		{"the opposite in Match final", "Match final all" + opposite, false},
		{"the opposite for our very names", "Host clever *.clever staging *.staging" + opposite, false},
		{"the opposite with CRLF", strings.ReplaceAll("Host *"+opposite, "\n", "\r\n"), false},
	} {
		t.Run(user.title, func(t *testing.T) {
			t.Parallel()
			l := newLayout(t, "with blank")
			l.Program = fakeMatch(t, l, program, 0)
			setup(t, conf, l, user.text)
			common := maps(commonValues, map[string]string{"userknownhostsfile": l.KnownHosts()})
			aliases := kinds
			if user.every {
				aliases = slices.Concat(kinds, others)
			}
			for _, c := range aliases {
				got := values(t, l.UserFile, c.name)
				for key, want := range maps(common, c.gateway, map[string]string{"remotecommand": c.command}) {
					if got[key] != want {
						t.Errorf("%s: %s is %q, want %q", c.name, key, got[key], want)
					}
				}
			}

			// What the bridge has in addition to what also applies to the gateway. A run alias uses the bridge
			// whatever it is asked for.
			bridged := maps(common, map[string]string{
				"hostname":           "clever-ssh-bridge",
				"port":               "22",
				"requesttty":         "auto",
				"visualhostkey":      "no",
				"remotecommand":      "",
				"hostkeyalias":       "clever-ssh-bridge",
				"ciphers":            "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr",
				"kexalgorithms":      kexAlgorithms,
				"userknownhostsfile": l.BridgeKnownHosts(),
			})
			expect := func(proxy string, gateway map[string]string, args ...string) {
				t.Helper()
				got := values(t, l.UserFile, args...)
				for key, want := range maps(gateway, bridged, map[string]string{"proxycommand": program + proxy}) {
					if got[key] != want {
						t.Errorf("%s: %s is %q, want %q", args, key, got[key], want)
					}
				}
			}
			expect(" bridge web.clever", clever, "web.run.clever")
			if user.every {
				expect(" bridge 0.clever", clever, "0.run.clever", "ls")
				expect(" bridge a.web.staging", staging, "a.web.run.staging", "ls", "-l")
				expect(" bridge", clever, "app_first.run.clever")
				expect(" bridge", staging, string(instanceID)+".run.staging", "ls")
				expect(" bridge", clever, "nosuch.run.clever") // bridge refuses it
			}

			wantBridge(t, strings.TrimPrefix(l.Program.Match, "exec "))
			expect(" bridge", clever, "web.clever", "ls", "-l")
			expect(" bridge", clever, "app_first.clever", "ls")
			if user.every {
				expect(" bridge", clever, "web.clever", "-s", "sftp")
				expect(" bridge", clever, "-L", "1:localhost:2", "0.clever")
				expect(" bridge", clever, "app_missing.clever", "ls")
				expect(" bridge", staging, string(instanceID)+".staging", "ls")
			}
			bridged["requesttty"] = "no" // as was asked for
			expect(" bridge", clever, "0.clever", "-T")
			if user.every {
				expect(" bridge", staging, "-N", "a.web.staging")
			}
		})
	}
}

// maps merges maps; later ones win.
func maps(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range list {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// fakeMatch is a program that plays `match` as ssh calls it. It says no to `match command`. For `match direct` it
// replaces direct.conf by one with two entries while ssh reads the files around it, and exits with the given status.
// The ProxyCommand, which ssh -G does not run, is another path.
func fakeMatch(t *testing.T, l Layout, proxy string, status int) Program {
	t.Helper()
	program := fakeProgram(t, "", status)
	now := time.Now()
	write(t, filepath.Join(filepath.Dir(program), "direct.conf"), string(formatDirect([]direct{
		{"app_first.clever", "app_first", now, 0},
		{string(instanceID) + ".staging", instanceID, now, 0},
	})))
	write(t, filepath.Join(filepath.Dir(program), "to"), l.DirectFile())
	return Program{Proxy: proxy, Match: "exec " + program}
}

// Whatever is in direct.conf counts only if the program has said yes, and ssh never minds if the file is missing.
func TestMatchThatSaysNo(t *testing.T) {
	for _, c := range []struct {
		title   string
		program func(l Layout) Program
	}{
		{"no", func(l Layout) Program { return fakeMatch(t, l, "/bin/false", 1) }},
		{"no program", func(l Layout) Program {
			write(t, l.DirectFile(), "Host app_first.clever\n    RemoteCommand app_first\n")
			return Program{Proxy: "/bin/false", Match: "exec /nonexistent/clever-ssh"}
		}},
		{"yes, but no file", func(l Layout) Program { return Program{Proxy: "/bin/false", Match: "exec " + fakeProgram(t, "", 0)} }},
	} {
		t.Run(c.title, func(t *testing.T) {
			l := newLayout(t, "")
			l.Program = c.program(l)
			setup(t, config.Default(), l, "")
			got := values(t, l.UserFile, "app_first.clever")
			if got["remotecommand"] != "" || got["proxycommand"] != "/bin/false proxy --ssh clever" {
				t.Errorf("RemoteCommand %q, ProxyCommand %q", got["remotecommand"], got["proxycommand"])
			}
		})
	}
}

// hostsOf returns the foreign hosts that reveal something about the nth file: those that it names, and another, which
// differs from file to file.
func hostsOf(f users.File, n int) (hosts []string) {
	for i, host := range foreignHosts {
		if strings.Contains(f.Text, host) || (n+i)%len(foreignHosts) == 0 {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// ssh -G is the same before and after, for every host outside the suffixes, and no program runs for one. Our hosts
// are reached as the entries say, whatever the file wants for all hosts.
func TestSetupLeavesForeignHostsAlone(t *testing.T) {
	for n, f := range userFiles {
		t.Run(f.Title, func(t *testing.T) {
			t.Parallel()
			if f.Unread {
				l := newLayout(t, "")
				write(t, l.UserFile, f.Text)
				if out, err := effective(t, l.UserFile, "example.com"); err == nil {
					t.Errorf("ssh reads what we say that it refuses:\n%s", out)
				}
				return
			}
			l := newLayout(t, "")
			text := place(t, f)
			if strings.Contains(f.Text, "clever/config") {
				l = standardLayout(t)
				text = f.In(filepath.Dir(filepath.Dir(l.UserFile)), "")
			}
			called := filepath.Join(tempDir(t), "called")
			l.Program = Program{Proxy: falseProgram, Match: "touch " + called + " && false"}

			write(t, l.UserFile, text)
			before := map[string]string{}
			for _, host := range hostsOf(f, n) {
				out, err := effective(t, l.UserFile, host)
				if err != nil {
					t.Fatal(err)
				}
				before[host] = out
			}
			setup(t, parse(t, twoGateways), l, text)
			write(t, l.DirectFile(), string(formatDirect([]direct{{"app_x.clever", "app_x", time.Now(), 0}})))
			for host := range before {
				out, err := effective(t, l.UserFile, host)
				if err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(strings.Split(before[host], "\n"), strings.Split(out, "\n")); diff != "" {
					t.Errorf("%s:\n%s", host, diff)
				}
			}
			if _, err := os.Stat(called); err == nil {
				t.Error("the program was asked about a foreign host")
			}
			got := values(t, l.UserFile, "web.clever")
			for key, want := range maps(commonValues, cleverValues, map[string]string{"remotecommand": string(webTarget)}) {
				if got[key] != want {
					t.Errorf("web.clever: %s is %q, want %q", key, got[key], want)
				}
			}
			if _, err := os.Stat(called); err != nil {
				t.Errorf("the program was not asked about an alias: %v", err)
			}
		})
	}
}

// Each spelling that EditUserFile takes for its own line must also be one for ssh, and come first there.
func TestEverySpellingOfTheIncludeWorks(t *testing.T) {
	for _, f := range userFiles {
		if !f.Ours || strings.Contains(f.Text, "~") {
			continue
		}
		t.Run(f.Title, func(t *testing.T) {
			t.Parallel()
			l := newLayout(t, "")
			text := strings.NewReplacer("/home/me/.ssh/clever/config", l.ConfigFile(), "clever/config", l.ConfigFile()).Replace(f.Text)
			if got, err := editUserFile(text, l); err != nil || string(got) != text {
				t.Fatalf("a line is added: %v\n%s", err, got)
			}
			setup(t, parse(t, oneName), l, text)
			if got := values(t, l.UserFile, "web.clever"); got["remotecommand"] != string(webTarget) {
				t.Errorf("ssh does not read the entries:\n%s", text)
			}
		})
	}
}

// Whatever CheckPath accepts must reach ssh whole: the entries, the file with the pinned keys, and direct.conf.
func TestFoldersThatSSHReads(t *testing.T) {
	var through []string
	for _, folder := range []string{
		"plain", "with blank", " blank first", "clé", "a#b", "#a", "a=b", "a = b", "=a", "a&b", "a;b", "a(b)", "{a,b}", "a!b", "~root", "-a", "a,b", "a|b", "a<b>", "`a`", "^a",
	} {
		if CheckPath("/"+folder+"/config") == nil {
			through = append(through, folder)
		}
	}
	if len(through) < 10 {
		t.Errorf("only %q are let through", through)
	}
	// Several in each path: ssh must take every character literally.
	for folders := range slices.Chunk(through, 5) {
		folder := filepath.Join(folders...)
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			l := newLayout(t, folder)
			l.Program = fakeMatch(t, l, "/bin/false", 0)
			setup(t, parse(t, oneName), l, "Host *\n    UserKnownHostsFile /dev/null\n")
			for alias, target := range map[string]string{"web.clever": string(webTarget), "app_first.clever": "app_first"} {
				got := values(t, l.UserFile, alias)
				if got["remotecommand"] != target || got["userknownhostsfile"] != l.KnownHosts() {
					t.Errorf("%s: RemoteCommand %q, UserKnownHostsFile %q", alias, got["remotecommand"], got["userknownhostsfile"])
				}
			}
			if got := values(t, l.UserFile, "web.run.clever")["userknownhostsfile"]; got != l.BridgeKnownHosts() {
				t.Errorf("web.run.clever: UserKnownHostsFile %q", got)
			}
			wantBridge(t, strings.TrimPrefix(l.Program.Match, "exec "))
			if got := values(t, l.UserFile, "web.clever", "ls")["userknownhostsfile"]; got != l.BridgeKnownHosts() {
				t.Errorf("web.clever with a command: UserKnownHostsFile %q", got)
			}
		})
	}
}

// An identity that clever-ssh.toml may name must not stop ssh: it would stop for every host.
func TestIdentitiesThatSSHReads(t *testing.T) {
	for _, path := range []string{
		"/k/id", "~/.ssh/id", "/k/my key", "/k/clé", "/k/100%", "/k/%h", "/k/a#b", "/k/a #b", "/k/a=b", "/k/$HOME", "/k/a(b)", "/k/it's", "/k/it's my key", `/k/a\b`, `/k/a\\b`, `/k/a b\`, `/k/a\`, "/k/a;b", "/k/a*?",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			c, err := config.Parse("x.toml", fmt.Appendf(nil, "[[gateway]]\nidentity = '''%s'''\n", path))
			if err != nil {
				return // refused with a message, which is just as good
			}
			l := newLayout(t, "")
			setup(t, c, l, "")
			if _, err := effective(t, l.UserFile, "example.com"); err != nil {
				t.Fatal("ssh stops for every host: ", err)
			}
			if got, want := values(t, l.UserFile, "clever")["identityfile"], strings.ReplaceAll(path, "%", "%%"); got != want {
				t.Errorf("ssh would offer %q, want %q", got, want)
			}
		})
	}
}

// standardLayout names its files relative to ~/.ssh. In an Include, ssh takes ~ for $HOME, so another folder can
// stand in for the real one, which no test touches. In UserKnownHostsFile, it takes ~ for the account's home.
func standardLayout(t *testing.T) Layout {
	t.Helper()
	l := Layout{UserFile: filepath.Join(tempDir(t), ".ssh", "config"), Standard: true, RSA: true}
	write(t, l.UserFile, "Include clever/probe\n")
	write(t, filepath.Join(l.Folder(), "probe"), "User probed\n")
	if values(t, l.UserFile, "example.com")["user"] != "probed" {
		t.Skip("this ssh takes ~ in Include for the account's home")
	}
	return l
}

func TestStandardLayout(t *testing.T) {
	account, err := config.Home()
	if err != nil {
		t.Skip(err)
	}
	l := standardLayout(t)
	l.Program = fakeMatch(t, l, "/bin/false", 0)
	// ssh -G of 8.0 prints the path as written.
	isIn := func(path, file string) bool { return path == "~"+file || path == account+file }
	setup(t, parse(t, twoGateways), l, "Host *"+opposite)
	for alias, target := range map[string]string{
		"clever": "", "web.clever": string(webTarget), "app_first.clever": "app_first", "a.web.staging": "app_a", string(instanceID) + ".staging": string(instanceID),
	} {
		got := values(t, l.UserFile, alias)
		if got["remotecommand"] != target || got["requesttty"] != "force" {
			t.Errorf("%s: RemoteCommand %q, RequestTTY %s", alias, got["remotecommand"], got["requesttty"])
		}
		if known := got["userknownhostsfile"]; !isIn(known, "/.ssh/clever/known_hosts") {
			t.Errorf("%s: UserKnownHostsFile %s", alias, known)
		}
	}
	wantBridge(t, strings.TrimPrefix(l.Program.Match, "exec "))
	for _, args := range [][]string{{"web.run.clever"}, {"app_first.run.clever"}, {"web.clever", "ls"}, {"app_first.clever", "ls"}, {"a.web.staging", "ls"}} {
		got := values(t, l.UserFile, args...)
		if known := got["userknownhostsfile"]; got["remotecommand"] != "" || got["requesttty"] != "auto" || !isIn(known, "/.ssh/clever/bridge_known_hosts") {
			t.Errorf("%s: RemoteCommand %q, RequestTTY %s, UserKnownHostsFile %s", args, got["remotecommand"], got["requesttty"], known)
		}
	}
}
