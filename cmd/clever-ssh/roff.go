package main

import (
	"fmt"
	"strings"
)

// roff writes a manual page with the macros of man(7).
type roff struct{ strings.Builder }

// roffEscapes are the characters that a formatter takes for its own, or turns into a typographer's: a person copies commands from
// the page.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

func escapeRoff(text string) string {
	text = roffEscapes.Replace(text)
	if strings.HasPrefix(text, ".") { // or it would be a request
		text = `\&` + text
	}
	return text
}

// macro writes a request with its arguments.
func (r *roff) macro(name string, arguments ...string) {
	r.WriteString("." + name)
	for _, a := range arguments {
		fmt.Fprintf(r, ` "%s"`, roffEscapes.Replace(a))
	}
	r.WriteString("\n")
}

// line writes a line of text, which is filled up with the next.
func (r *roff) line(text string) { r.WriteString(escapeRoff(strings.TrimSpace(text)) + "\n") }

// example writes lines as they are. A full stop with spaces behind it is no end of a sentence there.
func (r *roff) example(lines []string) {
	r.macro("EX")
	for _, l := range lines {
		r.WriteString(strings.ReplaceAll(escapeRoff(l), ".  ", `.\&  `) + "\n")
	}
	r.macro("EE")
}

// entry writes a term and what it means.
func (r *roff) entry(term, meaning string) {
	r.macro("TP")
	r.macro("B", term)
	r.line(meaning)
}

// prose writes paragraphs as the help texts have them: an empty line between them, examples indented by four spaces.
func (r *roff) prose(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		if i > 0 {
			r.macro("PP")
		}
		lines := strings.Split(paragraph, "\n")
		if rest, ok := strings.CutPrefix(paragraph, "    "); ok {
			r.example(strings.Split(strings.ReplaceAll(rest, "\n    ", "\n"), "\n"))
			continue
		}
		for _, l := range lines {
			r.line(l)
		}
	}
}
