//! Loads the admin's files, before anything sent by the client is parsed.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::VerifyArgs;
use super::error::VerifyError;
use crate::config::ServerConfig;
use crate::etc::{self, AUTH_ID, EtcError, PLUGINS, PROVIDERS};
use crate::files::FileError;
use crate::http::without_effect;
use crate::log::Log;
use crate::plugin::{self, Plugins};
use crate::policy::{Policy, RowFile};
use crate::providers::Providers;
use crate::settings::Settings;

/// The files of `/etc/opk`.
pub(in crate::commands) struct AdminFiles {
    pub providers: Providers,
    pub config: ServerConfig,
    pub settings: Settings,
    /// Contents of `revoked.yml`, `rules.yml` and `auth_id`.
    pub policy: Policy,
    /// Error of an unusable `auth_id`.
    pub no_auth_id: Option<Arc<FileError>>,
    pub plugins: Plugins,
    /// Problems to log once the policy is consulted.
    pub policy_problems: Vec<String>,
}

impl AdminFiles {
    /// Loads all files. Logs problems of providers and configuration. Fails if a file that can deny
    /// exists and cannot be used.
    ///
    /// Keeps only the rows of `account` in `auth_id`, or all for `None`.
    pub fn load(
        etc: &Path,
        config: Option<&Path>,
        account: Option<&str>,
        log: &Log,
    ) -> Result<Self, VerifyError> {
        let providers = load_providers(etc, log)?;
        let config = load_config(etc, config, log)?;
        let settings = etc::load_settings(etc)?;
        let mut policy = Policy::default();
        policy.revoked = etc::load_revoked(etc)?;
        policy.rules = etc::load_rules(etc)?;
        let path = AUTH_ID.path_in(etc);
        let (mut policy_problems, mut no_auth_id) = (Vec::new(), None);
        let mut rows = RowFile::new(&path.display().to_string(), account);
        match AUTH_ID.read_lines(&path, |lines| rows.read(lines)) {
            Ok(()) => policy_problems = problem_lines(policy.add(rows)),
            Err(error) => {
                policy_problems.push(format!("warning: system policy not used: {error}"));
                no_auth_id = Some(Arc::new(error));
            }
        }
        Ok(Self {
            providers,
            config,
            settings,
            policy,
            no_auth_id,
            plugins: plugin::load(&PLUGINS.path_in(etc)),
            policy_problems,
        })
    }

    /// Returns true if verify runs other programs as its account: plugins or the fallback.
    pub fn runs_others(&self) -> bool {
        self.settings.runs_others(&self.plugins)
    }

    /// Returns further files and directories that the decision may read.
    pub fn readable_paths(&self) -> Vec<PathBuf> {
        let own_files = self.settings.jwks_files.values();
        let named = own_files.chain(&self.settings.readable).cloned();
        let roots = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
            .into_iter()
            .flat_map(|name| {
                let configured = self.config.env_vars.get(name).cloned();
                [configured, env::var(name).ok()]
            })
            .flatten();
        let roots: Vec<PathBuf> = roots
            .flat_map(|paths| env::split_paths(&paths).collect::<Vec<_>>())
            .collect();
        named.chain(roots).collect()
    }
}

/// Returns the account whose rows are kept, or `None` for all: explanations name other accounts,
/// too.
pub(super) fn rows_of<'a>(args: &'a VerifyArgs, log: &Log) -> Option<&'a str> {
    (!log.explains()).then_some(args.principal.as_str())
}

/// Returns log lines for the problems of a file of rows.
pub(super) fn problem_lines(problems: Vec<String>) -> Vec<String> {
    let line = |problem| format!("configuration problem: {problem}");
    problems.into_iter().map(line).collect()
}

/// Loads `providers` and logs its problems.
pub(in crate::commands) fn load_providers(etc: &Path, log: &Log) -> Result<Providers, EtcError> {
    let providers = etc::load_providers(&PROVIDERS.path_in(etc))?;
    for problem in &providers.problems {
        log.line(&format!("configuration problem: {problem}"));
    }
    Ok(providers)
}

/// Loads `config.yml` of that directory, or the file `named` instead, and logs its problems.
pub(in crate::commands) fn load_config(
    etc: &Path,
    named: Option<&Path>,
    log: &Log,
) -> Result<ServerConfig, EtcError> {
    let config = etc::load_config(etc, named)?;
    for key in &config.unknown_keys {
        let path = etc::CONFIG.path_in(etc);
        let path = named.unwrap_or(&path).display();
        log.line(&format!("warning: {path} has an unknown key {key:?}"));
    }
    for name in without_effect(&config.env_vars) {
        log.line(&format!("warning: {name:?} under env_vars has no effect"));
    }
    Ok(config)
}
