#!/bin/sh
# Builds the program into FILE, for this system or for GOOS and GOARCH, with the outposts that it carries.
# --version reports VERSION, if given. OUTPOSTS names a folder that already has the outposts (scripts/outposts).
#
#   scripts/build.sh FILE [VERSION]
set -eu
if [ $# != 1 ] && [ $# != 2 ]; then
	sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
unset CDPATH
case $1 in
/*) file=$1 ;;
*) file=$PWD/$1 ;;
esac
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
if [ -z "${OUTPOSTS-}" ]; then
	OUTPOSTS=$(mktemp -d)
	trap 'rm -rf "$OUTPOSTS"' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	(unset GOOS GOARCH && go run -trimpath ./scripts/outposts "$OUTPOSTS") # it runs here, whatever system the program is for
fi
# Without the tag, the command line library includes a writer of manual pages, which is not used here.
go build -trimpath -overlay "$OUTPOSTS/overlay.json" -tags urfave_cli_no_docs -ldflags "-s -w -X main.release=${2-}" -o "$file" ./cmd/clever-ssh
