//! `opkssh verify %u %k %t`: what sshd runs for each key that is offered, several times per login
//! and first before the client has proved that it holds the key.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;

use super::ask_plugins::ask_plugins;
use super::ask_userinfo::ask_userinfo;
use super::fallback;
use crate::authorized_keys;
use crate::config::ServerConfig;
use crate::confine;
use crate::error::ServerError;
use crate::files::{self, SYSTEM};
use crate::home::{self, HomeError};
use crate::key_source::{
    KeyCache, KeySource as _, Origin, Store, WhenAsked, read_jwks_file, without_effect,
};
use crate::log::Log;
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::policy::{Policy, PolicyDenial};
use crate::providers::Providers;
use crate::settings::Settings;
use crate::verify::{self, Allowed, Candidate, DenyReason, Identified, Verdict};

/// Where `server install` makes the key cache.
pub const DEFAULT_CACHE: &str = "/var/cache/opkssh";
/// How long a provider may take where its keys cannot be kept.
const WITHOUT_CACHE: Duration = Duration::from_secs(10);

/// Decide whether a certificate may log in, for sshd's AuthorizedKeysCommand.
// no Debug: the certificate holds tokens
#[derive(Clone, clap::Args)]
pub struct VerifyArgs {
    /// Directory of providers, auth_id and config.yml.
    #[arg(long, value_name = "DIR", default_value = "/etc/opk")]
    pub etc: PathBuf,
    /// Server configuration, in place of config.yml in that directory.
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Where keys of providers are kept; made by `opkssh server install`.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_CACHE)]
    pub cache: PathBuf,
    /// Where to log.
    #[arg(long, value_name = "FILE", default_value = "/var/log/opkssh.log")]
    pub log_file: PathBuf,
    /// Local account (sshd's %u).
    pub principal: String,
    /// Certificate in base64 (sshd's %k).
    pub certificate: String,
    /// Key type (sshd's %t).
    pub key_type: String,
    /// Further words from sshd, for policy plugins.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub extra: Vec<String>,
}

/// Writes sshd's line to stdout, or nothing there and an error. Meant for a process of its own: it
/// replaces the panic hook.
pub fn verify_command(args: &VerifyArgs) -> Result<(), ServerError> {
    // a panic's message may quote a token: keep the place only
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    panic::set_hook(Box::new(move |info| {
        if let (Ok(mut seen), Some(at)) = (seen.lock(), info.location()) {
            *seen = Some(format!(" at {}:{}", at.file(), at.line()));
        }
    }));
    for problem in confine::keep_memory_private() {
        Log::open(&args.log_file).line(&format!("warning: {problem}"));
    }
    match verify_to(args, &mut io::stdout().lock()) {
        Err(ServerError::Panic { .. }) => {
            let place = place.lock().ok().and_then(|mut place| place.take());
            Err(ServerError::Panic { place })
        }
        other => other,
    }
}

/// As [`verify_command`], with the line going to `out`.
pub fn verify_to(args: &VerifyArgs, out: &mut impl Write) -> Result<(), ServerError> {
    let log = Log::open(&args.log_file);
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let allowed = match decide(args, &log) {
            Ok(allowed) => allowed,
            Err(refused) => return fallback::answer(args, refused, &log, out),
        };
        for notice in &allowed.notices {
            log.line(&format!("warning: {notice}"));
        }
        log.line(&format!(
            "{} may become {} by {}",
            allowed.who, args.principal, allowed.rule
        ));
        // the last thing that happens: whatever goes wrong before leaves nothing for sshd
        authorized_keys::write(&allowed.key, out).map_err(ServerError::Output)?;
        Ok(Answered::Ours)
    }))
    .unwrap_or(Err(ServerError::Panic { place: None }));
    match &result {
        Ok(Answered::Ours) => log.line("successfully verified"),
        Ok(Answered::Fallback) => {}
        Err(error) => log.line(&format!("failed to verify: {error}")),
    }
    result.map(|_| ())
}

/// Whose lines sshd got.
pub(super) enum Answered {
    Ours,
    Fallback,
}

