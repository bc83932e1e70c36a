package config

import (
	"strings"
	"testing"
)

func TestMakeName(t *testing.T) {
	for name, want := range map[string]Name{
		"web":                             "web",
		"My App":                          "my-app",
		"  --Café  du /  Nord!! ":         "cafe-du-nord",
		"Cafe\u0301":                      "cafe",
		"ÇA ŒUVRE ÆØÅ ß Ÿ":                "ca-oeuvre-aeoa-ss-y",
		"$(reboot); `id` | x\\y":          "reboot-id-x-y",
		"a--b - c":                        "a-b-c",
		"api.v2_x":                        "api.v2_x",
		"._-x-_.":                         "x",
		"日本 web 🚀":                        "web",
		"日本 🚀":                            "",
		"":                                "",
		"..":                              "",
		"web.run":                         "web-run",
		"web.run ":                        "web-run",
		".run":                            "run",
		"App_Back_end":                    "app-back-end",
		"app_":                            "app",
		instance:                          "",
		app:                               Name(strings.Replace(app, "_", "-", 1)),
		strings.Repeat("a", 62) + "-bc":   Name(strings.Repeat("a", 62)),
		strings.Repeat("a", 80):           Name(strings.Repeat("a", 63)),
		strings.Repeat("a", 59) + ".runx": Name(strings.Repeat("a", 59) + "-run"),
	} {
		got, err := MakeName(name)
		if err != nil || got != want {
			t.Errorf("MakeName(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"a\nb", "\x1b[31mred", "a\xffb"} {
		if got, err := MakeName(name); err == nil {
			t.Errorf("MakeName(%q) = %q, want an error", name, got)
		}
	}
}
