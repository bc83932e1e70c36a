#!/bin/sh
# Installs clever-ssh and its manual page, and writes its ssh_config entries. In a release's archive it installs the program
# from there; in a checkout it builds one with Go. It can be run again at any time.
#
#   ./install.sh                      into ~/.local
#   ./install.sh --prefix DIR         into DIR/bin and DIR/share
#   ./install.sh --completion SHELL   also the completions for bash, zsh or fish; can be repeated
#   ./install.sh --uninstall          removes all of it and what setup wrote (repeat --prefix if you used it)
set -eu
umask 022    # ssh is to run what is installed here, so nobody else may change it
unset CDPATH # or cd might go elsewhere

prefix=$HOME/.local
shells=
uninstall=
while [ $# -gt 0 ]; do
	case $1 in
	--prefix)
		[ $# -gt 1 ] || { echo "install.sh: --prefix takes a folder" >&2; exit 2; }
		prefix=$2
		shift
		;;
	--prefix=?*) prefix=${1#--prefix=} ;;
	--completion | --completion=*)
		shell=${1#--completion}
		shell=${shell#=}
		if [ -z "$shell" ] && [ $# -gt 1 ]; then
			shell=$2
			shift
		fi
		case $shell in
		bash | zsh | fish) shells="$shells $shell" ;;
		*)
			echo "install.sh: --completion takes bash, zsh or fish" >&2
			exit 2
			;;
		esac
		;;
	--uninstall) uninstall=yes ;;
	-h | --help)
		sed -n '2,8s/^# \{0,1\}//p' "$0"
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
manual=share/man/man1/clever-ssh.1

# completion_of SHELL: where below a prefix it looks.
completion_of() {
	case $1 in
	bash) echo share/bash-completion/completions/clever-ssh ;;
	zsh) echo share/zsh/site-functions/_clever-ssh ;;
	fish) echo share/fish/vendor_completions.d/clever-ssh.fish ;;
	esac
}

if [ -n "$uninstall" ]; then
	if [ ! -x "$program" ]; then
		echo "install.sh: there is no $program; nothing was changed" >&2
		exit 1
	fi
	"$program" remove --all
	rm "$program"
	for file in "$manual" "$(completion_of bash)" "$(completion_of zsh)" "$(completion_of fish)"; do
		rm -f "$prefix/$file"
		# In a home, remove the folders of share that are empty now. Elsewhere the system may have made them.
		case $prefix in
		"$HOME"/*) (cd "$prefix" && rmdir -p "${file%/*}" 2>/dev/null) || true ;;
		esac
	done
	echo "Removed $program, what was installed with it and what setup wrote."
	exit
fi

cd "$(dirname "$0")"
if ! command -v ssh >/dev/null 2>&1; then
	echo "install.sh: ssh is missing; install OpenSSH's client (on Debian: the package openssh-client), then run this again" >&2
	exit 1
fi

# can_build: whether there is what build needs.
can_build() {
	PATH=$PATH:/usr/local/go/bin
	if ! command -v go >/dev/null 2>&1; then
		echo "install.sh: Go is missing; install it (https://go.dev/dl/), or use a release's archive, which does not need it" >&2
		exit 1
	fi
	if ! go list ./cmd/clever-ssh >/dev/null; then
		echo "install.sh: Go $(sed -n 's/^go //p' go.mod) or later is needed, but this is $(GOTOOLCHAIN=local go env GOVERSION): see https://go.dev/dl/" >&2
		exit 1
	fi
}

# build FILE: the program of this checkout.
build() {
	sh scripts/build.sh "$1" "$(git describe --tags --always --dirty 2>/dev/null || echo unknown)"
}

# can_unpack: whether the program of this archive is for this system. It reads that from the binary. Running it would prove
# nothing: some shells run a file that the kernel rejects as a script.
can_unpack() {
	system=$(uname -s | tr '[:upper:]' '[:lower:]')
	arch=$(uname -m)
	case $arch in
	x86_64) arch=amd64 ;;
	aarch64) arch=arm64 ;;
	esac
	for fact in "GOOS=$system" "GOARCH=$arch"; do
		if ! LC_ALL=C grep -q "build	$fact" clever-ssh; then
			echo "install.sh: this archive ($(basename "$PWD")) is for another system; use the one for ${system}_$arch, if there is one" >&2
			exit 1
		fi
	done
}

# unpack FILE: the program of this archive.
unpack() {
	cp clever-ssh "$1"
	chmod 755 "$1"
}

# place FILE: renames $work/new to FILE. Connections that run an old program keep it, and a link of that name is replaced, not
# followed.
place() {
	if [ -d "$1" ]; then
		echo "install.sh: $1 is a folder; move it away, then run this again" >&2
		exit 1
	fi
	mv -f "$work/new" "$1"
}

if [ -f go.mod ]; then
	take=build
elif [ -f clever-ssh ]; then
	take=unpack
else
	echo "install.sh: there is no clever-ssh next to this script; run it where the archive was unpacked, or in a checkout" >&2
	exit 1
fi
"can_$take"
mkdir -p "$prefix/bin" "$prefix/${manual%/*}"
# A folder of its own, where nobody else can have laid a link, and beside the program, so that it can be renamed.
work=$(mktemp -d "$prefix/bin/.clever-ssh.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
"$take" "$work/new"
place "$program"
cat docs/clever-ssh.1 >"$work/new"
place "$prefix/$manual"
echo "Installed $program ($("$program" --version))."
case :$PATH: in
*:"$prefix/bin":*) ;;
*) echo "$prefix/bin is not on your PATH. ssh finds the program anyway; to run it by name, add this to your shell's profile:
    export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
# Where bash-completion and fish look.
data=:${XDG_DATA_HOME:-$HOME/.local/share}:${XDG_DATA_DIRS:-/usr/local/share:/usr/share}:
for shell in $shells; do
	file=$prefix/$(completion_of "$shell")
	mkdir -p "${file%/*}"
	"$program" completion "$shell" >"$work/new"
	place "$file"
	echo "Installed $file."
	case $shell$data in
	zsh*)
		# shellcheck disable=SC2016 # it is zsh that knows $fpath
		zsh -fc 'print -rl -- $fpath' 2>/dev/null | grep -qxF "${file%/*}" ||
			echo "zsh does not look there by default; add this to ~/.zshrc, before compinit:
    fpath=(\"${file%/*}\" \$fpath)"
		;;
	*:"$prefix/share":*) ;;
	*) echo "$shell does not look there by default; add this to ~/.profile:
    export XDG_DATA_DIRS=\"$prefix/share:\${XDG_DATA_DIRS:-/usr/local/share:/usr/share}\"" ;;
	esac
done
# In /, setup finds no .clever.json. Nobody asked for its applications here, and anybody may have written it.
unset APP_CONFIGURATION_FILE
cd /
rm -rf "$work"
"$program" setup
