package bridge

import (
	"regexp"
	"strings"

	"clever-ssh/internal/quote"
)

// What the gateway, or an ssh, says instead of opening a shell.

var instanceLine = regexp.MustCompile(`(?m)^\s*\d+\) (.*) \(([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\)\s*$`)

// question reads the gateway's question: a numbered list, then a prompt, after which it waits. It takes whatever it was
// sent before for an answer, so that there may be several prompts, and on a terminal the answer's echo.
func question(noise string) *QuestionError {
	const prompt = "Your choice:"
	at := strings.Index(noise, prompt)
	if at < 0 {
		return nil
	}
	err := &QuestionError{}
	for _, match := range instanceLine.FindAllStringSubmatch(strings.ReplaceAll(noise[:at], "\r\n", "\n"), maxInstances) {
		err.Instances = append(err.Instances, Instance{ID: match[2], Text: strings.ReplaceAll(quote.Lines(match[1]), "\n", " ")})
	}
	if len(err.Instances) == 0 && !strings.HasSuffix(strings.TrimRight(noise, " "), prompt) {
		return nil // the words may be part of any greeting
	}
	return err
}

// maxInstances is more than a person can read, and than an application has.
const maxInstances = 200

var refusals = []string{"no instances you can ssh to", "The specified instance does not exist"}

// refusal finds the gateway's answer to a target that it does not lead to.
func refusal(noise string) *RefusedError {
	for line := range strings.Lines(noise) {
		for _, known := range refusals {
			if !strings.Contains(line, known) {
				continue
			}
			if at := strings.Index(line, "Error: "); at > 0 { // a terminal has shown part of our script before it
				line = line[at:]
			}
			return &RefusedError{Reason: strings.TrimSpace(quote.Lines(line))}
		}
	}
	return nil
}

// networkFaults are the lines with which an OpenSSH client ends whose connection was refused or lost.
var networkFaults = regexp.MustCompile(`^(?:` +
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
	return networkFaults.MatchString(last) && !strings.Contains(text, "Permission denied")
}
