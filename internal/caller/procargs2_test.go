package caller

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProcargs2(t *testing.T) {
	raw := func(count int32, text string) []byte {
		return append(binary.NativeEndian.AppendUint32(nil, uint32(count)), text...)
	}
	for _, test := range []struct {
		name string
		raw  []byte
		want []string
		err  string
	}{
		{"ssh", raw(2, "/usr/bin/ssh\x00\x00\x00\x00ssh\x00web.clever\x00HOME=/Users/bob\x00\x00"), []string{"ssh", "web.clever"}, ""},
		{"no padding", raw(2, "/usr/bin/ssh\x00ssh\x00web.clever\x00"), []string{"ssh", "web.clever"}, ""},
		{"empty arguments", raw(4, "/usr/bin/ssh\x00\x00ssh\x00\x00web.clever\x00\x00HOME=/\x00"),
			[]string{"ssh", "", "web.clever", ""}, ""},
		{"no environment", raw(2, "/usr/bin/ssh\x00ssh\x00\x00"), []string{"ssh", ""}, ""},
		{"no arguments", raw(0, "/usr/bin/ssh\x00\x00HOME=/\x00"), nil, ""},
		{"negative number", raw(-1, "/usr/bin/ssh\x00ssh\x00"), nil, ""},
		{"nothing", nil, nil, "too short"},
		{"number only", raw(1, ""), nil, "path does not end"},
		{"endless path", raw(1, "/usr/bin/ssh"), nil, "path does not end"},
		{"too few", raw(3, "/usr/bin/ssh\x00ssh\x00web.clever\x00"), nil, "fewer arguments"},
		{"cut off", raw(2, "/usr/bin/ssh\x00ssh\x00web.cl"), nil, "fewer arguments"},
		{"very many", raw(1<<31-1, "/usr/bin/ssh\x00ssh\x00"), nil, "fewer arguments"},
	} {
		t.Run(test.name, func(t *testing.T) {
			program, got, err := parseProcargs2(test.raw)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %q, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if program != "/usr/bin/ssh" {
				t.Errorf("program %q", program)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
