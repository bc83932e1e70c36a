# bash completion for clever-ssh. To load it in each new shell, put this into ~/.bashrc:
#
#     eval "$(clever-ssh completion bash)"

# For the bash 3.2 of macOS, too. What clever-ssh prints holds no character that means anything to the shell.
_clever_ssh() {
	local IFS=$'\n'
	# shellcheck disable=SC2207 # there is no mapfile in bash 3.2
	COMPREPLY=($(command clever-ssh complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
	case ${COMPREPLY[0]-} in
	:files) COMPREPLY=() ;; # which leaves it to readline
	'') type compopt >/dev/null 2>&1 && compopt +o default ;;
	esac
	return 0
}
complete -o default -F _clever_ssh clever-ssh
