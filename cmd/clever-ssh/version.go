package main

import (
	"cmp"
	"runtime/debug"
)

// release is set when a release is built: -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, or what the Go toolchain knows about the build.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	v := cmp.Or(release, info.Main.Version)
	if revision := buildSetting("vcs.revision"); len(revision) >= 12 {
		v += ", commit " + revision[:12]
		if buildSetting("vcs.modified") == "true" {
			v += "-dirty"
		}
	}
	return v + ", " + info.GoVersion
}

// buildSetting returns what the Go toolchain recorded about the build (runtime/debug, BuildSetting), or "".
func buildSetting(key string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
	}
	return ""
}
