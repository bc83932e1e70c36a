# shellcheck shell=sh
# The other scripts source this file. It makes sure that programs are there.

# missing_after PACKAGE TEST...: makes TEST succeed by installing the Debian package, if that is allowed (root with
# apt-get), and succeeds itself if TEST still fails.
missing_after() {
	need_package=$1
	shift
	if "$@" >/dev/null 2>&1; then
		return 1
	fi
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
		if [ -z "${need_updated-}" ]; then
			apt-get update -qq >&2
			need_updated=yes
		fi
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$need_package" >&2 </dev/null
	fi
	! "$@" >/dev/null 2>&1
}

# need PROGRAM PACKAGE: makes sure of a program, or ends and says what is missing. It also looks for Go and sshd in
# their usual folders.
need() {
	case $1 in
	go) PATH=$PATH:/usr/local/go/bin ;;
	sshd | useradd) PATH=$PATH:/usr/sbin ;;
	esac
	if missing_after "$2" command -v "$1"; then
		echo "$0: $1 is missing; install it (on Debian: the package $2)" >&2
		exit 1
	fi
}

# need_file FILE PACKAGE: the same for one of the system's files.
need_file() {
	if missing_after "$2" test -r "$1"; then
		echo "$0: $1 is missing; install it (on Debian: the package $2)" >&2
		exit 1
	fi
}

# need_python_module MODULE PACKAGE: the same for a module of the system's Python.
need_python_module() {
	if missing_after "$2" /usr/bin/python3 -c "import $1"; then
		echo "$0: Python's module $1 is missing; install it (on Debian: the package $2)" >&2
		exit 1
	fi
}

# need_library LIBRARY PACKAGE: the same for a library that Python can load.
need_library() {
	if missing_after "$2" /usr/bin/python3 -c "import ctypes; ctypes.CDLL('$1')"; then
		echo "$0: $1 is missing; install it (on Debian: the package $2)" >&2
		exit 1
	fi
}

# need_go: a Go that can build this module. Since 1.21, Go fetches newer toolchains by itself.
need_go() {
	need go golang-go
	if ! go list ./cmd/clever-ssh >/dev/null; then
		echo "$0: Go $(sed -n 's/^go //p' go.mod) or later is needed, but this is $(GOTOOLCHAIN=local go env GOVERSION): see https://go.dev/dl/" >&2
		exit 1
	fi
}
