package bridge

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
)

// marker is a random text of 128 bits. A script holds it as two separate halves, so that neither an echo of the
// script nor a trace of its execution (set -x) contains it.
type marker struct{ first, second string }

func newMarker() marker {
	var random [16]byte
	rand.Read(random[:])
	text := hex.EncodeToString(random[:])
	return marker{text[:len(text)/2], text[len(text)/2:]}
}

func (m marker) String() string { return m.first + m.second }

// print returns the shell command that prints the marker, a number with it, and then the bytes of a format of
// printf(1), for double quotes.
func (m marker) print(number, then string) string {
	return fmt.Sprintf(`printf "%%s%%s:%%s;%s" %s %s %s`, then, m.first, m.second, number)
}

// find finds the marker with its number, a colon before and a semicolon after it, and returns where it begins
// and ends. If the marker is not there, end is 0, and at is where an incomplete one may begin, or the end of
// text.
func (m marker) find(text []byte) (at, end int, number uint64) {
	const maxDigits = 19
	full := []byte(m.String() + ":")
	for from := 0; ; {
		at := bytes.Index(text[from:], full)
		if at < 0 {
			break
		}
		at += from
		from = at + len(full)
		digits := text[from:]
		n := 0
		for n < len(digits) && n <= maxDigits && '0' <= digits[n] && digits[n] <= '9' {
			n++
		}
		switch number, err := strconv.ParseUint("0"+string(digits[:n]), 10, 63); {
		case n == len(digits) && n <= maxDigits:
			return at, 0, 0
		case n < len(digits) && digits[n] == ';' && err == nil:
			return at, from + n + 1, number
		}
	}
	for at := max(0, len(text)-len(full)+1); at < len(text); at++ {
		if bytes.HasPrefix(full, text[at:]) {
			return at, 0, 0
		}
	}
	return len(text), 0, 0
}
