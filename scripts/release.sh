#!/bin/sh
# Makes a release of the current commit in dist/: archives, Debian and RPM packages, SHA256SUMS, and NOTES.md (from
# CHANGELOG.md). The same commit, version and Go give the same bytes, wherever and whenever this runs.
#
#   scripts/release.sh                             the commit's tag is the version: v1.2.3
#   scripts/release.sh VERSION [SYSTEM/ARCH ...]   another version, and only for these systems: linux/amd64
set -eu
umask 022
# A developer's own settings would change these.
unset CDPATH GOOS GOARCH GOEXPERIMENT
export CGO_ENABLED=0 GO111MODULE=on GOWORK=off GOFLAGS="-buildvcs=true -trimpath" GOFIPS140=off GOAMD64=v1 GOARM64=v8.0
cd "$(dirname "$0")/.."
. scripts/need.sh

fail() {
	echo "$0: $1" >&2
	exit 1
}

case ${1-} in
-h | --help)
	sed -n '2,6s/^# \{0,1\}//p' "$0"
	exit
	;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
need git git
need_go "$work"
changes=$(git status --porcelain)
if [ -n "$changes" ]; then
	fail "these changes are not committed; commit them, or stash them (git stash -u), then run this again:
$changes"
fi
if [ $# = 0 ]; then
	# shellcheck disable=SC2046 # a tag has no spaces
	set -- $(git tag --points-at HEAD --list 'v[0-9]*')
	case $# in
	0) fail "the commit has no tag; make one (git tag -a v1.2.3), or give the version: $0 v1.2.3" ;;
	1) ;;
	*) fail "the commit has several tags ($*); say which one is the version: $0 $1" ;;
	esac
fi
version=$1
shift
printf %s "$version" | grep -Eqx 'v(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z.-]+)?' ||
	fail "$version is not a version; write one such as v1.2.3 or v1.2.3-rc.1"
# A prerelease gets the notes about unreleased changes.
case $version in
*-*) heading=Unreleased ;;
*) heading=${version#v} ;;
esac
notes=$(awk -v heading="## [$heading]" 'index($0, "## ") == 1 { inside = index($0, heading) == 1; next } inside' CHANGELOG.md)
[ -n "$notes" ] || fail "CHANGELOG.md says nothing about $heading; replace the heading [Unreleased] with this version and a date"
homepage=$(cat cmd/clever-ssh/homepage.txt)
case $homepage in
https://*) ;;
*) homepage= ;; # there is no homepage yet
esac
export HOMEPAGE="$homepage"
[ $# -gt 0 ] || set -- linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

dist=$PWD/dist
mkdir "$work/dist" "$work/files" "$work/files/completions"
printf '%s\n' "$notes" >"$work/NOTES.md"
# A clone holds nothing uncommitted, and this one has only one tag, the version: Go writes what it finds into the
# program.
git clone -q --no-tags . "$work/source"
cd "$work/source"
git update-ref "refs/tags/$version" HEAD
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

go build -o "$work/pack" ./scripts/release
nfpm=$(go tool -modfile=scripts/release/nfpm.mod -n nfpm)
export OUTPOSTS="$work/outposts" # for all systems
mkdir "$OUTPOSTS"
go run ./scripts/outposts "$OUTPOSTS"
scripts/build.sh "$work/clever-ssh" "$version"
cp LICENSE ./*.md "$work/files"
cp -R docs "$work/files" # README.md links to them
"$work/clever-ssh" completion bash >"$work/files/completions/clever-ssh.bash"
"$work/clever-ssh" completion zsh >"$work/files/completions/_clever-ssh"
"$work/clever-ssh" completion fish >"$work/files/completions/clever-ssh.fish"
"$work/pack" "$work/clever-ssh.1.gz" "$work/files/docs/clever-ssh.1"

for target in "$@"; do
	system=${target%/*} arch=${target#*/}
	name=clever-ssh_${version#v}_${system}_$arch
	folder=$work/$name
	echo "$name"
	cp -R "$work/files" "$folder"
	if [ "$system" = windows ]; then
		GOOS=$system GOARCH=$arch scripts/build.sh "$folder/clever-ssh.exe" "$version"
		"$work/pack" "$work/dist/$name.zip" "$folder"
		continue
	fi
	GOOS=$system GOARCH=$arch scripts/build.sh "$folder/clever-ssh" "$version"
	cp install.sh "$folder"
	"$work/pack" "$work/dist/$name.tar.gz" "$folder"
	[ "$system" = linux ] || continue
	for packager in deb rpm; do
		(cd "$folder" && VERSION=$version ARCH=$arch "$nfpm" package --config "$work/source/scripts/release/nfpm.yaml" \
			--packager $packager --target "$work/dist/" >/dev/null)
	done
done
"$work/pack" "$work/dist/SHA256SUMS" "$work/dist"/*
cp "$work/NOTES.md" "$work/dist"
rm -rf "$dist"
mv "$work/dist" "$dist"
echo "$dist: $version, built with $(go env GOVERSION)"
