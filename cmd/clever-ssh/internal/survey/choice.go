package survey

import (
	"context"
	"errors"
	"strings"
	"time"

	"clever-ssh/bridge"
)

// choiceProbes returns the probes of what a gateway does with a target that does not lead to a shell at once.
func choiceProbes() group {
	const recognised = "a question that nobody can answer ends a command with the list; if the question is not recognised, the command waits 30 s"
	const refused = "an id that leads nowhere ends a command with the gateway's reason; if the gateway words it differently, its words are shown as noise"
	answers := func(name, text, expects string, end bool) probe {
		return probe{name: name, expects: expects, depends: recognised, see: func(ctx context.Context, s *survey) seen { return s.seeAnswer(ctx, text, end) }}
	}
	return group{title: "Questions and refusals", unless: (*survey).notLoggedIn, atOnce: true, members: []probe{
		answers("question, silence", "", "it waits", false),
		answers("question, no input", "", "it ends", true),
		answers("question, wrong word", "x\n", "it asks again", false),
		answers("question, empty line", "\n", "it asks again", false),
		answers("question, 1", "1\n", "a shell", false),
		{name: "unknown application", expects: "refused, status 1", depends: refused, see: seeRefusal("app_00000000-0000-4000-8000-000000000000")},
		{name: "unknown instance", expects: "refused, status 1", depends: refused, see: seeRefusal("00000000-0000-4000-8000-000000000000")},
		{name: "id and a command", see: seeSlotCommand},
		{name: "menu", expects: "a question", depends: "ssh clever, which has a terminal, as this probe does", see: seeMenu},
	}}
}

// seeAnswer answers the gateway's question, and sees what happens.
func (s *survey) seeAnswer(ctx context.Context, text string, end bool) seen {
	if len(s.instances) == 0 {
		return skip("no question: one instance only")
	}
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return judge(false, "%s", inWords(err)).with(err.Error())
	}
	defer n.close()
	if err := n.exec(ctx, string(s.target)); err != nil {
		return judge(false, "%s", inWords(err)).with(err.Error())
	}
	asked := func(out, err []byte) bool {
		return errors.As(bridge.Recognise(string(out), string(err), false), new(*bridge.QuestionError))
	}
	if err := n.await(ctx, asked); err != nil || n.hasEnded() {
		return judge(false, "no question this time")
	}
	outBefore, errBefore := n.texts()
	n.send(text, end)
	short, cancel := context.WithTimeout(ctx, quiet)
	defer cancel()
	n.awaitEnd(short)
	out, errs := n.texts()
	raw := []string{out, errs}
	reply := out[len(outBefore):] + errs[len(errBefore):]
	switch again := strings.Contains(reply, "Your choice:"); {
	case n.hasEnded():
		return judge(end, "it ended, %s", n.ending()).with(raw...)
	case text == "1\n":
		return s.seeShellBehind(ctx, n).with(raw...)
	case again:
		return judge(text != "" && !end, "it asks again").with(raw...)
	case reply == "":
		return judge(text == "" && !end, "it waits").with(raw...)
	}
	words, _ := sorted(reply)
	return judge(false, "%s", words).with(raw...)
}

// seeShellBehind sees whether a shell is running in a session.
func (s *survey) seeShellBehind(ctx context.Context, n *session) seen {
	m := newMark()
	n.send(m.echo("")+"\n", true)
	there := func(out, _ []byte) bool { return strings.Contains(string(out), m.String()) }
	n.await(ctx, there)
	if out, err := n.texts(); there([]byte(out), []byte(err)) {
		return judge(true, "a shell")
	}
	return judge(false, "no shell")
}

// seeRefusal sees how the gateway refuses a target.
func seeRefusal(target string) func(context.Context, *survey) seen {
	return func(ctx context.Context, s *survey) seen {
		sh, err := s.conn.begin(ctx, target, "", "")
		if err == nil {
			sh.close()
			return judge(false, "a shell")
		}
		none, refused := new(noShell), new(bridge.RefusedError)
		recognised := errors.As(err, &none) && errors.As(none.said, &refused)
		return judge(recognised && none.how == "status 1", "%s", inWords(asWorded(err))).with(err.Error())
	}
}

// seeSlotCommand sees whether the gateway runs a command that follows an id.
func seeSlotCommand(ctx context.Context, s *survey) seen {
	if s.slot == "" {
		return skip("there was no shell")
	}
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return learn("%s", inWords(err)).with(err.Error())
	}
	defer n.close()
	run, typed := newMark(), newMark()
	if err := n.exec(ctx, s.slot+" printf %s%s "+run.first+" "+run.second); err != nil {
		return learn("%s", inWords(err)).with(err.Error())
	}
	n.send(typed.echo("")+"\n", true)
	n.await(ctx, func(out, err []byte) bool {
		return strings.Contains(string(out), run.String()) || strings.Contains(string(out), typed.String())
	})
	out, errs := n.texts()
	switch {
	case strings.Contains(out, run.String()):
		return learn("the command runs").with(out, errs)
	case strings.Contains(out, typed.String()):
		return learn("a shell; the command is ignored").with(out, errs)
	case errors.As(bridge.Recognise(out, errs, true), new(*bridge.RefusedError)):
		n.awaitEnd(ctx)
		return learn("refused, as an unknown id is").with(out, errs)
	case n.hasEnded():
		return learn("it ended, %s", n.ending()).with(out, errs)
	}
	return learn("no answer").with(out, errs)
}

// seeMenu opens the menu, and hangs up.
func seeMenu(ctx context.Context, s *survey) seen {
	n, err := s.conn.openSession(ctx)
	if err != nil {
		return judge(false, "%s", inWords(err)).with(err.Error())
	}
	defer n.close()
	ok, err := n.requestTerminal(ctx)
	if err == nil && ok {
		ok, err = n.request(ctx, "shell", nil)
	}
	if err != nil || !ok {
		return judge(false, "the request was refused")
	}
	asks := func(out, err []byte) bool {
		return strings.Contains(string(out)+string(err), "Your choice:")
	}
	short, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	n.await(short, asks)
	out, errs := n.texts()
	switch {
	case asks([]byte(out), []byte(errs)):
		return judge(true, "a question").with(out, errs)
	case n.hasEnded():
		return judge(false, "it ended, %s", n.ending()).with(out, errs)
	}
	words, _ := sorted(out + errs)
	return judge(false, "%s", words).with(out, errs)
}
