package bridge

import (
	"strings"

	"clever-ssh/internal/pattern"
	"clever-ssh/internal/quote"
)

// The messages of a gateway, or an ssh, that opens no shell.

// prompt is how the gateway's question ended when we last saw it.
const prompt = "Your choice:"

// question finds the gateway's question: a list of instances, then a prompt, after which it waits. The gateway
// takes what was sent before for an answer, so there may be several prompts, and on a terminal the answer's
// echo.
//
// If the list and the known prompt are on one stream, the question is complete. Otherwise more may follow, and
// the prompt may have other words. If silent is set, nothing has come for a while, and an unfinished line
// counts as a prompt.
func question(stdout, stderr string, silent bool) *QuestionError {
	for _, text := range []string{stdout, stderr} {
		if list, _, asked := strings.Cut(text, prompt); asked { // an echo may follow
			if instances := readList(list); len(instances) > 0 && !silent {
				return &QuestionError{Instances: instances}
			}
		}
	}
	if !silent || !asks(stdout) && !asks(stderr) {
		return nil
	}
	before := func(text string) string {
		text, _, _ = strings.Cut(text, prompt)
		return text
	}
	list := readList(before(stdout) + "\n" + before(stderr))
	if len(list) == 0 && !endsWithPrompt(stdout) && !endsWithPrompt(stderr) {
		return nil // any greeting may contain these words
	}
	return &QuestionError{Instances: list}
}

// asks reports whether a text contains a prompt.
func asks(text string) bool { return strings.Contains(text, prompt) || unfinished(text) }

func endsWithPrompt(text string) bool { return strings.HasSuffix(strings.TrimRight(text, " "), prompt) }

// unfinished reports whether the last line of a text is not empty and has no end, and does not begin another
// instance.
func unfinished(text string) bool {
	last := text[1+strings.LastIndexByte(text, '\n'):]
	last = strings.TrimSpace(withoutCodes(last))
	return last != "" && !listBegins().MatchString(last)
}

// listBegins matches the beginning of a line of the list.
var listBegins = pattern.New(`^(?:[0-9]{1,6}|\?)[).\]]\s+\S`)

var refusals = []string{"no instances you can ssh to", "The specified instance does not exist"}

// refusalOn returns the refusal on either stream, or nil. The one on stderr counts first.
func refusalOn(stdout, stderr string) *RefusedError {
	for _, text := range []string{stderr, stdout} {
		if r := refusal(text); r != nil {
			return r
		}
	}
	return nil
}

// refusal finds the gateway's answer to a target for which it has no instance.
func refusal(noise string) *RefusedError {
	for line := range strings.Lines(noise) {
		for _, known := range refusals {
			if !strings.Contains(line, known) {
				continue
			}
			if at := strings.Index(line, "Error: "); at > 0 { // a terminal may show part of our script before it
				line = line[at:]
			}
			return &RefusedError{Reason: quote.Lines(strings.TrimSpace(line))}
		}
	}
	return nil
}

// networkFaults matches the last line of an OpenSSH client whose connection was refused or lost.
var networkFaults = pattern.New(`^(?:` +
	`(?:kex|ssh)_exchange_identification: (?:read: )?Connection (?:closed by remote host|reset by peer)|` +
	`Connection (?:closed|reset) by \S+(?: port -?\d+)?|` +
	`Connection to \S+ closed by remote host\.|` +
	`Connection timed out during banner exchange|Connection to \S+ port \d+ timed out|` +
	`ssh: connect to host \S+ port \d+: (?:Connection refused|Connection timed out|Connection reset by peer|Operation timed out|No route to host|Network is unreachable)|` +
	`(?:client_loop: send disconnect|Read from remote host \S+|ssh_dispatch_run_fatal: Connection to \S+ port \d+): (?:Broken pipe|Connection reset by peer|Connection timed out)` +
	`)$`)

// networkFault reports whether the last line of text says that the network failed, and no line says that a login was
// denied.
func networkFault(text string) bool {
	last := ""
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	return networkFaults().MatchString(last) && !strings.Contains(text, "Permission denied")
}
