package login

import (
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/cmd/clever-ssh/internal/ui"
	"clever-ssh/config"
)

// Told describes an Inner to another process.
type Told struct {
	Program openssh.SSH
	Master  string
	Args    []string
	Alias   string
	Env     []string
}

// Tell returns what another process must know to log in in the same way.
func (i *Inner) Tell() Told { return Told{i.Program, i.Master, i.args, i.alias, i.env} }

// Inner returns the ssh described by t, on its way to a gateway.
func (t Told) Inner(g *config.Gateway) *Inner {
	return &Inner{Program: t.Program, Master: t.Master, args: t.Args, alias: t.Alias, env: t.Env, gateway: g}
}

// RetireMaster makes whoever comes next log in again. The sessions that share the connection so far keep it, and it
// ends with the last of them.
func (i *Inner) RetireMaster() {
	controlMaster(string(i.Program), i.Master, "stop")
	ui.Step("no new session uses the shared connection: %s", i.Master)
}

// BatchOnly keeps the ssh from asking questions: nobody is there to answer.
func (i *Inner) BatchOnly() { i.args = append([]string{"-o", "BatchMode=yes"}, i.args...) }
