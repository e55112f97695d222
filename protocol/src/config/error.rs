//! Errors of the client configuration, with the texts of Go's client where it has one.

use super::keys::suggestion;

/// Error of the client configuration; [`ConfigError::hint`] says how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum ConfigError {
    #[error("failed to parse config file: {file}{}: {reason}", line.map(|n| format!(":{n}")).unwrap_or_default())]
    Parse {
        file: String,
        line: Option<u64>,
        /// Why it is not usable.
        reason: String,
    },
    #[error("duplicate provider alias found: {0}")]
    DuplicateAlias(String),
    #[error("error getting provider config for alias {alias}")]
    UnknownAlias { alias: String, known: Vec<String> },
    #[error(
        "error creating provider from config: invalid provider issuer value. Expected issuer to start with 'https://' got ({0})"
    )]
    Issuer(String),
    #[error("error creating provider from config: invalid provider client-ID value got ()")]
    ClientId { provider: String },
    #[error(
        "invalid provider config string. Expected format <issuer>,<client_id>[,<client_secret>[,<scopes>]] got ({0})"
    )]
    ProviderString(String),
    #[error(
        "invalid provider argument format. Expected format for google: <issuer>,<client_id>,<client_secret>"
    )]
    GoogleSecret,
    #[error("error getting provider config from env: error parsing provider config string: {0}")]
    Environment(Box<ConfigError>),
    #[error("no provider to log in at")]
    NoProvider,
}

impl ConfigError {
    /// Returns how to fix the error.
    pub fn hint(&self) -> String {
        match self {
            Self::Parse { file, .. } => format!("correct {file}, or name another with --config-path"),
            Self::DuplicateAlias(alias) => {
                format!("give {alias} to one provider only; `opkssh client provider list` shows them")
            }
            Self::UnknownAlias { known, .. } if known.is_empty() => {
                "no provider has an alias; add `alias:` to one in ~/.opk/config.yml".into()
            }
            Self::UnknownAlias { alias, known } => {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let meant = suggestion(alias, &names).map(|name| format!("did you mean {name}? "));
                format!(
                    "{}known aliases: {}; or use --provider ISSUER,CLIENT_ID",
                    meant.unwrap_or_default(),
                    known.join(" ")
                )
            }
            Self::Issuer(issuer) if issuer.is_empty() => {
                "add `issuer:` with the provider's https:// address to the provider's entry in \
                 config.yml".into()
            }
            Self::Issuer(_) => {
                "use the provider's https:// address (http:// only for localhost)".into()
            }
            Self::ClientId { provider } => {
                format!("set `client_id:` of {provider} to what was registered there")
            }
            Self::ProviderString(_) => {
                "for example --provider https://id.example.com,my-client-id".into()
            }
            Self::GoogleSecret => {
                "put the secret after the client id: Google requires it even of desktop clients".into()
            }
            Self::Environment(inner) => format!("in OPKSSH_PROVIDERS: {}", inner.hint()),
            Self::NoProvider => {
                "add one under `providers:` in ~/.opk/config.yml, or use --provider ISSUER,CLIENT_ID"
                    .into()
            }
        }
    }
}
