package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"clever-ssh/cmd/clever-ssh/internal/ui"
)

// reportTo is a report that can be read.
func reportTo(out *bytes.Buffer, asJSON bool) *report {
	r := newReport(asJSON, "v1.2.3")
	r.out, r.colour = out, false
	return r
}

// fill reports one finding of each status.
func fill(r *report) {
	r.ok("name", "gw.example", "%d addresses", 2)
	r.warn("address", "192.0.2.1:22", "connected in 3000 ms", "the way is slow")
	r.fail("login", "", ui.Hint(errors.New("no\nkey"), "its own hint"), "another")
	r.skip("session", "web.clever", "not proven")
	r.add(finding{Check: "key", Status: statusOK, Found: "ssh-ed25519", Details: []string{"SHA256:x", "MD5:y"}})
}

func TestReportLines(t *testing.T) {
	var out bytes.Buffer
	r := reportTo(&out, false)
	fill(r)
	err := r.end()
	const want = `ok    name          gw.example: 2 addresses
WARN  address       192.0.2.1:22: connected in 3000 ms
                    hint: the way is slow
FAIL  login         no; key
                    hint: its own hint
                    hint: another
--    session       web.clever: not proven
ok    key           ssh-ed25519
                    SHA256:x
                    MD5:y

1 check failed, and 1 warning.
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
	if err != ui.ExitStatus(ui.ExitFailed) {
		t.Errorf("the exit status is %v", err)
	}
}

// Programs depend on the names.
func TestReportJSON(t *testing.T) {
	var out bytes.Buffer
	r := reportTo(&out, true)
	fill(r)
	if out.Len() > 0 {
		t.Errorf("before the end there is %s", out.String())
	}
	if err := r.end(); err != ui.ExitStatus(ui.ExitFailed) {
		t.Errorf("the exit status is %v", err)
	}
	const want = `{
  "version": "v1.2.3",
  "ok": false,
  "checks": [
    {
      "check": "name",
      "about": "gw.example",
      "status": "ok",
      "found": "2 addresses"
    },
    {
      "check": "address",
      "about": "192.0.2.1:22",
      "status": "warning",
      "found": "connected in 3000 ms",
      "hints": [
        "the way is slow"
      ]
    },
    {
      "check": "login",
      "status": "failed",
      "found": "no; key",
      "hints": [
        "its own hint",
        "another"
      ]
    },
    {
      "check": "session",
      "about": "web.clever",
      "status": "skipped",
      "found": "not proven"
    },
    {
      "check": "key",
      "status": "ok",
      "found": "ssh-ed25519",
      "details": [
        "SHA256:x",
        "MD5:y"
      ]
    }
  ]
}
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}

func TestReportEnds(t *testing.T) {
	for _, c := range []struct {
		failed, warnings int
		summary          string
	}{
		{0, 0, "Everything is ready."},
		{0, 1, "Nothing failed; 1 warning."},
		{0, 2, "Nothing failed; 2 warnings."},
		{1, 0, "1 check failed."},
		{2, 3, "2 checks failed, and 3 warnings."},
	} {
		for _, asJSON := range []bool{false, true} {
			var out bytes.Buffer
			r := reportTo(&out, asJSON)
			r.ok("home", "", "/home/me")
			r.skip("session", "", "no alias")
			for range c.failed {
				r.fail("files", "", errors.New("bad"))
			}
			for range c.warnings {
				r.warn("clock", "", "odd")
			}
			err := r.end()
			if (err == nil) != (c.failed == 0) {
				t.Errorf("%+v: the exit status is %v", c, err)
			}
			var decoded struct {
				OK     bool
				Checks []finding
			}
			if !asJSON && !bytes.HasSuffix(out.Bytes(), []byte("\n\n"+c.summary+"\n")) {
				t.Errorf("%+v: %s", c, out.String())
			} else if asJSON && (json.Unmarshal(out.Bytes(), &decoded) != nil || decoded.OK != (c.failed == 0) || len(decoded.Checks) != c.failed+c.warnings+2) {
				t.Errorf("%+v: %s", c, out.String())
			}
		}
	}
}

// An abandoned check may still report something after the end.
func TestNothingAfterTheEnd(t *testing.T) {
	var out bytes.Buffer
	r := reportTo(&out, false)
	r.end()
	before := out.String()
	r.fail("login", "", errors.New("late"))
	if out.String() != before || r.has("login", statusFailed) {
		t.Errorf("%s", out.String())
	}
}

func TestHas(t *testing.T) {
	r := reportTo(new(bytes.Buffer), false)
	fill(r)
	for status, want := range map[status]bool{statusFailed: true, statusOK: false, statusWarning: false} {
		if r.has("login", status) != want {
			t.Errorf("login %s: %t", status, !want)
		}
	}
}

// Whatever was found, no terminal obeys it, not even one that shows the JSON.
func TestReportEscapes(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		r := reportTo(&out, asJSON)
		const evil = "a\x1b[2J\u009b31m\u202eb"
		r.add(finding{Check: "key", About: evil, Status: statusWarning, Found: evil, Details: []string{evil}, Hints: []string{evil}})
		r.end()
		if bytes.ContainsAny(out.Bytes(), "\x1b\u009b\u202e") || bytes.Count(out.Bytes(), []byte(`u009b31m`)) != 4 {
			t.Errorf("%q", out.String())
		}
	}
}

func TestReportColours(t *testing.T) {
	var out bytes.Buffer
	r := reportTo(&out, false)
	r.colour = true
	r.fail("login", "", errors.New("no"))
	if want := "\x1b[1;31mFAIL\x1b[0m  login         no\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
