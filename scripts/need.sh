# shellcheck shell=sh
# Sourced by the other scripts: makes sure that programs are there. A script names what it needs, then calls
# need_go, which gets all of that at once, or ends with one line about what is missing.

PATH=$PATH:/usr/sbin:/usr/local/go/bin # sshd and Go are often there
needs=

# need PROGRAM PACKAGE: a program, and the Debian package that has it.
need() { needs="$needs program:$1:$2"; }

# need_file FILE PACKAGE: a file of the system.
need_file() { needs="$needs file:$1:$2"; }

# need_python_module MODULE PACKAGE: a module of the system's Python.
need_python_module() { needs="$needs module:$1:$2"; }

# need_library LIBRARY PACKAGE: a library that Python can load.
need_library() { needs="$needs library:$1:$2"; }

# is_here KIND NAME: whether there is such a program, file, module or library.
is_here() {
	case $1 in
	program) command -v "$2" ;;
	file) test -r "$2" ;;
	module) /usr/bin/python3 -c "import $2" ;;
	library) /usr/bin/python3 -c "import ctypes; ctypes.CDLL('$2')" ;;
	esac >/dev/null 2>&1
}

# find_missing NEED...: sets missing and packages to what is not here.
find_missing() {
	missing='' packages=''
	for need_one in "$@"; do
		need_name=${need_one#*:} need_package=${need_one##*:}
		need_name=${need_name%:*}
		if ! is_here "${need_one%%:*}" "$need_name"; then
			missing="$missing $need_name" packages="$packages $need_package"
		fi
	done
}

# get NEED...: installs what is not here if it can (root with apt-get), and sets missing and packages to what
# is still not here.
get() {
	find_missing "$@"
	if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		apt-get update -qq >&2 || true # if that fails, the present lists may do
		# shellcheck disable=SC2086 # the names of packages
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends $packages >&2 </dev/null || true
		find_missing "$@"
	fi
}

# need_go FOLDER: gets everything that was named, and a Go that can build this module. FOLDER is the script's
# temporary one.
need_go() {
	need go golang-go
	if command -v dpkg >/dev/null 2>&1; then
		need_file /etc/ssl/certs/ca-certificates.crt ca-certificates # Go downloads modules
	fi
	# shellcheck disable=SC2086 # no need has blanks
	get $needs
	if [ -n "$missing" ]; then
		echo "$0: missing:$missing; install them, on Debian as root: apt-get install --no-install-recommends$packages" >&2
		exit 1
	fi
	go_folders "$1"
	if ! can_build; then
		newer_go "$1" "$(sed -n 's/^go //p' go.mod)"
	fi
}

# go_folders FOLDER: keeps modules, their checksums and what is built in FOLDER, if the account's home cannot be
# written to.
go_folders() {
	go_flags=
	for go_folder in GOPATH GOMODCACHE GOCACHE; do
		go_folder=$(GOTOOLCHAIN=local go env $go_folder)
		if ! mkdir -p "${go_folder%%:*}" 2>/dev/null || ! [ -w "${go_folder%%:*}" ]; then
			go_flags=-modcacherw # otherwise FOLDER could not be removed
		fi
	done
	if [ -n "$go_flags" ]; then
		GOFLAGS="$(GOTOOLCHAIN=local go env GOFLAGS) $go_flags"
		export GOFLAGS GOPATH="$1/go" GOMODCACHE="$1/go/pkg/mod" GOCACHE="$1/built"
	fi
}

# can_build: whether Go considers itself new enough for this module.
can_build() { GOTOOLCHAIN=${GOTOOLCHAIN-local} GOFLAGS='' go list -m >/dev/null 2>&1; }

# newer_go FOLDER VERSION: puts this Go on PATH, before one that is too old. Since 1.21, Go gets another version by
# itself. An older Go can download it as a module, and checks its checksum like any other's, but cannot start
# it: no file of a module is executable, and a go.mod in one of its folders has another name.
newer_go() {
	echo "$0: Go $2 or later is needed, and $(GOTOOLCHAIN=local go env GOVERSION) is here; getting Go $2" >&2
	export GOTOOLCHAIN="go$2"
	if can_build; then
		return
	fi
	export GOTOOLCHAIN=local
	go_toolchain=golang.org/toolchain@v0.0.1-go$2.$(go env GOHOSTOS)-$(go env GOHOSTARCH)
	mkdir "$1/toolchain"
	echo 'module fetched' >"$1/toolchain/go.mod"
	(cd "$1/toolchain" && GO111MODULE=on GOWORK=off GOFLAGS=$go_flags go mod download "$go_toolchain")
	go_root=$(go env GOMODCACHE)/$go_toolchain
	# The last step, here and below, is the one that a newer Go checks to see whether all this is done.
	if ! [ -x "$go_root/bin/go" ]; then
		find "$go_root" -name _go.mod | LC_ALL=C sort -r | while read -r go_file; do
			restore_go_mod "$go_file"
		done
		chmod a+x "$go_root"/pkg/tool/*/* "$go_root/bin/gofmt"
		chmod a+x "$go_root/bin/go"
	fi
	unset GOROOT
	export PATH="$go_root/bin:$PATH"
	GOFLAGS='' go list -m >/dev/null
}

# restore_go_mod FILE: copies FILE, a _go.mod, to go.mod. The folder is writable only while this runs.
restore_go_mod() {
	if [ -w "${1%/*}" ]; then
		cp "$1" "${1%/*}/go.mod"
		return
	fi
	chmod u+w "${1%/*}"
	cp "$1" "${1%/*}/go.mod"
	chmod u-w "${1%/*}"
}
