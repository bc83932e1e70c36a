package login

import (
	"clever-ssh/cmd/clever-ssh/internal/openssh"
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

// EndMaster ends the connection that sessions share. Everybody who uses it loses their session.
func (i *Inner) EndMaster() { endMaster(string(i.Program), i.Master) }

// BatchOnly keeps the ssh from asking questions: nobody is there to answer.
func (i *Inner) BatchOnly() { i.args = append([]string{"-o", "BatchMode=yes"}, i.args...) }
