package sshconfig

import (
	"strings"
	"testing"

	"clever-ssh/config"

	"github.com/google/go-cmp/cmp"
)

// written is the first line of each file.
const written = "# Written by clever-ssh setup from clever-ssh.toml. Do not edit: run `clever-ssh setup` again.\n"

// hardening is the block for all gateways, in the standard layout and with an ssh that supports RSA.
const hardening = `    RemoteCommand none
    RequestTTY force
    ProxyUseFdpass no
    CanonicalizeHostname no
    ControlPath none
    HostKeyAlgorithms ssh-ed25519,rsa-sha2-512,rsa-sha2-256
    UserKnownHostsFile ~/.ssh/clever/known_hosts
    StrictHostKeyChecking yes
    VerifyHostKeyDNS no
    UpdateHostKeys no
    PubkeyAuthentication yes
    PreferredAuthentications publickey
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    ForwardAgent no
    ForwardX11 no
    Tunnel no
    ServerAliveInterval 30
    ServerAliveCountMax 4
`

// bridged is what sends a connection through the bridge, in the standard layout.
const bridged = `    HostName clever-ssh-bridge
    Port 22
    ProxyCommand /opt/bin/clever-ssh bridge
    RemoteCommand none
    RequestTTY auto
    VisualHostKey no
    ControlPath none
    KexAlgorithms -diffie-hellman-*
    Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr
    HostKeyAlias clever-ssh-bridge
    UserKnownHostsFile ~/.ssh/clever/bridge_known_hosts
`

func TestConfigAndMatch(t *testing.T) {
	noRSA, noMatch := standard, standard
	noRSA.RSA = false
	noMatch.Program.Match = ""
	elsewhere := Layout{UserFile: "/srv/my files/ssh_config", Program: Program{Proxy: "'/opt/a b/clever-ssh'", Match: "exec '/opt/a b/clever-ssh'"}, RSA: true}
	bridgedElsewhere := strings.NewReplacer("~/.ssh/clever/bridge_known_hosts", `"/srv/my files/clever/bridge_known_hosts"`, "/opt/bin/clever-ssh", "'/opt/a b/clever-ssh'").Replace(bridged)

	bridgedWithoutRSA := strings.Replace(bridged, "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr", "chacha20-poly1305@openssh.com,aes128-ctr", 1)

	for _, c := range []struct {
		title, toml   string
		layout        Layout
		config, match string
	}{
		{"the defaults and one name", oneName, standard, written + `
Host web.run.clever
    ProxyCommand /opt/bin/clever-ssh bridge web.clever
Host *.run.clever
` + bridged + `
Host *
    Include "clever/match"

Host web.clever
    RemoteCommand app_facade42-cafe-babe-cafe-deadf00dbaad
Host clever *.clever
    HostName sshgateway-clevercloud-customers.services.clever-cloud.com
    User ssh
    ProxyCommand /opt/bin/clever-ssh proxy --ssh clever
    HostKeyAlias clever-ssh-clever

Host clever *.clever
` + hardening, written + `Match originalhost "clever,*.clever" exec "exec /opt/bin/clever-ssh match command"
` + bridged + `Match originalhost "!*.run.clever,app_*.clever,????????-????-????-????-????????????.clever,?.*.clever,??.*.clever,???.*.clever,any.*.clever,build.*.clever,all.*.clever" exec "exec /opt/bin/clever-ssh match direct"
    Include clever/direct.conf
`},
		{"two gateways, elsewhere than in ~/.ssh", twoGateways, elsewhere, written + `
Host 0.run.clever
    ProxyCommand '/opt/a b/clever-ssh' bridge 0.clever
Host db.run.clever
    ProxyCommand '/opt/a b/clever-ssh' bridge db.clever
Host web.run.clever
    ProxyCommand '/opt/a b/clever-ssh' bridge web.clever
Host *.run.clever
` + bridgedElsewhere + `
Host a.web.run.staging
    ProxyCommand '/opt/a b/clever-ssh' bridge a.web.staging
Host b-web.run.staging
    ProxyCommand '/opt/a b/clever-ssh' bridge b-web.staging
Host *.run.staging
` + bridgedElsewhere + `
Host *
    Include "/srv/my files/clever/match"

Host 0.clever
    RemoteCommand app_0
Host db.clever
    RemoteCommand 0123abcd-4567-89ab-cdef-0123456789ab
Host web.clever
    RemoteCommand app_facade42-cafe-babe-cafe-deadf00dbaad
Host clever *.clever
    HostName sshgateway-clevercloud-customers.services.clever-cloud.com
    User ssh
    ProxyCommand '/opt/a b/clever-ssh' proxy --ssh clever
    HostKeyAlias clever-ssh-clever
    IdentityFile "/keys/my key 100%%"
    IdentitiesOnly yes

Host a.web.staging
    RemoteCommand app_a
Host b-web.staging
    RemoteCommand app_b
Host staging *.staging
    HostName gw.example
    Port 2222
    User bob
    ProxyCommand '/opt/a b/clever-ssh' proxy --ssh staging
    HostKeyAlias clever-ssh-staging
    IdentityFile ~/.ssh/id_staging
    IdentitiesOnly yes

Host clever *.clever staging *.staging
` + strings.Replace(hardening, "~/.ssh/clever/known_hosts", `"/srv/my files/clever/known_hosts"`, 1), written + `Match originalhost "clever,*.clever,staging,*.staging" exec "exec '/opt/a b/clever-ssh' match command"
` + bridgedElsewhere + `Match originalhost "!*.run.clever,app_*.clever,????????-????-????-????-????????????.clever,?.*.clever,??.*.clever,???.*.clever,any.*.clever,build.*.clever,all.*.clever,!*.run.staging,app_*.staging,????????-????-????-????-????????????.staging,?.*.staging,??.*.staging,???.*.staging,any.*.staging,build.*.staging,all.*.staging" exec "exec '/opt/a b/clever-ssh' match direct"
    Include "/srv/my files/clever/direct.conf"
`},
		{"an ssh without RSA, no names", "", noRSA, written + `
Host *.run.clever
` + bridgedWithoutRSA + `
Host *
    Include "clever/match"

Host clever *.clever
    HostName sshgateway-clevercloud-customers.services.clever-cloud.com
    User ssh
    ProxyCommand /opt/bin/clever-ssh proxy --ssh clever
    HostKeyAlias clever-ssh-clever

Host clever *.clever
` + strings.Replace(hardening, ",rsa-sha2-512,rsa-sha2-256", "", 1), written + `Match originalhost "clever,*.clever" exec "exec /opt/bin/clever-ssh match command"
` + bridgedWithoutRSA + `Match originalhost "!*.run.clever,app_*.clever,????????-????-????-????-????????????.clever,?.*.clever,??.*.clever,???.*.clever,any.*.clever,build.*.clever,all.*.clever" exec "exec /opt/bin/clever-ssh match direct"
    Include clever/direct.conf
`},
		{"a program that no Match can name", "", noMatch, written + `
Host *.run.clever
` + bridged + `
Host clever *.clever
    HostName sshgateway-clevercloud-customers.services.clever-cloud.com
    User ssh
    ProxyCommand /opt/bin/clever-ssh proxy --ssh clever
    HostKeyAlias clever-ssh-clever

Host clever *.clever
` + hardening, ""},
	} {
		t.Run(c.title, func(t *testing.T) {
			conf := parse(t, c.toml)
			if diff := cmp.Diff(strings.Split(c.config, "\n"), strings.Split(string(Config(conf, c.layout)), "\n")); diff != "" {
				t.Errorf("config:\n%s", diff)
			}
			if diff := cmp.Diff(strings.Split(c.match, "\n"), strings.Split(string(Match(conf, c.layout)), "\n")); diff != "" {
				t.Errorf("match:\n%s", diff)
			}
		})
	}
}

