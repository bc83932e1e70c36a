package bridge

import (
	"strings"

	"clever-ssh/internal/quote"
)

// The script may be shown by a terminal, by a shell that traces, or by a gateway that takes it for something
// else. It means nothing to a person, so the noise is shown without it.

// echoLength is how many consecutive characters of the script cannot be a coincidence.
const echoLength = 13

// echoes finds the script in text. The user's own part of it, the command and the environment, may also be in a
// message of the gateway, so it stays.
//
// Spaces do not count: a line editor adds some where it wraps the line, and moves the cursor instead of
// printing others.
type echoes struct {
	before, after map[string]bool // the pieces of echoLength characters before the command, and after it
	edge          string          // the last piece before it
}

func (s *script) echoes() echoes {
	bare := *s
	bare.environment = nil
	const opens = `c=$(printf "`
	before, rest, _ := strings.Cut(bare.line(), opens)
	before = solid(before + opens)
	after := solid(rest[len(printfFormat(s.command)):])
	return echoes{pieces(before, solid(s.terminalLine()), solid(s.begin())), pieces(after), before[len(before)-echoLength:]}
}

// solid returns text without spaces.
func solid(text string) string { return strings.Join(strings.Fields(text), "") }

func pieces(texts ...string) map[string]bool {
	all := map[string]bool{}
	for _, text := range texts {
		for at := range len(text) - echoLength + 1 {
			all[text[at:at+echoLength]] = true
		}
	}
	return all
}

// dots stand for text that was cut.
const dots = "…"

// cut removes the script from text, which may begin in the middle of it, and all control sequences for a
// terminal. It drops lines that hold nothing else.
func (e echoes) cut(text string) string {
	var b strings.Builder
	kept := 0
	for _, part := range e.find(text) {
		b.WriteString(text[kept:part[0]] + dots)
		kept = part[1]
	}
	if kept == 0 {
		return text
	}
	var left strings.Builder
	for line := range strings.Lines(withoutCodes(b.String() + text[kept:])) {
		if strings.Trim(line, dots+" \r\n") != "" {
			left.WriteString(line)
		}
	}
	return left.String()
}

// withoutCodes returns text without what a line editor puts between the characters that it shows. A carriage return
// is one of its movements of the cursor.
func withoutCodes(text string) string { return strings.ReplaceAll(quote.WithoutCodes(text), "\r", "") }

// find returns where in text the script is: each part from its first known piece to its last. Text between two
// pieces on one line belongs to it, perhaps as a quotation, and so does a little text between two lines. A line
// that begins or ends within the command begins or ends within the script.
func (e echoes) find(text string) (parts [][2]int) {
	var plain []byte
	var places []int // of the characters in text
	end := 0
	for _, code := range append(quote.Codes(text), []int{len(text), len(text)}) {
		for ; end < code[0]; end++ {
			if c := text[end]; strings.IndexByte(" \t\r\n", c) < 0 {
				plain, places = append(plain, c), append(places, end)
			}
		}
		end = code[1]
	}
	last, open := 0, false // the end of the last part in plain, and whether that is within the command
	closePart := func() {
		if open {
			part := &parts[len(parts)-1]
			line, _, _ := strings.Cut(text[part[1]:], "\n")
			part[1] += len(line)
		}
	}
	for i := 0; i+echoLength <= len(plain); i++ {
		piece := string(plain[i : i+echoLength])
		before, after := e.before[piece], e.after[piece]
		if !before && !after {
			continue
		}
		from, to := places[i], places[i+echoLength-1]+1
		if n := len(parts) - 1; n >= 0 && (i <= last+echoLength || !strings.Contains(text[parts[n][1]:from], "\n")) {
			parts[n][1] = to
		} else {
			closePart()
			if !before {
				from = strings.LastIndexByte(text[:from], '\n') + 1
				// The text after the command contains the words that the script begins with.
				for j := i; j < i+echoLength && j+echoLength <= len(plain); j++ {
					if e.before[string(plain[j:j+echoLength])] {
						from = places[j]
						break
					}
				}
			}
			parts = append(parts, [2]int{from, to})
		}
		last, open = i+echoLength, piece == e.edge
	}
	closePart()
	return parts
}
