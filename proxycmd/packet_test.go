package proxycmd

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadIdentification(t *testing.T) {
	// ofLength makes an identification string of n bytes, including its line end.
	ofLength := func(n int, end string) string {
		return "SSH-2.0-" + strings.Repeat("x", n-len("SSH-2.0-")-len(end)) + end
	}
	const id = "SSH-2.0-x\r\n"
	none := "this is not an SSH server: its first line is "
	invalid := "is not that of SSH 2.0"
	for _, test := range []struct{ name, before, line, rest, err string }{
		{name: "CRLF", line: id},
		{name: "LF", line: "SSH-2.0-x\n"},
		{name: "with a comment", line: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n"},
		{name: "every printable character", line: "SSH-2.0- !~\r\n"},
		{name: "no software version: the client's to judge", line: "SSH-2.0-\r\n"},
		{name: "what follows is not touched", line: id, rest: "\x00\x00\x01\x0c\x04\x14SSH-2.0-y\r\n"},
		{name: "255 bytes with CRLF", line: ofLength(255, "\r\n")},
		{name: "255 bytes with LF", line: ofLength(255, "\n")},
		{name: "256 bytes with CRLF", line: ofLength(256, "\r\n"), err: invalid},
		{name: "256 bytes with LF", line: ofLength(256, "\n"), err: invalid},

		{name: "a line before", before: "Welcome\r\n", line: id},
		{name: "empty lines before", before: "\r\n\n", line: id},
		{name: "the prefix later in a line", before: " SSH-2.0-x\r\nxSSH-2.0-x\r\n\x00SSH-2.0-x\n", line: id},
		{name: "the prefix in another case", before: "ssh-2.0-x\r\nSsh-2.0-x\r\n", line: id},
		{name: "a CR alone ends no line", before: "x\rSSH-2.0-y\r\n", line: id},
		{name: "1024 lines before", before: strings.Repeat("x\r\n", 1024), line: id},
		{name: "1025 lines before", before: "first\r\n" + strings.Repeat("x\r\n", 1024), line: id, err: none + `"first"`},
		{name: "8 KiB before", before: strings.Repeat("x", 8191) + "\n", line: id},
		{name: "8 KiB and one byte before", before: strings.Repeat("x", 8192) + "\n", line: id, err: none + `"xxx`},
		{name: "8 KiB and one byte in the second line", before: "first\r\n" + strings.Repeat("x", 8192) + "\n", line: id, err: none + `"first"`},
		{name: "8 KiB and one byte of identification", line: ofLength(8193, "\n"), err: none},

		{name: "SSH 1.99", line: "SSH-1.99-x\r\n", err: invalid},
		{name: "SSH 1.5", line: "SSH-1.5-x\r\n", err: invalid},
		{name: "SSH 2.1", line: "SSH-2.1-x\r\n", err: invalid},
		{name: "SSH 2.00", line: "SSH-2.00-x\r\n", err: invalid},
		{name: "no hyphen", line: "SSH-2.0\r\n", err: invalid},
		{name: "nothing but the prefix", line: "SSH-\r\n", err: invalid},
		// A second, valid line must not make up for the first: clients take the first.
		{name: "the first one counts", line: "SSH-1.5-x\r\n", rest: id, err: invalid},

		{name: "NUL", line: "SSH-2.0-x\x00y\r\n", err: invalid},
		{name: "CR inside", line: "SSH-2.0-x\ry\r\n", err: invalid},
		{name: "CR twice", line: "SSH-2.0-x\r\r\n", err: invalid},
		{name: "tab", line: "SSH-2.0-x\ty\r\n", err: invalid},
		{name: "escape", line: "SSH-2.0-\x1b[2J\r\n", err: `"SSH-2.0-\x1b[2J" ` + invalid},
		{name: "DEL", line: "SSH-2.0-\x7f\r\n", err: invalid},
		{name: "a byte with the high bit", line: "SSH-2.0-\x9b2J\r\n", err: invalid},
		{name: "UTF-8", line: "SSH-2.0-é\r\n", err: invalid},

		{name: "no line, escaped", before: "\x1b]0;title\x07\u202e\n", err: none + `"\x1b]0;title\a\u202e"`},
		{name: "another protocol", before: "HTTP/1.1 400 Bad Request\r\n\r\n", err: none + `"HTTP/1.1 400 Bad Request"`},
		{name: "an empty first line", before: "\r\nsecond\r\n", err: none + `""`},
		{name: "end in the first line", before: "220 mail.exam", err: none + `"220 mail.exam"`},
		{name: "end after a line", before: "first\nsecond\nthi", err: none + `"first"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			stream := test.before + test.line + test.rest
			readers := map[string]io.Reader{
				"at once":         strings.NewReader(stream),
				"byte by byte":    iotest.OneByteReader(strings.NewReader(stream)),
				"end with a byte": iotest.DataErrReader(strings.NewReader(stream)),
			}
			for how, reader := range readers {
				r := bufio.NewReader(reader)
				got, err := readIdentification(r, nil)
				if test.err != "" {
					if err == nil || !strings.Contains(err.Error(), test.err) {
						t.Errorf("%s: %q, error %v, want an error with %q", how, got, err, test.err)
					} else if !printable(err.Error()) {
						t.Errorf("%s: the error %q is not printable", how, err)
					}
					continue
				}
				if err != nil || string(got) != test.line {
					t.Errorf("%s: %q, error %v, want %q", how, got, err, test.line)
				}
				if rest, _ := io.ReadAll(r); string(rest) != test.rest {
					t.Errorf("%s: left %q, want %q", how, rest, test.rest)
				}
			}
		})
	}
}

// An identification that was cut off must not count: a client would read on into what follows.
func TestIdentificationCutOff(t *testing.T) {
	const stream = "SSH-2.0-x\r\n"
	for n := range len(stream) {
		got, err := readIdentification(bufio.NewReader(strings.NewReader(stream[:n])), nil)
		if err == nil {
			t.Errorf("%q: %q accepted", stream[:n], got)
		}
		if n == 0 && err != io.EOF {
			t.Errorf("error %v of an empty stream, want io.EOF", err)
		}
	}
	broken := errors.New("broken")
	if _, err := readIdentification(bufio.NewReader(iotest.ErrReader(broken)), nil); err != broken {
		t.Errorf("error %v of a stream that fails at once, want %v", err, broken)
	}
}

func TestReadLine(t *testing.T) {
	for _, test := range []struct {
		stream, want string
		limit        int
		ok           bool
	}{
		{"ab\ncd\n", "ab\n", 3, true},
		{"ab\ncd\n", "ab", 2, false},
		{"\n", "\n", 1, true},
		{"ab", "ab", 3, false},
		{"", "", 3, false},
		{"a\x00b\rc\n", "a\x00b\rc\n", 9, true},
	} {
		got, err := readLine(bufio.NewReader(strings.NewReader(test.stream)), test.limit)
		if string(got) != test.want || (err == nil) != test.ok {
			t.Errorf("readLine(%q, %d) = %q, %v, want %q", test.stream, test.limit, got, err, test.want)
		}
	}
}

// rawPacket makes the bytes of a packet that claims what it is told, with size bytes after its length.
func rawPacket(length uint32, padding byte, size int) []byte {
	raw := binary.BigEndian.AppendUint32(nil, length)
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(i)
	}
	if size > 0 {
		body[0] = padding
	}
	return append(raw, body...)
}

// All lengths near a bound, with all paddings, checked against the sentences of RFC 4253, section 6.
func TestReadPacketBounds(t *testing.T) {
	var lengths []uint32
	for n := range uint32(300) {
		lengths = append(lengths, n)
	}
	for n := uint32(34985); n < 35020; n++ {
		lengths = append(lengths, n)
	}
	lengths = append(lengths, 35004+8, 1<<16-4, 1<<18-4, 1<<31-4, math.MaxUint32-11, math.MaxUint32-3, math.MaxUint32)
	accepted := 0
	for _, length := range lengths {
		available := int(min(length, 40000))
		raw := rawPacket(length, 0, available)
		for padding := range 256 {
			if available > 0 {
				raw[4] = byte(padding)
			}
			whole := length >= 12 && length <= 35000 && (length+4)%8 == 0
			want := whole && padding >= 4 && int(length)-1-padding >= 1
			reader := bytes.NewReader(raw)
			p, err := readPacket(bufio.NewReaderSize(reader, 16))
			if (err == nil) != want {
				t.Fatalf("length %d, padding %d: error %v, want accepted %v", length, padding, err, want)
			}
			if err != nil {
				continue
			}
			accepted++
			if !bytes.Equal(p.raw, raw) || !bytes.Equal(p.payload, raw[5:len(raw)-padding]) || p.number() != raw[5] {
				t.Fatalf("length %d, padding %d: %d raw bytes, %d of payload", length, padding, len(p.raw), len(p.payload))
			}
		}
	}
	if accepted == 0 {
		t.Error("none was accepted")
	}
	const longest = 34996 // the longest length up to 35000 that fills blocks of 8 bytes
	if _, err := readPacket(bufio.NewReader(bytes.NewReader(rawPacket(longest, 4, longest)))); err != nil {
		t.Error(err)
	}
}

// Nothing may wait for the rest of a refused packet: a peer that claims 4 GiB need not send them.
func TestReadPacketRefusesEarly(t *testing.T) {
	for _, header := range [][]byte{
		{0xff, 0xff, 0xff, 0xfc, 4}, {0, 0, 0, 8, 4}, {0, 0, 0, 13, 4}, {0, 0, 0, 12, 3}, {0, 0, 0, 12, 11}, {0, 0, 0, 12, 0xff},
	} {
		silent, _ := io.Pipe()
		_, err := readPacket(bufio.NewReader(io.MultiReader(bytes.NewReader(header), silent)))
		if err == nil || !strings.Contains(err.Error(), "a packet") {
			t.Errorf("header %v: error %v", header, err)
		}
	}
}

func TestReadPacketCutOff(t *testing.T) {
	raw := newPacket([]byte("payload"))
	for n := range len(raw) {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, err := readPacket(bufio.NewReader(bytes.NewReader(raw[:n]))); err != want {
			t.Errorf("%d bytes of %d: error %v, want %v", n, len(raw), err, want)
		}
	}
}

func TestPacketRoundTrip(t *testing.T) {
	var stream []byte
	payloads := make([][]byte, 300)
	for i := range payloads {
		payloads[i] = bytes.Repeat([]byte{byte(i), 0xff}, i)[:i]
		payloads[i] = append(payloads[i], byte(i))
		raw := newPacket(payloads[i])
		padding := int(raw[4])
		if len(raw)%8 != 0 || len(raw) < 16 || padding < 4 || padding > 11 || !allZero(raw[len(raw)-padding:]) {
			t.Errorf("a payload of %d bytes makes a packet of %d with %d of padding", len(payloads[i]), len(raw), padding)
		}
		stream = append(stream, raw...)
	}
	r := bufio.NewReader(iotest.HalfReader(bytes.NewReader(stream)))
	var read []byte
	for i, want := range payloads {
		p, err := readPacket(r)
		if err != nil || !bytes.Equal(p.payload, want) {
			t.Fatalf("packet %d: payload %q, error %v, want %q", i, p.payload, err, want)
		}
		read = append(read, p.raw...)
	}
	if !bytes.Equal(read, stream) {
		t.Error("the packets together are not the stream")
	}
	if _, err := readPacket(r); err != io.EOF {
		t.Errorf("error %v at the end, want io.EOF", err)
	}
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func TestTakeString(t *testing.T) {
	for _, test := range []struct {
		message, s, rest string
		ok               bool
	}{
		{"\x00\x00\x00\x00", "", "", true},
		{"\x00\x00\x00\x00x", "", "x", true},
		{"\x00\x00\x00\x02abc", "ab", "c", true},
		{"\x00\x00\x00\x03abc", "abc", "", true},
		{"\x00\x00\x00\x04abc", "", "", false},
		{"", "", "", false},
		{"\x00\x00\x00", "", "", false},
		{"\x80\x00\x00\x00abc", "", "", false},
		{"\xff\xff\xff\xff", "", "", false},
		{"\xff\xff\xff\xfcabcdefgh", "", "", false}, // four more would be a sum that wraps to zero
	} {
		s, rest, err := takeString([]byte(test.message))
		if string(s) != test.s || string(rest) != test.rest || (err == nil) != test.ok {
			t.Errorf("takeString(%q) = %q, %q, %v", test.message, s, rest, err)
		}
	}
}

func TestTakeStrings(t *testing.T) {
	three := string(fields("a", "", "ccc"))
	for _, test := range []struct {
		message string
		n       int
		err     string
	}{
		{three, 3, ""},
		{three, 2, "7 bytes follow"},
		{three, 4, "past the end"},
		{three + "\x00", 3, "1 bytes follow"},
		{three[:len(three)-1], 3, "past the end"},
		{"", 0, ""},
		{"", 1, "past the end"},
	} {
		list, err := takeStrings([]byte(test.message), test.n)
		if test.err == "" && (err != nil || len(list) != test.n) || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("takeStrings(%q, %d) = %q, %v, want the error %q", test.message, test.n, list, err, test.err)
		}
	}
	if list, _ := takeStrings([]byte(three), 3); string(bytes.Join(list, []byte("|"))) != "a||ccc" {
		t.Errorf("takeStrings(%q) = %q", three, list)
	}
}

// fields are strings in the encoding of RFC 4251, section 5.
func fields(list ...string) []byte {
	var b []byte
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func TestEscape(t *testing.T) {
	long := strings.Repeat("x", 200)
	for text, want := range map[string]string{
		"":                                  `""`,
		"plain text":                        `"plain text"`,
		"line\r\n":                          `"line"`,
		"\r\n\r\n":                          `""`,
		"two\nlines\n":                      `"two\nlines"`,
		"\x00\x07\x08\t\x1b[31m":            `"\x00\a\b\t\x1b[31m"`,
		"DEL \x7f":                          `"DEL \x7f"`,
		"CSI \x9b2J":                        `"CSI \x9b2J"`,   // C1 as one byte
		"CSI \u009b2J":                      `"CSI \u009b2J"`, // and in UTF-8
		"é \u202e \u2028 \U0001f600 \ufeff": `"\u00e9 \u202e \u2028 \U0001f600 \ufeff"`,
		`"quoted" \`:                        `"\"quoted\" \\"`,
		long:                                `"` + long + `"`,
		long + "\n":                         `"` + long + `"`,
		long + "x":                          `"` + long + `"...`,
		// The bound applies to what is shown, not to what it is made from, and no character is cut in two.
		long[:199] + "\a":                `"` + long[:199] + `"...`,
		long[:198] + "\a":                `"` + long[:198] + `\a"`,
		strings.Repeat("\x1b", 50):       `"` + strings.Repeat(`\x1b`, 50) + `"`,
		strings.Repeat("\x1b", 51):       `"` + strings.Repeat(`\x1b`, 50) + `"...`,
		strings.Repeat("\x1b", 100_000):  `"` + strings.Repeat(`\x1b`, 50) + `"...`,
		strings.Repeat("é", 34):          `"` + strings.Repeat(`\u00e9`, 33) + `"...`,
		strings.Repeat("\U0001f600", 20): `"` + strings.Repeat(`\U0001f600`, 20) + `"`,
	} {
		if got := escape([]byte(text)); got != want {
			t.Errorf("escape(%q) = %s, want %s", text, got, want)
		}
	}
	for c := range 256 {
		if got := escape([]byte{'a', byte(c), 'b'}); !printable(got) {
			t.Errorf("escape of byte %#x is %q", c, got)
		}
	}
}

// printable reports whether a terminal can show s unchanged.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func FuzzIdentification(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "SSH-2.0-x\r\n", "SSH-2.0-x\n", "SSH-2.0-x", "hello\r\nSSH-2.0-x y\r\n\x00\x00\x01", "SSH-1.99-x\r\n", "SSH-2.0-x\r\r\n",
		"SSH-2.0-\x00\nSSH-2.0-x\n", "\rSSH-2.0-x\r\n", strings.Repeat("\n", 1024) + "SSH-2.0-x\n", strings.Repeat("\n", 1025) + "SSH-2.0-x\n",
		strings.Repeat("x", 8191) + "\nSSH-2.0-x\n", strings.Repeat("x", 8192) + "\nSSH-2.0-x\n", "SSH-2.0-" + strings.Repeat("x", 246) + "\n",
		"SSH-2.0-" + strings.Repeat("x", 247) + "\n",
	} {
		f.Add([]byte(seed))
	}
	eachRecorded(f, func(m recorded) {
		if m.number == 0 {
			f.Add(m.raw)
		}
	})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bufio.NewReader(bytes.NewReader(stream))
		got, err := readIdentification(r, nil)
		want, rest := firstIdentification(string(stream))
		if (err == nil) != (want != "") {
			t.Fatalf("%q: error %v, want %q", stream, err, want)
		}
		if err != nil {
			if !printable(err.Error()) {
				t.Errorf("the error %q is not printable", err)
			}
			return
		}
		left, _ := io.ReadAll(r)
		if string(got) != want || string(left) != rest {
			t.Errorf("%q and %q, want %q and %q", got, left, want, rest)
		}
	})
}

// firstIdentification finds the identification string in a whole stream, following the rules to the letter; "" if
// there is none.
func firstIdentification(stream string) (line, rest string) {
	for range 1025 {
		end := strings.IndexByte(stream, '\n') + 1
		if end == 0 || end > 8192 {
			return "", ""
		}
		line, stream = stream[:end], stream[end:]
		if !strings.HasPrefix(line, "SSH-") {
			continue
		}
		text := strings.TrimSuffix(line[:end-1], "\r")
		if end > 255 || !strings.HasPrefix(text, "SSH-2.0-") || !printable(text) {
			return "", ""
		}
		return line, stream
	}
	return "", ""
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 12, 10, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 12, 11, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 12, 3, 21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xfc, 4})
	f.Add(append(newPacket([]byte("one")), newPacket([]byte("another one"))...))
	seen := map[[2]int]bool{} // one of each size
	eachRecorded(f, func(m recorded) {
		if kind := [2]int{int(m.number), len(m.raw)}; m.number != 0 && !seen[kind] {
			seen[kind] = true
			f.Add(m.raw)
		}
	})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bufio.NewReader(bytes.NewReader(stream))
		for rest := stream; ; {
			p, err := readPacket(r)
			raw, payload := firstPacket(rest)
			if (err == nil) != (raw != nil) {
				t.Fatalf("%q: error %v, want %q", rest, err, raw)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(p.raw, raw) || !bytes.Equal(p.payload, payload) || p.number() != payload[0] {
				t.Fatalf("%q: packet %q with %q, want %q with %q", rest, p.raw, p.payload, raw, payload)
			}
			rest = rest[len(raw):]
		}
	})
}

// firstPacket splits the first packet off a whole stream, following the rules to the letter; nil if there is none.
func firstPacket(stream []byte) (raw, payload []byte) {
	if len(stream) < 16 {
		return nil, nil
	}
	size := 4 + uint64(binary.BigEndian.Uint32(stream))
	padding := uint64(stream[4])
	if size > 35004 || size%8 != 0 || size > uint64(len(stream)) || size < 16 || padding < 4 || size < 5+1+padding {
		return nil, nil
	}
	return stream[:size], stream[5 : size-padding]
}

func ExampleRefuse() {
	var stdout bytes.Buffer
	Refuse(strings.NewReader(""), &stdout, "unknown gateway")
	line, _ := stdout.ReadString('\n')
	fmt.Printf("%q\n", line)
	p, _ := readPacket(bufio.NewReader(&stdout))
	fmt.Printf("%q\n", p.payload)
	// Output:
	// "SSH-2.0-clever-ssh\r\n"
	// "\x01\x00\x00\x00\v\x00\x00\x00\x0funknown gateway\x00\x00\x00\x00"
}
