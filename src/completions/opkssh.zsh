#compdef opkssh
# Completes opkssh in zsh. Made by `opkssh completions zsh`.
#
# For all users:  opkssh completions zsh >/usr/local/share/zsh/site-functions/_opkssh
# In ~/.zshrc, after compinit:  source <(opkssh completions zsh)

_opkssh() {
    if [[ $words[2] == ssh && $words[CURRENT] != --* && $words[CURRENT-1] != --account ]] && ((CURRENT > 2)); then
        # what follows `opkssh ssh [--account NAME]` is ssh's
        if [[ $words[3] == --account ]]; then
            words=(ssh "${(@)words[5,-1]}")
            ((CURRENT -= 3))
        else
            shift words
            ((CURRENT--))
        fi
        _normal
        return
    fi
    local line value
    local -a found paths
    for line in "${(@f)$($words[1] complete-words "${(@Q)words[1,CURRENT-1]}" "$PREFIX" 2>/dev/null)}"; do
        value=${line%%$'\t'*}
        case $value in
            '') ;;
            */) paths+=("$value") ;;
            *) found+=("${value//:/\\:}:${line#*$'\t'}") ;;
        esac
    done
    if (($#found + $#paths)); then
        (($#found)) && _describe -V opkssh found
        (($#paths)) && compadd -S '' -a paths
        return 0
    fi
    [[ $PREFIX == [~/.]* ]] && _files
}

if [[ $funcstack[1] == _opkssh ]]; then
    _opkssh "$@"
else
    compdef _opkssh opkssh
fi
