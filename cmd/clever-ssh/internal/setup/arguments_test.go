package setup

import (
	"reflect"
	"strings"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

const (
	webID    = "app_facade42-cafe-babe-cafe-deadf00dbaad"
	instance = "0bf1c9f2-9a8d-4f4b-8c31-2f8f7b6a1d10"
	idHint   = "an application's id is shown in the console, and is in .clever.json"
)

// Valid arguments are accepted, and a doubtful one comes with a hint.
func TestArguments(t *testing.T) {
	for _, c := range []struct {
		suffix, args string
		names        map[config.Name]config.Target
		targets      []config.Target
		doubts       string // the hint
	}{
		{"clever", "", nil, nil, ""},
		{"clever", "web=" + webID, map[config.Name]config.Target{"web": webID}, nil, ""},
		{"clever", "web.clever=" + webID, map[config.Name]config.Target{"web": webID}, nil, ""},
		{"clever", "web=" + webID + " api=" + webID, map[config.Name]config.Target{"web": webID, "api": webID}, nil, ""},
		{"clever", "web=" + webID + " web=" + webID, map[config.Name]config.Target{"web": webID}, nil, ""},
		{"clever", webID, nil, []config.Target{webID}, ""},
		{"clever", "web=https://console.clever-cloud.com/users/me/applications/" + webID + "/information?tab=1#top", map[config.Name]config.Target{"web": webID}, nil, ""},
		{"clever", "https://console.clever-cloud.com/goto/" + webID + "?a=b", nil, []config.Target{webID}, ""},
		{"clever", "web=app_short", map[config.Name]config.Target{"web": "app_short"}, nil, "with the whole id: clever-ssh setup --replace web=app_..."},
		{"clever", "web=" + instance, map[config.Name]config.Target{"web": instance}, nil,
			"if it is an application's id, app_ is missing: clever-ssh setup --replace web=app_" + instance},
		{"staging", instance, nil, []config.Target{instance}, "if it is an application's id, app_ is missing: type: ssh app_" + instance + ".staging"},
		{"staging", "web=" + instance, map[config.Name]config.Target{"web": instance}, nil,
			"if it is an application's id, app_ is missing: clever-ssh setup --replace --suffix staging web=app_" + instance},
	} {
		r := &Request{Edit: config.Edit{Suffix: c.suffix}}
		if err := r.AddArguments(strings.Fields(c.args)); err != nil {
			t.Errorf("%s: %v", c.args, err)
			continue
		}
		if !reflect.DeepEqual(r.Edit.Names, c.names) || !reflect.DeepEqual(r.targets, c.targets) {
			t.Errorf("%s: got %v and %v, want %v and %v", c.args, r.Edit.Names, r.targets, c.names, c.targets)
		}
		var hints []string
		for _, doubt := range r.doubts {
			hints = append(hints, ui.Hints(doubt)...)
		}
		if got := strings.Join(hints, "\n"); got != c.doubts {
			t.Errorf("%s: got the doubts %q, want %q", c.args, got, c.doubts)
		}
	}
}

// Invalid arguments are refused, with a hint at what was probably meant.
func TestRefusedArguments(t *testing.T) {
	for _, c := range []struct{ suffix, args, says, hints string }{
		{"clever", webID + "=api", "the name goes before the =, and the id after it", "type: clever-ssh setup api=" + webID},
		{"clever", webID + "=Api", "the name goes before the =", "type: clever-ssh setup api=" + webID},
		{"clever", "api " + webID, `"api" is neither an application id`, "type: clever-ssh setup api=" + webID},
		{"clever", webID + " api", `"api" is neither an application id`, "type: clever-ssh setup api=" + webID},
		{"clever", "api = " + webID, `"api" is neither an application id`, "type: clever-ssh setup api=" + webID},
		{"clever", "api =" + webID, `"api" is neither an application id`, "type: clever-ssh setup api=" + webID},
		{"clever", "API=" + webID, `"API" is not a valid name`, "type: clever-ssh setup api=" + webID},
		{"staging", "API=" + webID, `"API" is not a valid name`, "type: clever-ssh setup --suffix staging api=" + webID},
		{"clever", "api=" + webID + ".clever", "is neither an application id", "type: clever-ssh setup api=" + webID},
		{"clever", "api=" + strings.ToUpper(instance), "is neither an application id", "type: clever-ssh setup api=" + instance},
		{"clever", webID + ".clever", "is neither an application id", "an id needs no registration; type: ssh " + webID + ".clever"},
		{"clever", "api", `"api" is neither an application id`, "to register a name: clever-ssh setup api=app_...\n" + idHint},
		{"clever", "api=", "no target is given for api", idHint},
		{"clever", "=" + webID, `"" is not a valid name`, idHint},
		{"clever", "api=app_1a2b3c4d-...", `"app_1a2b3c4d-..." is not a whole id`, idHint},
		{"clever", "app_…", "is not a whole id: the dots stand for the rest of it", idHint},
		{"clever", "api=http://console.clever-cloud.com/goto/" + webID, "is not an application's page", idHint},
		{"clever", "https://console.clever-cloud.com/organisations/orga_x?x=" + webID, "is not an application's page", idHint},
		{"clever", "api=" + webID + " api=app_other", "two targets are given for api: " + webID + " and app_other", ""},
	} {
		r := &Request{Edit: config.Edit{Suffix: c.suffix}}
		err := r.AddArguments(strings.Fields(c.args))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Join(ui.Hints(err), "\n") != c.hints {
			t.Errorf("%s: got %v\n%s\nwant %s\n%s", c.args, err, strings.Join(ui.Hints(err), "\n"), c.says, c.hints)
		}
		if want := (&Request{Edit: config.Edit{Suffix: c.suffix}}); !reflect.DeepEqual(r, want) {
			t.Errorf("%s: refused, and yet the request is %+v", c.args, r)
		}
	}
}

// An argument may be anything that a person types or pastes. Accepted arguments parse again to the
// same request, and an error changes nothing.
func FuzzAddArguments(f *testing.F) {
	for _, seed := range []string{
		"web=" + webID, webID, "web.clever=" + instance, "api = " + webID, webID + "=api", "web=app_…", "=", "a==b", "web=" + webID + " web=app_other",
		"https://console.clever-cloud.com/goto/" + webID + "?a=b", "API=" + webID + ".clever", strings.Repeat("a", 64) + "=app_x",
	} {
		f.Add("clever", seed)
	}
	f.Add("staging.example", "web.staging.example="+webID)
	f.Fuzz(func(t *testing.T, suffix, line string) {
		if config.CheckSuffix(suffix) != nil {
			suffix = config.DefaultSuffix
		}
		before := func() *Request {
			return &Request{Edit: config.Edit{Suffix: suffix, Names: map[config.Name]config.Target{"before": webID}}, targets: []config.Target{instance}}
		}
		r := before()
		if err := r.AddArguments(strings.Split(line, " ")); err != nil {
			if !reflect.DeepEqual(r, before()) {
				t.Errorf("refused, and yet the request is %+v", r)
			}
			if len(ui.Hints(err)) == 0 && !strings.Contains(err.Error(), "two targets are given") {
				t.Errorf("no hint for %v", err)
			}
			return
		}
		var again []string
		for n, target := range r.Edit.Names {
			again = append(again, string(n)+"."+suffix+"="+string(target))
		}
		for _, target := range r.targets[1:] {
			again = append(again, string(target))
		}
		second := before()
		if err := second.AddArguments(again); err != nil {
			t.Fatalf("accepted once, and refused then: %v", err)
		}
		if !reflect.DeepEqual(r.Edit, second.Edit) || !reflect.DeepEqual(r.targets, second.targets) {
			t.Errorf("got %+v, and then %+v", r, second)
		}
	})
}
