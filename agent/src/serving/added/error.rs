use opkssh_protocol::wire::Malformed;

/// Why keys are not added or removed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyChangeError {
    #[error("the request is malformed")]
    Malformed(#[from] Malformed),
    #[error("keys of the type {0} are not supported")]
    KeyType(String),
    #[error(
        "security keys and smartcards need an agent that knows them, and none of the upstream agents \
         takes it; start OpenSSH's ssh-agent, and name its socket in `agent: upstream:`"
    )]
    SecurityKey,
    #[error("no added key is the one to remove")]
    Unknown,
    #[error("the certificate is the account {0}'s; log out: opkssh logout {0}")]
    Account(String),
    #[error("RSA keys need 1024 to 16384 bits")]
    RsaSize,
    #[error("the private key does not belong to its public key or certificate")]
    Mismatch,
    #[error("the certificate's signature does not verify")]
    Certificate,
    #[error("the constraint {0} is not supported")]
    UnknownConstraint(String),
    #[error("a constraint comes twice")]
    ConstraintTwice,
    #[error("there are too many keys")]
    TooMany,
    #[error("the agent is locked")]
    Locked,
    #[error("the agent ends")]
    Ending,
}
