# Lets plain ssh find the opkssh agent, in sessions where systemd does not listen for it. For
# /etc/profile.d, or to be read by ~/.profile: . /path/to/opkssh-agent.sh
#
# An agent that was forwarded here, or that the desktop brought, is left in place, and in a session
# that came over ssh nothing is set. Nothing is started, unless OPKSSH_AGENT_START is set (before
# this is read): otherwise the first opkssh command starts the agent.

if [ -z "${SSH_CONNECTION-}" ] && [ -z "${SSH_AUTH_SOCK-}" ]; then
    if [ -n "${XDG_RUNTIME_DIR-}" ]; then
        SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/opkssh/agent.sock
    else
        SSH_AUTH_SOCK=${XDG_STATE_HOME:-$HOME/.local/state}/opkssh/run/agent.sock
    fi
    export SSH_AUTH_SOCK
    if [ -n "${OPKSSH_AGENT_START-}" ] && command -v opkssh >/dev/null 2>&1; then
        opkssh agent start >/dev/null || :
    fi
fi
