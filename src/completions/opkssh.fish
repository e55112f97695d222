# Completes opkssh in fish. Made by `opkssh completions fish`.
#
# For one user:  opkssh completions fish >~/.config/fish/completions/opkssh.fish
# In config.fish:  opkssh completions fish | source

function __opkssh_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    if test "$words[2]" = ssh; and test "$words[-1]" != --account; and not string match -q -- '--*' "$current"
        # what follows `opkssh ssh [--account NAME]` is ssh's
        set -l ssh $words
        set -e ssh[1]
        test "$ssh[2]" = --account; and set -e ssh[2..3]
        complete --do-complete=(string join ' ' -- (string escape -- $ssh) "$current")
        return
    end
    set -l found ($words[1] complete-words $words "$current" 2>/dev/null)
    if test (count $found) -gt 0
        string join \n -- $found
    else if string match -qr '^[~/.]' -- "$current"
        __fish_complete_path "$current"
    end
end

complete --command opkssh --no-files --arguments '(__opkssh_complete)'
