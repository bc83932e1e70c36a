# fish completion for clever-ssh. Save it as clever-ssh.fish in ~/.config/fish/completions, or put this into
# ~/.config/fish/config.fish:
#
#     clever-ssh completion fish | source

function __clever_ssh_complete
    set -l word (commandline -ct)
    set -l fitting (command clever-ssh complete fish (commandline -opc) "$word" 2>/dev/null)
    if test "$fitting" = :files
        set -l option (string match -r '^-[^=]*=' -- "$word")
        printf '%s\n' "$option"(__fish_complete_path (string replace -r '^-[^=]*=' '' -- "$word"))
    else if set -q fitting[1]
        printf '%s\n' $fitting
    end
end

complete -c clever-ssh -f -a '(__clever_ssh_complete)'
