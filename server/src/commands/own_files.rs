//! What the admin wrote, all of it read before anything is parsed that a stranger sent.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::VerifyArgs;
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::files::{self, FileError, SYSTEM};
use crate::http::without_effect;
use crate::log::Log;
use crate::plugin::{self, Plugins};
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::policy::{Policy, RowFile};
use crate::providers::Providers;
use crate::settings::Settings;

/// The files of `/etc/opk`.
pub(super) struct OwnFiles {
    pub providers: Providers,
    pub config: ServerConfig,
    pub settings: Settings,
    /// Of `revoked.yml`, `rules.yml` and `auth_id`.
    pub policy: Policy,
    /// Why `auth_id` is not in it.
    pub no_auth_id: Option<Arc<FileError>>,
    pub plugins: Plugins,
    /// What the log should say of the policy, once that is asked.
    pub policy_problems: Vec<String>,
}

impl OwnFiles {
    /// Problems of providers and configuration go to `log`. A file that may refuse somebody must
    /// be usable if it is there.
    pub fn load(args: &VerifyArgs, log: &Log) -> Result<Self, ServerError> {
        let providers = load_providers(&args.etc, log)?;
        let config = load_config(&args.etc, args.config_path.as_deref(), log)?;
        let settings = Settings::load(&args.etc)?;
        let mut policy = load_rules(&args.etc)?;
        let path = args.etc.join("auth_id");
        let (mut policy_problems, mut no_auth_id) = (Vec::new(), None);
        let mut rows = no_rows(args, &path, log);
        match files::read_lines(&path, SYSTEM, |lines| rows.read(lines)) {
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
            plugins: plugin::load(&args.etc.join("policy.d")),
            policy_problems,
        })
    }

    /// Files and directories beside those of [`OwnFiles`] that the decision may have to read.
    pub fn names_of_others(&self) -> Vec<PathBuf> {
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

/// Adds the rows of a file of `auth_id`'s kind; what is wrong with it is for the log.
pub(super) fn add_rows(
    policy: &mut Policy,
    args: &VerifyArgs,
    path: &Path,
    bytes: &[u8],
    log: &Log,
) -> Vec<String> {
    let mut rows = no_rows(args, path, log);
    rows.read(bytes);
    problem_lines(policy.add(rows))
}

/// Only `explain` tells of the rows of other accounts.
fn no_rows(args: &VerifyArgs, path: &Path, log: &Log) -> RowFile {
    let account = (!log.explains()).then_some(args.principal.as_str());
    RowFile::new(&path.display().to_string(), account)
}

fn problem_lines(problems: Vec<String>) -> Vec<String> {
    let line = |problem| format!("configuration problem: {problem}");
    problems.into_iter().map(line).collect()
}

/// What `auth_id` cannot say. A file that is there must be usable, since it may refuse somebody.
fn load_rules(etc: &Path) -> Result<Policy, ServerError> {
    let mut policy = Policy::default();
    let path = etc.join("revoked.yml");
    if let Some(bytes) = files::read_if_there(&path, SYSTEM).map_err(ServerError::RevokedFile)? {
        policy.revoked =
            Revoked::parse(&bytes).map_err(|error| ServerError::Revoked { path, error })?;
    }
    let path = etc.join("rules.yml");
    if let Some(bytes) = files::read_if_there(&path, SYSTEM).map_err(ServerError::RulesFile)? {
        policy.rules = Rules::parse(&path.display().to_string(), &bytes)
            .map_err(|error| ServerError::Rules { path, error })?;
    }
    Ok(policy)
}

pub(super) fn load_providers(etc: &Path, log: &Log) -> Result<Providers, ServerError> {
    let path = etc.join("providers");
    let bytes = files::read(&path, SYSTEM).map_err(ServerError::Providers)?;
    let providers = Providers::parse(&path.display().to_string(), &bytes);
    for problem in &providers.problems {
        log.line(&format!("configuration problem: {problem}"));
    }
    Ok(providers)
}

/// `config.yml` of that directory, or the file that is named in its place.
pub(super) fn load_config(
    etc: &Path,
    named: Option<&Path>,
    log: &Log,
) -> Result<ServerConfig, ServerError> {
    let in_etc = etc.join("config.yml");
    let path = named.unwrap_or(&in_etc);
    let bytes = match named {
        Some(path) => files::read(path, SYSTEM).map(Some),
        None => files::read_if_there(path, SYSTEM),
    };
    let Some(bytes) = bytes.map_err(ServerError::ConfigFile)? else {
        return Ok(ServerConfig::default());
    };
    let config = ServerConfig::parse(&bytes).map_err(|error| ServerError::Config {
        path: path.to_owned(),
        error,
    })?;
    for key in &config.unknown_keys {
        log.line(&format!(
            "warning: {} has an unknown key {key:?}",
            path.display()
        ));
    }
    for name in without_effect(&config.env_vars) {
        log.line(&format!("warning: {name:?} under env_vars has no effect"));
    }
    Ok(config)
}
