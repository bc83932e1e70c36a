package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// manual prints the manual page, which is made of the commands' own help.
var manualCommand = &cli.Command{
	Name:      "manual",
	Hidden:    true,
	UsageText: "manual",
	Description: `Prints the manual page, clever-ssh(1), for man to format.

    clever-ssh manual | man -l -`,
	Action: func(c *cli.Context) error {
		if c.NArg() > 0 {
			return usagef("manual takes no arguments")
		}
		_, err := fmt.Fprint(os.Stdout, manualPage(c.App))
		return err
	},
}

const manualDescription = `clever-ssh makes ssh(1), scp(1), sftp(1), rsync(1) and PuTTY reach the instances of applications on Clever Cloud by a short name, an
alias, through the one SSH gateway that there is, and refuses a gateway whose host key is not pinned. They stay the SSH clients:
clever-ssh is the ProxyCommand that they start, and sees no private key and no passphrase.

An alias is a name or an id, with the suffix of its gateway behind it: web.clever for a name that setup has registered,
app_....clever for any application, and the id of an instance likewise. The suffix alone, clever, is the gateway's menu. With
.run before the suffix, as in web.run.clever, everything goes through the bridge, for programs that are not OpenSSH.`

// The files and variables that people meet, in the words of the manual page.
var (
	manualFiles = [][2]string{
		{"~/.config/clever-cloud/clever-ssh.toml", "The settings: gateways, pins and names. All that is edited by hand. On Windows it is in clever-cloud under %APPDATA%."},
		{"~/.ssh/config", "Here setup adds one line, Include clever/config, on top."},
		{"~/.ssh/clever/", "What setup derives from the settings, and the gateways' host keys. Not to be edited."},
		{"~/.putty/sessions/", "PuTTY's saved sessions. On Windows they are in the registry."},
		{".clever.json", "Which applications clever-tools has linked to a folder. Here or above, setup registers them."},
	}
	manualEnvironment = [][2]string{
		{"XDG_CONFIG_HOME", "Where the folder clever-cloud with the settings is, instead of ~/.config."},
		{"SSH_AUTH_SOCK", "The agent with your keys, which ssh asks."},
		{"APP_CONFIGURATION_FILE", "Another file instead of .clever.json, as for clever-tools."},
		{"SSH_GATEWAY", "A gateway that clever-tools was told to use. It is offered by setup, and never used by itself."},
	}
	manualStatus = [][2]string{
		{"0", "Done."},
		{"1", "Failed; why is on stderr."},
		{"2", "The command line makes no sense."},
		{"255", "The command of exec or logs could not be run. Otherwise their status is the command's."},
	}
)

// manualPage is clever-ssh(1).
func manualPage(app *cli.App) string {
	r := new(roff)
	name, about, _ := strings.Cut(strings.Split(help, "\n")[0], " - ")
	release, _, _ := strings.Cut(app.Version, ",")
	r.macro("TH", strings.ToUpper(name), "1", commitDate(), name+" "+release, "User Commands")
	// No word is hyphenated, and nothing is stretched: commands stand among the words.
	r.WriteString(".nr HY 0\n.nh\n.ad l\n.ss 12 0\n")

	r.macro("SH", "NAME")
	r.WriteString(escapeRoff(name) + ` \- ` + escapeRoff(about) + "\n")
	r.macro("SH", "SYNOPSIS")
	r.macro("nf")
	for _, c := range app.VisibleCommands() {
		r.macro("B", name+" "+c.UsageText)
	}
	r.macro("B", name+" --help | --version")
	r.macro("fi")
	r.macro("SH", "DESCRIPTION")
	r.prose(manualDescription)
	r.macro("SH", "COMMANDS")
	for _, c := range app.VisibleCommands() {
		r.macro("SS", c.UsageText)
		r.prose(c.Description)
		for _, f := range c.VisibleFlags() {
			option, meaning, _ := strings.Cut(f.String(), "\t")
			r.entry(option, meaning)
		}
	}
	for _, section := range []struct {
		title   string
		entries [][2]string
	}{{"FILES", manualFiles}, {"ENVIRONMENT", manualEnvironment}, {"EXIT STATUS", manualStatus}} {
		r.macro("SH", section.title)
		for _, e := range section.entries {
			r.entry(e[0], e[1])
		}
	}
	r.macro("SH", "EXAMPLES")
	_, examples, _ := strings.Cut(help, "\n\n")
	examples, _, _ = strings.Cut(examples, "\n\nCommands:")
	for _, block := range strings.Split(examples, "\n\n") {
		title, lines, _ := strings.Cut(block, "\n")
		r.macro("PP")
		r.line(title)
		r.macro("PP")
		r.example(strings.Split(lines, "\n"))
	}
	r.macro("SH", "SEE ALSO")
	r.line("ssh(1), ssh_config(5), scp(1), sftp(1), rsync(1), plink(1), putty(1)")
	return r.String()
}

// commitDate is the day of the commit that was built, so that the same source makes the same page; empty where that is not
// known.
func commitDate() string {
	day, _, _ := strings.Cut(buildSetting("vcs.time"), "T")
	return day
}
