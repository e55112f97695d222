//! What a file holds.

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
    /// Our own server configuration.
    Settings,
    Plugin,
    Log,
    Logrotate,
    Sudoers,
    SshdConfig,
    Unit,
}

impl Content {
    /// Returns true if the file can deny: while it cannot be used, verify lets nobody in.
    pub fn can_deny(self) -> bool {
        matches!(
            self,
            Self::Config | Self::Rules | Self::Revoked | Self::Settings
        )
    }

    /// Returns what an error about the file begins with.
    pub(super) fn failure(self) -> &'static str {
        match self {
            Self::Providers => "failed to load providers",
            Self::Config => "server config cannot be used, so nobody is let in",
            Self::Rules => "rules cannot be used, so nobody is let in",
            Self::Revoked => "the list of the revoked cannot be used, so nobody is let in",
            Self::Settings => "server settings cannot be used, so nobody is let in",
            _ => "cannot be used",
        }
    }
}
