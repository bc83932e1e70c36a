package login

import (
	"clever-ssh/cmd/clever-ssh/internal/openssh"
	"clever-ssh/config"
)

// Told is an Inner in a form in which another process can be told of it.
type Told struct {
	Program openssh.SSH
	Master  string
	Args    []string
	Alias   string
	Env     []string
}

// Tell is what another process must be told to log in in the same way.
func (i *Inner) Tell() Told { return Told{i.Program, i.Master, i.args, i.alias, i.env} }

// Inner is the ssh that was told of, on its way to a gateway.
func (t Told) Inner(g *config.Gateway) *Inner {
	return &Inner{Program: t.Program, Master: t.Master, args: t.Args, alias: t.Alias, env: t.Env, gateway: g}
}

// EndMaster ends the connection that sessions share. Whoever uses it loses its session.
func (i *Inner) EndMaster() { endMaster(string(i.Program), i.Master) }

// BatchOnly has the ssh ask nobody anything: nobody is there.
func (i *Inner) BatchOnly() { i.args = append([]string{"-o", "BatchMode=yes"}, i.args...) }
