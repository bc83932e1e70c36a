#!/bin/sh
# Builds the program into FILE, for this system or for that of GOOS and GOARCH. --version names VERSION, if it is given.
#
#   scripts/build.sh FILE [VERSION]
set -eu
if [ $# != 1 ] && [ $# != 2 ]; then
	sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
unset CDPATH
case $1 in
/*) file=$1 ;;
*) file=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
# Without the tag, the library of the command line brings a writer of manual pages, which nobody here uses.
exec go build -trimpath -tags urfave_cli_no_docs -ldflags "-s -w -X main.release=${2-}" -o "$file" ./cmd/clever-ssh