/// Every step of the decision; `log` hears of them.
pub(super) fn decide(args: &VerifyArgs, log: &Log) -> Result<Allowed, ServerError> {
    let now = UnixTime::from(SystemTime::now());
    // most keys that are offered are not ours: nothing else is read for them
    let certificate = verify::read_certificate(&args.key_type, &args.certificate)?;
    log.line(&format!(
        "verify {:?}: certificate of {} bytes",
        args.principal,
        args.certificate.len()
    ));

    let providers = load_providers(&args.etc, log)?;
    let config = load_config(&args.etc, args.config_path.as_deref(), log)?;
    let settings = Settings::load(&args.etc)?;

    let candidate = verify::before_keys(certificate, &providers, now)?;
    log.detail(&format!(
        "the certificate is in order: signed by its own key, which the token in it is bound to; \
         issuer {} is trusted",
        candidate.issuer()
    ));
    let keys = keys_for(&candidate, args, &config, &settings, now, log)?;
    let identified = candidate.identify(&keys, now)?;
    log.detail("the provider's signature is right");
    let identified = ask_userinfo(identified, &config, log);
    allow_by_policy(args, &config, &identified, log)
}

/// From a file, from the cache, or from the provider.
fn keys_for(
    candidate: &Candidate,
    args: &VerifyArgs,
    config: &ServerConfig,
    settings: &Settings,
    now: UnixTime,
    log: &Log,
) -> Result<KeySet, ServerError> {
    let issuer = candidate.issuer();
    if let Some(path) = settings.jwks_files.get(issuer) {
        return read_jwks_file(path).map_err(|error| ServerError::JwksFile {
            issuer: issuer.to_owned(),
            error,
        });
    }
    let source = WhenAsked {
        env_vars: &config.env_vars,
    };
    let store = match Store::open(&args.cache) {
        Ok(store) => store,
        Err(error) => {
            log.line(&format!("warning: key cache not used: {error}"));
            return Ok(source.fetch(issuer, WITHOUT_CACHE)?.keys);
        }
    };
    let cache = KeyCache::new(&store, &source, settings.key_cache);
    let found = cache.keys(issuer, now, |keys| candidate.suits(keys))?;
    for notice in &found.notices {
        log.line(&format!("warning: {notice}"));
    }
    if let Origin::Store { age } = found.origin {
        log.line(&format!("keys of {issuer} from the cache, {age} s old"));
    }
    Ok(found.keys)
}

/// The system's file first; the user's own only if that has no row, as it may need sudo.
fn allow_by_policy(
    args: &VerifyArgs,
    config: &ServerConfig,
    identified: &Identified,
    log: &Log,
) -> Result<Allowed, ServerError> {
    let principal = args.principal.as_str();
    let mut policy = load_rules(&args.etc)?;
    let add = |policy: &mut Policy, path: &Path, bytes: &[u8]| {
        for problem in policy.add_file(&path.display().to_string(), bytes) {
            log.line(&format!("configuration problem: {problem}"));
        }
    };
    let path = args.etc.join("auth_id");
    let system = files::read(&path, SYSTEM).map(|bytes| add(&mut policy, &path, &bytes));
    if let Err(error) = &system {
        log.line(&format!("warning: system policy not used: {error}"));
    }
    let mut tell = |step: String| log.detail(&step);
    match identified.decide_telling(principal, &policy, &config.deny, &mut tell) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(DenyReason::Policy(PolicyDenial::NoRule { .. })) => {}
        Verdict::Deny(reason) => return Err(reason.into()),
    }
    let mut refusal = None;
    match (home::read_for(principal), system) {
        (Ok((path, bytes)), _) => add(&mut policy, &path, &bytes),
        (Err(home), Err(system)) => {
            let (system, home) = (Box::new(system), Box::new(home));
            refusal = Some(ServerError::NoPolicy { system, home });
        }
        // most people have none
        (Err(HomeError::File(error)), Ok(())) if error.is_not_found() => {}
        (Err(error), Ok(())) => log.line(&format!("warning: home policy not used: {error}")),
    }
    let reason = match identified.decide(principal, &policy, &config.deny) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(reason) => reason,
    };
    // last, so that a plugin takes no restriction away that a rule gives
    if !matches!(reason, DenyReason::Policy(PolicyDenial::NoRule { .. })) {
        return Err(reason.into());
    }
    identified.is_refused(principal, &policy, &config.deny)?;
    if let Some(plugin) = ask_plugins(args, config, identified, log) {
        return Ok(identified.let_in_by_plugin(principal, &policy, &config.deny, &plugin)?);
    }
    Err(refusal.unwrap_or_else(|| reason.into()))
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
