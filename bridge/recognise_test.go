package bridge

import (
	"errors"
	"testing"
)

// A question is distinguished from a refusal, on either stream, and from the noise before a shell.
func TestRecognise(t *testing.T) {
	const list = "1) Sleepy Ponita - Instance 0 - UP (11281f38-31ff-43a7-8595-a2d82630c32b)\n"
	const denied = "Error: Failed to choose instance: 'Error while running choice script: Error: This application has no instances you can ssh to'\n"
	for _, c := range []struct {
		stdout, stderr    string
		silent            bool
		question, refusal bool
	}{
		{stdout: "Opening an ssh shell.\n", stderr: "Warning: Permanently added it.\n", silent: true},
		{stdout: list + "Your choice: ", question: true},
		{stderr: list + "Your choice: ", question: true},
		{stdout: list + "Which one? "},
		{stdout: list + "Which one? ", silent: true, question: true},
		{stdout: denied, refusal: true},
		{stderr: denied, refusal: true},
	} {
		err := Recognise(c.stdout, c.stderr, c.silent)
		if question, refusal := errors.As(err, new(*QuestionError)), errors.As(err, new(*RefusedError)); question != c.question || refusal != c.refusal {
			t.Errorf("%+v is %v", c, err)
		}
	}
}
