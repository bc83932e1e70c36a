package caller

// This file says what an ssh was asked to do, in terms of what the gateway and the bridge can do.

import (
	"slices"
	"strings"

	"clever-ssh/config"
)

// WantsBridge reports whether an ssh was asked for something that the gateway cannot do: anything but the interactive
// session of a target. ssh itself deals with everything unrelated to that.
func (line CommandLine) WantsBridge() bool {
	if line.WantsMore() {
		return true
	}
	if command, ok := line.Option("RemoteCommand"); ok {
		// The bridge itself names the target, for a session without a terminal or for none. Anybody else who names
		// something wants it to run.
		_, err := config.ParseTarget(command)
		return err != nil
	}
	session, _ := line.Option("SessionType")
	return line.HasFlag("N") || strings.EqualFold(session, "none") || strings.EqualFold(session, "subsystem") || line.wantsNoTerminal()
}

// WantsMore reports whether an ssh was asked for a command, a subsystem, or connections.
func (line CommandLine) WantsMore() bool {
	return strings.Join(line.Command, " ") != "" || line.HasFlag("sW") || line.WantsTunnel()
}

// WantsTunnel reports whether an ssh was asked for connections through the place that it goes to, or back from there.
func (line CommandLine) WantsTunnel() bool {
	if none, _ := line.Option("ClearAllForwardings"); strings.EqualFold(none, "yes") || strings.EqualFold(none, "true") {
		return false
	}
	for _, keyword := range []string{"LocalForward", "RemoteForward", "DynamicForward"} {
		if _, ok := line.Option(keyword); ok {
			return true
		}
	}
	return line.HasFlag("LRD")
}

// HasFlag reports whether one of these letters is on the command line.
func (line CommandLine) HasFlag(letters string) bool {
	return slices.ContainsFunc(line.Flags, func(f Flag) bool { return strings.IndexByte(letters, f.Letter) >= 0 })
}

// wantsNoTerminal reports whether ssh ends up without a terminal. The last of -t and -T counts; an -o counts if there
// is neither.
func (line CommandLine) wantsNoTerminal() bool {
	terminal, _ := line.Option("RequestTTY")
	no := strings.EqualFold(terminal, "no") || strings.EqualFold(terminal, "false")
	for _, flag := range line.Flags {
		if flag.Letter == 't' || flag.Letter == 'T' {
			no = flag.Letter == 'T'
		}
	}
	return no
}

// OwnWay returns the way to the gateway that the command line gives ssh, as it may be shown. ssh then does not use
// the ProxyCommand of the entries. It is empty if the command line gives no such way.
func (line CommandLine) OwnWay() string {
	for _, flag := range line.Flags {
		switch {
		case flag.Letter == 'J':
			return "-J " + flag.Value
		case flag.Letter == 'o' && isAbout(flag.Value, []string{"ProxyJump", "ProxyCommand"}):
			return "-o " + flag.Value
		}
	}
	return ""
}

// HandedOn returns the options about the way to the gateway. An ssh that uses the bridge has them, and the ssh that
// goes to the gateway needs them. Those that decide where it leads, and as whom, are also in decisive: with other
// values, it is not the same connection. The bridge reads what ssh logs, so the log level does not follow the
// caller's.
func (line CommandLine) HandedOn() (args, decisive []string) {
	for _, flag := range line.Flags {
		var option []string
		which := true
		switch {
		case flag.Letter == 'o' && isAbout(flag.Value, whichKeys):
			option = []string{"-o", flag.Value}
		case flag.Letter == 'o' && isAbout(flag.Value, howPatient):
			option, which = []string{"-o", flag.Value}, false
		case strings.IndexByte("FiI", flag.Letter) >= 0:
			option = []string{"-" + string(flag.Letter), flag.Value}
		case strings.IndexByte("46", flag.Letter) >= 0:
			option = []string{"-" + string(flag.Letter)}
		}
		args = append(args, option...)
		if which {
			decisive = append(decisive, option...)
		}
	}
	return args, decisive
}

var (
	whichKeys = []string{"IdentityFile", "IdentitiesOnly", "IdentityAgent", "CertificateFile", "PKCS11Provider", "SecurityKeyProvider",
		"PubkeyAcceptedAlgorithms", "PubkeyAcceptedKeyTypes", "AddressFamily"}
	howPatient = []string{"AddKeysToAgent", "BatchMode", "ConnectTimeout", "ConnectionAttempts", "NumberOfPasswordPrompts"}
)

// isAbout reports whether an option sets one of the keywords.
func isAbout(option string, keywords []string) bool {
	line := CommandLine{Flags: []Flag{{Letter: 'o', Value: option}}}
	return slices.ContainsFunc(keywords, func(keyword string) bool { _, ok := line.Option(keyword); return ok })
}

// WantsMoreThanMenu reports whether an ssh that goes to the menu wants more than the menu, or a target there.
func (line CommandLine) WantsMoreThanMenu() bool {
	if _, err := config.ParseTarget(strings.Join(line.Command, " ")); line.WantsMore() && err != nil {
		return true
	}
	command, _ := line.Option("RemoteCommand")
	_, err := config.ParseTarget(command)
	return command != "" && !strings.EqualFold(command, "none") && err != nil
}
