# Completes opkssh in bash. Made by `opkssh completions bash`; needs bash 4.
#
# For one user:  opkssh completions bash >~/.local/share/bash-completion/completions/opkssh
# In ~/.bashrc:  source <(opkssh completions bash)

_opkssh() {
    local line=${COMP_LINE:0:COMP_POINT} current=$2 words before found
    # the words up to the cursor, not split at = : @ as COMP_WORDS are
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=('')
    if ((${#words[@]} > 2)) && [[ ${words[1]} == ssh && ${words[-1]} != --* && ${words[-2]} != --account ]]; then
        _opkssh_as_ssh "$1" "$current"
        return
    fi
    # bash replaces what follows the last = : @
    before=${words[-1]%"$current"}
    COMPREPLY=()
    while IFS= read -r found; do
        found=${found%%$'\t'*}
        _opkssh_offer "${found#"$before"}"
    done < <("$1" complete-words "${words[@]}" 2>/dev/null)
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[/=] ]]; then
        compopt -o nospace 2>/dev/null
    elif ((${#COMPREPLY[@]} == 0)) && [[ $current == [~/.]* ]]; then
        compopt -o default 2>/dev/null
    fi
}

# Offers a word as it is typed: the name of a file must not become a command.
_opkssh_offer() {
    local word=$1 home=
    if [[ $word == '~/'* ]]; then
        home='~/' word=${word#'~/'}
    fi
    [[ -z $word ]] || printf -v word %q "$word"
    COMPREPLY+=("$home$word")
}

# What follows `opkssh ssh [--account NAME]` is ssh's.
_opkssh_as_ssh() {
    local taken=" --account ${COMP_WORDS[3]-}" found
    if [[ ${COMP_WORDS[2]} == --account ]]; then
        COMP_LINE=${COMP_LINE/"$taken"/}
        ((COMP_POINT -= ${#taken}, COMP_CWORD -= 2))
        COMP_WORDS=("${COMP_WORDS[@]:0:2}" "${COMP_WORDS[@]:4}")
    fi
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset 1
    elif declare -F _command_offset >/dev/null; then
        _command_offset 1
    else
        # without bash-completion: the hosts that opkssh knows
        while IFS= read -r found; do
            _opkssh_offer "${found%%$'\t'*}"
        done < <("$1" complete-words "$1" check --host "$2" 2>/dev/null)
    fi
}

complete -F _opkssh opkssh
