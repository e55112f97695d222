//! Contents of the server's files.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Directory,
    /// Rows of account, identity and issuer.
    Rows,
    Providers,
    /// Go's server configuration.
    Config,
    Rules,
    Revoked,
    /// The additional server configuration.
    Settings,
    Plugin,
    Log,
    Logrotate,
    Sudoers,
    SshdConfig,
    Unit,
}

impl Content {
    /// Returns true if the file can deny: while it cannot be used, verify refuses everybody.
    pub fn can_deny(self) -> bool {
        matches!(
            self,
            Self::Config | Self::Rules | Self::Revoked | Self::Settings
        )
    }

    /// Returns the start of an error about the file.
    pub(super) fn failure(self) -> &'static str {
        match self {
            Self::Providers => "failed to load providers",
            Self::Config => "server config cannot be used, so every login is refused",
            Self::Rules => "rules cannot be used, so every login is refused",
            Self::Revoked => "the revocation list cannot be used, so every login is refused",
            Self::Settings => "server settings cannot be used, so every login is refused",
            _ => "cannot be used",
        }
    }
}
