//! What a file's text must parse as.

use std::path::Path;

use crate::config::ServerConfig;
use crate::plugin;
use crate::policy::Policy;
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::providers::Providers;
use crate::settings::Settings;

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
    /// Returns true if the file can deny: unusable, it must let nobody in.
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

    /// Fails if verify could not use the text. A bad row of a table concerns that row only.
    pub fn check(self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let name = path.display().to_string();
        match self {
            Self::Rows => {
                Policy::default().add_file(&name, bytes);
            }
            Self::Providers => drop(Providers::parse(&name, bytes)),
            Self::Config => drop(ServerConfig::parse(bytes).map_err(|error| error.to_string())?),
            Self::Rules => drop(Rules::parse(&name, bytes).map_err(|error| error.to_string())?),
            Self::Revoked => drop(Revoked::parse(bytes).map_err(|error| error.to_string())?),
            Self::Settings => drop(Settings::parse(bytes)?),
            Self::Plugin => {
                plugin::Description::parse(bytes).map_err(|error| error.to_string())?;
            }
            Self::Directory
            | Self::Log
            | Self::Logrotate
            | Self::Sudoers
            | Self::SshdConfig
            | Self::Unit => {}
        }
        Ok(())
    }
}
