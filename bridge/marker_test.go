package bridge

import "testing"

func TestMarkers(t *testing.T) {
	t.Parallel()
	const m = "00112233445566778899aabbccddeeff"
	for _, row := range []struct {
		text    string
		at, end int
		number  uint64
	}{
		{"", 0, 0, 0},
		{"none", 4, 0, 0},
		{m, 0, 0, 0},
		{m + ":", 0, 0, 0},
		{m + ":1", 0, 0, 0},
		{m + ":1;", 0, 35, 1},
		{m + ":;", 0, 34, 0},
		{"x" + m + ":12;y", 1, 37, 12},
		{"x" + m[:31], 1, 0, 0},
		{"0" + m + ":1;", 1, 36, 1},
		{m + m + ":1;", 32, 67, 1},
		{m + ":x;" + m + ":1;", 35, 70, 1},
		{m + ":9223372036854775808;", 53, 0, 0},
		{m + ":9223372036854775807;", 0, 53, 9223372036854775807},
		{m + ":99999999999999999999", 53, 0, 0},
		{m + ":-1;", 36, 0, 0},
		{m + ";" + m[:5], 33, 0, 0},
	} {
		if at, end, number := (marker{m[:16], m[16:]}).find([]byte(row.text)); at != row.at || end != row.end || number != row.number {
			t.Errorf("%s: %d, %d, %d", row.text, at, end, number)
		}
	}
}
