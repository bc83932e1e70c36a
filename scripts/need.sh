# shellcheck shell=sh
# Sourced by the other scripts: makes sure that programs are there.

# need PROGRAM PACKAGE: installs the Debian package where that is allowed (root with apt-get), and says what is
# missing elsewhere. For Go, its usual folder is looked at, too.
need() {
	case $1 in
	go) PATH=$PATH:/usr/local/go/bin ;;
	sshd) PATH=$PATH:/usr/sbin ;;
	esac
	if command -v "$1" >/dev/null 2>&1; then
		return
	fi
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		if [ -z "${need_updated-}" ]; then
			apt-get update -qq >&2
			need_updated=yes
		fi
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2 </dev/null
	fi
	if ! command -v "$1" >/dev/null 2>&1; then
		echo "$0: $1 is missing; install it (on Debian: the package $2)" >&2
		exit 1
	fi
}

# need_go: a Go that can build this module. Go takes newer toolchains by itself since 1.21.
need_go() {
	need go golang-go
	if ! go version >/dev/null 2>&1 || ! go list ./cmd/clever-ssh >/dev/null; then
		echo "$0: Go $(sed -n 's/^go //p' go.mod) or later is needed, and $(go env GOVERSION) is here: see https://go.dev/dl/" >&2
		exit 1
	fi
}
