//! The reasons for which a connection does not get an identity.

/// Why an identity is not listed on a connection, or does not sign on it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the server's key is revoked")]
    Revoked,
    #[error("its `hosts:` do not name the server")]
    OtherHost,
    #[error("known_hosts cannot be read, so the server may be any: {0}")]
    Unreadable(String),
    #[error("the server is a public forge")]
    Forge,
    #[error(
        "`agent.public_forges` has wildcards, and known_hosts has the server's name as a hash, so it \
         may be one of them"
    )]
    PerhapsForge,
    #[error("known_hosts has another key for the server")]
    OtherKey,
    #[error("it has `hosts:`, and known_hosts does not know the server's key")]
    Unknown,
    #[error("asked for through a forwarded agent that does not say for which server")]
    NoDestination,
    #[error(
        "asked for through a forwarded agent for a server that its `hosts:` do not name (or that \
         known_hosts does not know)"
    )]
    NotMeant,
    #[error("asked for through a forwarded agent, and it has `forwarding: deny`")]
    Denied,
    #[error("asked for through a forwarded agent for something other than this ssh login")]
    NotThisLogin,
    #[error(
        "asked for through a forwarded agent by a login that does not name its server: the \
         OpenSSH there, or on the machine in between, is older than 8.9 (or has \
         `PubkeyAuthentication unbound`)"
    )]
    NotHostBound,
    #[error(
        "it is only for certain servers (ssh-add -h), and what the connection says of its server could not be checked"
    )]
    BindFailed,
    #[error("it is only for certain servers (ssh-add -h), and not for this one by this way")]
    OtherDestination,
    #[error(
        "it is only for logins to certain servers (ssh-add -h), and what is to be signed is no login in \
         the session that the connection is for"
    )]
    NoSuchLogin,
    #[error("the answer was no")]
    NotConfirmed,
    #[error("nobody could be asked (ssh-add -c): {0}")]
    NotAsked(String),
    #[error(
        "asked for through a forwarded agent, it has `forwarding: confirm`, and nobody could be \
         asked: {0}"
    )]
    ForwardingNotAsked(String),
    #[error("it has `confirm_local: true`, and nobody could be asked: {0}")]
    LocalNotAsked(String),
}

impl Refusal {
    /// Returns true if nobody would expect the identity to be listed.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Revoked | Self::OtherHost)
    }

    /// Returns the reason and what to do, in one line.
    pub fn in_full(&self) -> String {
        let advice = match self {
            Self::Forge => "; to show it the account, put its full name into `hosts:`",
            Self::PerhapsForge => {
                "; list the forges by their full names, or the server in `hosts:`"
            }
            Self::OtherKey => "; if that is right, correct known_hosts",
            Self::ForwardingNotAsked(_) => {
                "; without a question: `allow_via: [HOST]` or `forwarding: allow`"
            }
            Self::LocalNotAsked(_) => "; without a question: `confirm_local: false`",
            Self::Unknown => "; connect with: opkssh ssh HOST",
            _ => "",
        };
        format!("{self}{advice}")
    }
}
