//! Checks the providers file, and the providers themselves.

use std::path::Path;

use opkssh_protocol::printable::quoted;

use super::beyond::{Findings, REFUSES_ALL};
use super::report::Kind;
use crate::admin_error::AdminError;
use crate::config::ServerConfig;
use crate::deadline::Deadline;
use crate::etc::{self, PROVIDERS};
use crate::files::FileError;
use crate::key_source::{KeySource as _, KeySourceError, PROVIDER_TIMEOUT, WhenAsked};
use crate::providers::{LineError, Providers, RowError};
use crate::settings::Settings;

const NO_TOKENS: &str = "all tokens of this issuer are refused";
/// The form of a row of `providers`.
const ROW: &str = "write: ISSUER CLIENT_ID EXPIRATION, e.g. https://id.example my-client 24h";

impl Findings {
    /// Reads the providers file, and reports what is wrong with it and its rows. Returns also the
    /// error of a file that others could have changed, which is checked all the same.
    pub fn providers(&mut self, path: &Path) -> Result<(Providers, String), AdminError> {
        let (providers, error) = match etc::load_providers(path) {
            Ok(providers) => (providers, String::new()),
            Err(error) if error.file_error().is_some_and(FileError::is_distrust) => {
                let reason = format!("{}; {REFUSES_ALL}", error.problem);
                let hint = error.admin_hint().unwrap_or_default();
                self.error(Kind::FileUnusable, path.display(), reason, &hint);
                let bytes = PROVIDERS.read_distrusted(path).unwrap_or_default();
                let providers = Providers::parse(&path.display().to_string(), &bytes);
                (providers, error.problem.to_string())
            }
            Err(error) => return Err(error.into()),
        };
        for problem in &providers.problems {
            let place = format!(
                "{}:{}: {}",
                problem.path,
                problem.line,
                quoted(&problem.text)
            );
            let (effect, hint) = match &problem.reason {
                LineError::Malformed(_) => ("the line has no effect", ROW),
                LineError::Refused(RowError::NotHttps | RowError::NoClientId) => (NO_TOKENS, ROW),
                LineError::Refused(_) => (NO_TOKENS, ""),
            };
            self.error(
                Kind::ProvidersRow,
                place,
                format!("{}; {effect}", problem.reason),
                hint,
            );
        }
        if providers.issuers().next().is_none() {
            self.error(
                Kind::ProvidersRow,
                path.display(),
                "no providers configured",
                ROW,
            );
        }
        Ok((providers, error))
    }

    /// Reports providers that do not answer under their own name with usable keys.
    pub fn check_providers(
        &mut self,
        providers: &Providers,
        config: &ServerConfig,
        settings: &Settings,
    ) {
        let source = WhenAsked {
            env_vars: &config.env_vars,
        };
        let asked = providers
            .issuers()
            .filter(|issuer| !settings.jwks_files.contains_key(*issuer));
        for issuer in asked {
            match source.fetch(issuer, Deadline::after(PROVIDER_TIMEOUT)) {
                Ok(_) => {}
                Err(KeySourceError::Network(error)) => {
                    return self.error(
                        Kind::ProviderUnreachable,
                        "env_vars of the server config",
                        error,
                        "",
                    );
                }
                Err(error) => self.warning(
                    Kind::ProviderUnreachable,
                    issuer,
                    format!("the provider cannot be reached: {error}"),
                    "until then, logins of this issuer need keys in the cache",
                ),
            }
        }
    }
}
