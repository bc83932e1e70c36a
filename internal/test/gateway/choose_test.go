package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"clever-ssh/internal/test/gateway"
)

func TestMenu(t *testing.T) {
	g, key := start(t)
	terminal := openTerminal(t, dial(t, g, key), "")
	terminal.expect(`^1\) Personal space\r\n2\) Acme\r\nYour choice: `)
	terminal.typeIn("2\n")
	terminal.expect(`^2\r\n1\) web \(app_single\)\r\n2\) api \(app_double\)\r\n3\) old \(app_none\)\r\nYour choice: `)
	terminal.typeIn("2\n")
	terminal.expect(`^2\r\n1\) Sleepy Ponita - Instance 0 - UP \(` + ponita + `\)\r\n` +
		`2\) Tense Caterpie - Instance 1 - UP \(` + caterpie + `\)\r\nYour choice: `)
	terminal.typeIn("2\n")
	terminal.expect(`^2\r\nOpening an ssh shell`)
	terminal.expect(prompt(caterpie))
	terminal.typeIn("exit\n")
	if how := outcome(t, terminal.Wait()); how.status != 0 {
		t.Errorf("%+v", how)
	}
	want := []gateway.Session{{Target: "", TTY: true, Instance: caterpie, Ended: true}}
	if diff := cmp.Diff(want, g.Events().Sessions); diff != "" {
		t.Error(diff)
	}
}

// The gateway does not ask about an application with one instance.
func TestMenuOfOneInstance(t *testing.T) {
	g, key := start(t)
	terminal := openTerminal(t, dial(t, g, key), "")
	terminal.typeIn("2\n1\n")
	terminal.expect(prompt(single))
}

func TestBadChoiceAsksAgain(t *testing.T) {
	g, key := start(t)
	terminal := openTerminal(t, dial(t, g, key), "app_double")
	for _, bad := range []string{"3", "0", "-1", "", "ponita", strings.Repeat("1", 1000)} {
		terminal.expect("Your choice: ")
		terminal.typeIn(bad + "\n")
		terminal.expect(`Not a number from 1 to 2\.\r\n`)
	}
	// A line can be corrected before it is sent, and the shell gets what is typed ahead.
	terminal.expect("Your choice: ")
	terminal.typeIn("2\x7f1\necho typed''ahead\n")
	terminal.expect("typedahead\r\n")
	terminal.expect(prompt(ponita))
}

func TestNoChoice(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	for name, typed := range map[string]string{"end of input": "\x04", "interrupt": "\x03", "late interrupt": "1\x03"} {
		terminal := openTerminal(t, client, "app_double")
		terminal.expect("Your choice: ")
		terminal.typeIn(typed)
		terminal.expect("Error: Failed to choose instance: .*No choice was made'\r\n$")
		if how := outcome(t, terminal.Wait()); how.status != 1 {
			t.Errorf("%s: %+v", name, how)
		}
	}
}

// Without a terminal the question eats the first line of the script, and nothing more.
func TestChoiceFromScript(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	how := runScript(t, client, "app_double", "2\necho $INSTANCE_NUMBER\n")
	if !strings.HasPrefix(how.stdout, "1) Sleepy Ponita - Instance 0 - UP ("+ponita+")\n2) Tense") ||
		!strings.Contains(how.stdout, "Your choice: Opening an ssh shell") ||
		!strings.HasSuffix(how.stdout, "\n1\n") || how.status != 0 {
		t.Errorf("%+v", how)
	}
	how = runScript(t, client, "app_double", "touch ~/ran\necho ran\n")
	if strings.Contains(how.stdout, "ran\n") || !strings.Contains(how.stderr, "No choice was made") || how.status != 1 {
		t.Errorf("%+v", how)
	}
}

func TestNoAccess(t *testing.T) {
	g, key := start(t)
	client := dial(t, g, key)
	const (
		prefix      = "Error: Failed to choose instance: 'Error while running choice script: "
		noInstances = prefix + "Error: This application has no instances you can ssh to'\n"
		noInstance  = prefix + `API Error: API Error: Clever Cloud API error: ApiError ` +
			`{ id: 9017, message: "The specified instance does not exist." }'` + "\n"
	)
	for target, want := range map[string]string{
		"app_other":                            noInstances, // another account's
		"app_unknown":                          noInstances,
		"app_none":                             noInstances,
		"ls":                                   noInstances,
		"app_single; ls":                       noInstances,
		strings.ToUpper(ponita):                noInstances,
		foreign:                                noInstance, // another account's
		"00000000-0000-0000-0000-000000000000": noInstance,
	} {
		how := runScript(t, client, target, "echo ran\n")
		if diff := cmp.Diff([]any{"", want, 1}, []any{how.stdout, how.stderr, how.status}); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
		sessions := g.Events().Sessions
		if last := sessions[len(sessions)-1]; last.Target != target || last.Instance != "" {
			t.Errorf("%s: recorded %+v", target, last)
		}
	}
	terminal := openTerminal(t, client, "app_other")
	terminal.expect("^" + strings.TrimSuffix(noInstances, "\n") + "\r\n$")
	if how := outcome(t, terminal.Wait()); how.status != 1 {
		t.Errorf("%+v", how)
	}
}

// The key selects the account; AnyKey is the account for every key that is not registered.
func TestAnyKey(t *testing.T) {
	g, key := start(t, func(g *gateway.Gateway) {
		g.AnyKey = &gateway.Account{Organisations: other}
	})
	for _, test := range []struct {
		key      ssh.Signer
		target   string
		instance string
	}{{key, "app_single", single}, {newKey(t), "app_other", foreign}} {
		how := runScript(t, dial(t, g, test.key), test.target, "echo $INSTANCE_ID\n")
		if !strings.HasSuffix(how.stdout, "\n"+test.instance+"\n") {
			t.Errorf("%s: %+v", test.target, how)
		}
	}
}
