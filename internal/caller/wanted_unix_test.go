//go:build unix

package caller

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clever-ssh/config"
	"clever-ssh/internal/test"
)

// optionOf returns the value of an option in what ssh -G prints, or an empty string.
func optionOf(options, keyword string) string {
	_, rest, _ := strings.Cut("\n"+options, "\n"+keyword+" ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// randomLine returns an ssh command line for web.clever, made of words that decide what it asks for, in spellings
// that people do not use.
func randomLine(random *rand.Rand) []string {
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	option := func() string {
		keyword := pick("RequestTTY", "requesttty", "SessionType", "RemoteCommand", "LocalForward", "DynamicForward", "ClearAllForwardings", "BatchMode", "ProxyJump", "ProxyCommand")
		value := map[string]string{
			"requesttty": pick("no", "yes", "force", "auto", "false", "true", "NO", "None"), "sessiontype": pick("none", "default", "subsystem", "None"),
			"remotecommand": pick("none", target, "ls", "ls -l", target+" x", "NONE"), "localforward": pick("1 a:1", "1:b:2"), "dynamicforward": pick("1080", "a:1"),
			"clearallforwardings": pick("yes", "no", "true", "YES"), "batchmode": pick("yes", "no"), "proxyjump": pick("none", "b", "u@b:1"), "proxycommand": pick("none", "x %h", "NONE"),
		}[strings.ToLower(keyword)]
		if random.IntN(8) == 0 {
			keyword = pick(`"`+keyword+`"`, " "+keyword, keyword[:3]+`"`+keyword[3:]+`"`, "#"+keyword, "="+keyword, keyword+"\t")
		}
		if random.IntN(3) == 0 {
			value = pick(`"`+value+`"`, "'"+value+"'", value+" #c", value+"#c", value+" x", " "+value+" ", value+"\t", value[:1]+`"`+value[1:]+`"`, value+"\f", `\`+value, value+`"`, "="+value, value+",", `\"`+value)
		}
		return keyword + pick("=", " ", " = ", "= ", "==", "=\t", " =", "  ") + value
	}
	var args []string
	for range random.IntN(5) {
		switch random.IntN(6) {
		case 0, 1:
			args = append(args, "-o", option())
		case 2:
			args = append(args, "-"+pick("", "v", "C")+"o"+option())
		default:
			args = append(args, pick("-T", "-t", "-tt", "-N", "-s", "-W", "-L1:a:1", "-vT", "-Tt", "-tN", "-n", "-l", "-i", "-e", "-b", "-F", "-q", "-J", "-D1", "-J b"))
			if word := args[len(args)-1]; len(word) == 2 && strings.Contains("WlieFJb", word[1:]) {
				args = append(args, map[string]string{"-W": "h:1", "-F": "none", "-b": "127.0.0.1", "-J": "b"}[word])
				if last := len(args) - 1; args[last] == "" {
					args[last] = pick("-T", "x", "none", "--")
				}
			}
		}
		if random.IntN(3) == 0 {
			args = append(args, pick("web.clever", "web.clever", "bob@web.clever", "ssh://web.clever", "--", ""))
		}
	}
	args = append(args, "web.clever")
	for range random.IntN(3) {
		args = append(args, pick("ls", "", "-T", "--", "-N", " ", "-o", "RequestTTY=no"))
	}
	return args
}

// compareWithSSH reads a command line, has ssh read it, and compares the results. It is not ok if ssh refuses the
// line: then nobody calls.
func compareWithSSH(t *testing.T, ssh, entries string, args []string) (ok bool) {
	t.Helper()
	ask := func(first ...string) (options, said string, err error) {
		cmd := exec.Command(ssh, append(append([]string{"-F", entries, "-G"}, first...), args...)...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		return string(out), stderr.String(), err
	}
	options, said, err := ask()
	// ssh's objection to two commands shows that there is one.
	const two = "Cannot execute command-line and remote command"
	conflict := strings.Contains(said, two)
	if err != nil && !conflict {
		return false
	}
	line, err := Parse(append([]string{"ssh", "-F", entries, "-G"}, args...))
	if err != nil {
		t.Errorf("%q: %v, and ssh understands it", args, err)
		return true
	}
	if conflict { // a command and a RemoteCommand: it only matters that there is a command
		if !line.WantsBridge() || strings.Join(line.Command, " ") == "" {
			t.Errorf("%q: no command, and ssh has one", args)
		}
		return true
	}
	_, _, err = ask("-o", "RemoteCommand=probe") // with -q it does not even say why
	command := err != nil
	if got := strings.Join(line.Command, " ") != ""; got != command {
		t.Errorf("%q: a command is %t, for ssh %t", args, got, command)
	}
	if host := optionOf(options, "host"); host != "" && host != line.Destination {
		t.Errorf("%q: destination %q, for ssh %q", args, line.Destination, host)
	}
	own := optionOf(options, "remotecommand")
	_, notTarget := config.ParseTarget(own)
	_, named := line.Option("RemoteCommand")
	forwards := optionOf(options, "localforward") != "" || optionOf(options, "dynamicforward") != ""
	session := optionOf(options, "sessiontype")
	if session == "" { // an ssh before 8.7 does not print it
		if line.HasFlag("NsW") {
			session = "none"
		}
	}
	var want bool
	switch terminal := optionOf(options, "requesttty"); {
	case command || forwards || line.HasFlag("sW"):
		want = true
	case own != "" || named: // -G does not distinguish none from nothing
		want = notTarget != nil
	default:
		want = session != "default" && session != "" || terminal == "no" || terminal == "false"
	}
	if got := line.WantsBridge(); got != want {
		t.Errorf("%q: the bridge is %t, and should be %t by\n%s", args, got, want, options)
	}
	// A ProxyJump or a ProxyCommand overrides that of the entries. For some releases of ssh, a ProxyJump of none does
	// so too, for others not: it counts as one here.
	ownFile := slices.ContainsFunc(line.Flags[2:], func(f Flag) bool { return f.Letter == 'F' })
	if ours := optionOf(options, "proxycommand") == "ours"; !ownFile && !jumpsToNone(line) && ours != (line.OwnWay() == "") {
		t.Errorf("%q: %q beside the ProxyCommand of the entries, which ssh uses: %t", args, line.OwnWay(), ours)
	}
	return true
}

func jumpsToNone(line CommandLine) bool {
	jump, _ := line.Option("ProxyJump")
	return strings.EqualFold(jump, "none") || slices.Contains(line.Flags, Flag{Letter: 'J', Value: "none"})
}

// FuzzCommandLines compares our reading of an ssh command line with ssh's. `go test -fuzz` tries more.
func FuzzCommandLines(f *testing.F) {
	test.Slow(f)
	test.Need(f, "ssh")
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		f.Fatal(err)
	}
	for seed := range uint64(3) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 1))
		entries := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(entries, []byte("ProxyCommand ours\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		understood := 0
		for range 20 {
			if compareWithSSH(t, ssh, entries, randomLine(random)) {
				understood++
			}
		}
		if understood == 0 {
			t.Error("ssh has refused all lines: that compares nothing")
		}
	})
}
