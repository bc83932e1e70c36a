// Package outpost runs on an instance, at the far end of a line, and serves the bridge's requests on streams:
// commands, terminals, connections, listeners and files. The two speak the protocol of package wire.
//
// It trusts the bridge with what the bridge's account may do on the instance, and with nothing else: all input
// is bounded, and none makes it panic. When the line ends it hangs up what it started, as sshd does.
package outpost