// A file that must not exist has nil content, not empty content.
func TestMatchIsNilWhereItCannotBeWritten(t *testing.T) {
	if m := Match(config.Default(), Layout{UserFile: "/home/me/.ssh/config"}); m != nil {
		t.Errorf("%q", m)
	}
}

func TestIncludeLine(t *testing.T) {
	for file, want := range map[string]string{
		"/srv/ssh/config":          "Include /srv/ssh/clever/config",
		"/srv/my files/ssh_config": `Include "/srv/my files/clever/config"`,
	} {
		if got := (Layout{UserFile: file}).IncludeLine(); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
	if got := standard.IncludeLine(); got != "Include clever/config" {
		t.Error(got)
	}
}

func TestHasEntry(t *testing.T) {
	names := string(Config(parse(t, oneName), standard))
	direct := string(formatDirect([]direct{{alias: "app_x.clever", target: "app_x"}}))
	for _, c := range []struct {
		title, text, alias string
		target             config.Target
		want               bool
	}{
		{"a name", names, "web.clever", webTarget, true},
		{"a direct alias", direct, "app_x.clever", "app_x", true},
		{"in the first line", "Host web.clever\n    RemoteCommand app_x\n", "web.clever", "app_x", true},
		{"another target", names, "web.clever", "app_x", false},
		{"another target that the real one begins with", names, "web.clever", webTarget[:20], false},
		{"an alias that ends in a real one", names, "my-web.clever", webTarget, false},
		{"an alias that a real one ends in", names, "eb.clever", webTarget, false},
		{"another suffix", names, "web.staging", webTarget, false},
		{"a run alias has none of its own", names, "web.run.clever", webTarget, false},
		{"the menu has no target", names, "clever", "none", false},
		{"empty file", "", "web.clever", webTarget, false},
		{"commented out", "# Host web.clever\n    RemoteCommand app_x\n", "web.clever", "app_x", false},
		{"commented out without a blank", "#Host web.clever\n    RemoteCommand app_x\n", "web.clever", "app_x", false},
		{"another line in between", "Host web.clever\n    User me\n    RemoteCommand app_x\n", "web.clever", "app_x", false},
		{"cut short", "Host web.clever\n    RemoteCommand app_x", "web.clever", "app_x", false},
	} {
		if got := HasEntry([]byte(c.text), c.alias, c.target); got != c.want {
			t.Errorf("%s: %v", c.title, got)
		}
	}
}

func TestCheckPath(t *testing.T) {
	for _, path := range []string{
		"/home/me/.ssh/config", "/srv/my files/ssh_config", "/srv/é/ssh_config", "/srv/a#b/c", "/srv/#b/c", "/srv/a=b/c", "/srv/a&b;c/(d)",
		"/srv/{a,b}/c", "/srv/a!/c", "/srv/~me/c", "/srv/@:+,-_./c",
	} {
		if err := CheckPath(path); err != nil {
			t.Error(err)
		}
	}
	for _, path := range []string{
		`/a"b/c`, "/a'b/c", "/a%b/c", "/a$b/c", "/a${HOME}/c", "/a*/c", "/a?/c", "/a[b]/c", "/a]/c", "/a\nHost */c", "/a\rb/c", "/a\tb/c", "/a\x00b", "/a\x7fb", "/a\x1b[0m/c",
	} {
		if err := CheckPath(path); err == nil {
			t.Errorf("%q accepted", path)
		}
	}
}
