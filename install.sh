#!/bin/sh
# Builds clever-ssh from this checkout, installs it and writes its ssh_config entries. Running it again is harmless.
#
#   ./install.sh                    into ~/.local/bin
#   ./install.sh --prefix DIR       into DIR/bin
#   ./install.sh --uninstall        takes out the program and everything that setup wrote (with --prefix if it was given)
set -eu

prefix=$HOME/.local
uninstall=
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)
		[ $# -gt 1 ] || { echo "install.sh: --prefix takes a folder" >&2; exit 2; }
		prefix=$2
		shift
		;;
	--prefix=?*) prefix=${1#--prefix=} ;;
	--uninstall) uninstall=yes ;;
	-h | --help)
		sed -n '2,6s/^# \{0,1\}//p' "$0"
		exit
		;;
	*)
		echo "install.sh: unknown option $1; see install.sh --help" >&2
		exit 2
		;;
	esac
	shift
done
case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac
program=$prefix/bin/clever-ssh

if [ -n "$uninstall" ]; then
	if [ ! -x "$program" ]; then
		echo "install.sh: there is no $program; nothing was changed" >&2
		exit 1
	fi
	"$program" remove --all
	rm "$program"
	echo "Removed $program and what setup wrote."
	exit
fi

cd "$(dirname "$0")"
PATH=$PATH:/usr/local/go/bin
if ! command -v go >/dev/null 2>&1; then
	echo "install.sh: Go is missing; install it (https://go.dev/dl/), then run this again" >&2
	exit 1
fi
if ! command -v ssh >/dev/null 2>&1; then
	echo "install.sh: ssh is missing; install OpenSSH's client (on Debian: the package openssh-client), then run this again" >&2
	exit 1
fi
if ! go list ./cmd/clever-ssh >/dev/null; then
	echo "install.sh: Go $(sed -n 's/^go //p' go.mod) or later is needed, and $(go env GOVERSION) is here: see https://go.dev/dl/" >&2
	exit 1
fi
release=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
mkdir -p "$prefix/bin"
# Built beside its place and renamed: connections that run the old program keep it.
trap 'rm -f "$program.new"' EXIT
CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs -ldflags "-s -w -X main.release=$release" -o "$program.new" ./cmd/clever-ssh
mv "$program.new" "$program"
echo "Installed $program ($release)."
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "$prefix/bin is not on your PATH. ssh finds the program all the same; to call it by name, add to your shell's profile:
    export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
"$program" setup
