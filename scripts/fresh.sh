#!/bin/sh
# Runs the demo, as committed, on a Debian with nothing installed: as root, which installs what it needs,
# and as an ordinary account. It needs root and debootstrap.
#
#   scripts/fresh.sh [--all] [SUITE ...]   bookworm and trixie unless suites are named; --all also runs scripts/test.sh,
#                                          as both
#
# MIRROR names a mirror to use instead of debootstrap's own. A suite that debootstrap does not know is taken for
# one of Ubuntu's. apt's settings, GOPROXY, GOSUMDB and the certificates that were added to this machine apply there
# too.
set -eu
unset CDPATH
all=
case ${1-} in
-h | --help)
	sed -n '2,10s/^# \{0,1\}//p' "$0"
	exit
	;;
--all)
	all=yes
	shift
	;;
-*)
	echo "fresh.sh: it takes --all and suites; see scripts/fresh.sh --help" >&2
	exit 2
	;;
esac
[ $# -gt 0 ] || set -- bookworm trixie
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null 2>&1; then
	echo "fresh.sh: run it as root, where debootstrap is installed" >&2
	exit 1
fi
GOPROXY=${GOPROXY-$(go env GOPROXY 2>/dev/null || true)}
GOSUMDB=${GOSUMDB-$(go env GOSUMDB 2>/dev/null || true)}

work=$(mktemp -d)
contained=
finish() {
	trap '' HUP INT TERM
	# The first process inside takes all others with it. unshare waits for that, and wait waits for unshare.
	# shellcheck disable=SC2046 # one number, or none
	[ -z "$contained" ] || kill -KILL $(cat "/proc/$contained/task/$contained/children") 2>/dev/null || true
	wait
	rm -rf --one-file-system "$work"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# contain COMMAND...: whatever it starts and mounts ends with it, or with this script.
contain() {
	unshare --mount --pid --fork --kill-child "$@" </dev/null &
	contained=$!
	contained_status=0
	wait "$contained" || contained_status=$?
	contained=
	return "$contained_status"
}

# as ACCOUNT COMMAND: runs it in that account's clone of this repository. The root is a mount, without which no program
# inside could have a mount namespace of its own. Terminals are as Debian has them, in group tty: otherwise the sshd of
# an ordinary account would fail to put them there.
as() {
	home=/home/$1
	[ "$1" != root ] || home=/root
	# shellcheck disable=SC2016 # the shell inside knows them
	contain sh -euc 'root=$1; shift; mount --bind "$root" "$root"; mount --rbind /dev "$root/dev"; mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts "$root/dev/pts"; mount -t proc proc "$root/proc"; exec chroot "$@"' - \
		"$root" --userspec="$1" "$root" env --default-signal=INT -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" USER="$1" LOGNAME="$1" \
		LANG=C.UTF-8 GOPROXY="$GOPROXY" GOSUMDB="$GOSUMDB" sh -c "cd ~/clever-ssh && $2"
}

# step WORDS: what comes next, and when.
step() { echo "== $suite: $* ($(date +%T))"; }

for suite in "$@"; do
	root=$work/$suite
	step debootstrap
	from=${MIRROR-} script=
	if ! [ -e "/usr/share/debootstrap/scripts/$suite" ]; then
		from=${MIRROR-http://archive.ubuntu.com/ubuntu} script=gutsy # which all of Ubuntu's later suites use
	fi
	# universe is for Ubuntu; debootstrap leaves out what a suite does not have.
	contain debootstrap --variant=minbase --components=main,universe "$suite" "$root" ${from:+"$from"} ${script:+"$script"} >"$work/debootstrap" || {
		cat "$work/debootstrap" >&2
		exit 1
	}
	if command -v apt-config >/dev/null 2>&1; then
		apt-config dump Acquire | grep -v '::IndexTargets' >"$root/etc/apt/apt.conf.d/99host"
	fi
	mkdir -p "$root/usr/local/share/ca-certificates"
	find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates" \; 2>/dev/null || true
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # packages start no services
	chmod 755 "$root/usr/sbin/policy-rc.d"
	chroot "$root" useradd --create-home ordinary
	git clone -q --no-hardlinks . "$root/root/clever-ssh"
	cp -R "$root/root/clever-ssh" "$root/home/ordinary"
	chroot "$root" chown -R ordinary: /home/ordinary

	step an ordinary account, nothing is there
	status=0
	as ordinary 'scripts/demo.sh --check' >"$work/said" 2>&1 || status=$?
	cat "$work/said"
	if [ "$status" != 1 ] || [ "$(wc -l <"$work/said")" != 1 ] || ! grep -q 'install .*openssh-client golang-go' "$work/said"; then
		echo "fresh.sh: that ended with $status; want 1, and one line with all packages" >&2
		exit 1
	fi
	step root
	as root 'scripts/demo.sh --check'
	step an ordinary account
	as ordinary 'scripts/demo.sh --check'
	if [ -n "$all" ]; then
		step all tests, as root
		as root 'scripts/test.sh'
		# Everything is installed by now. With -v, go test names the tests that need root's rights and are skipped.
		step all tests, as an ordinary account
		as ordinary 'GOFLAGS=-v scripts/test.sh' >"$work/said" 2>&1 || {
			cat "$work/said" >&2
			exit 1
		}
		grep -a -e '--- SKIP: ' -e 'missing here: ' "$work/said" || true
	fi
	step 'all of it works'
	rm -rf --one-file-system "$root"
done
