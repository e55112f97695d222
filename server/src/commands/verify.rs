//! `opkssh verify %u %k %t`: what sshd runs for each key that is offered, several times per login
//! and first before the client has proved that it holds the key.

use std::borrow::Cow;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::time::UnixTime;

use super::ask_plugins::variables;
use super::ask_userinfo::ask_userinfo;
use super::fallback;
use super::monitor::{Outside, Privileged};
use super::own_files::{OwnFiles, add_rows};
use crate::authorized_keys;
use crate::confine;
use crate::error::ServerError;
use crate::key_source::{KeyCache, KeySource as _, Origin, Store, WhenAsked, read_jwks_file};
use crate::log::Log;
use crate::policy::PolicyDenial;
use crate::verify::{self, Allowed, Candidate, DenyReason, Identified, Peeked, Verdict};

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
/// replaces the panic hook, and is confined before it parses what a stranger sent.
pub fn verify_command(args: &VerifyArgs) -> Result<(), ServerError> {
    let place = keep_place_of_panic();
    let log = Log::open(&args.log_file);
    for problem in confine::keep_memory_private() {
        log.line(&format!("warning: {problem}"));
    }
    match answer(args, confined, &log, &mut io::stdout().lock()) {
        Err(ServerError::Panic { .. }) => {
            let place = place.lock().ok().and_then(|mut place| place.take());
            Err(ServerError::Panic { place })
        }
        other => other,
    }
}

/// A panic's message may quote a token: only its place is kept, for who asks afterwards.
fn keep_place_of_panic() -> Arc<Mutex<Option<String>>> {
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    panic::set_hook(Box::new(move |info| {
        if let (Ok(mut seen), Some(at)) = (seen.lock(), info.location()) {
            *seen = Some(format!(" at {}:{}", at.file(), at.line()));
        }
    }));
    place
}

/// As [`verify_command`], with the line going to `out`, and not confined.
pub fn verify_to(args: &VerifyArgs, out: &mut impl Write) -> Result<(), ServerError> {
    answer(args, not_confined, &Log::open(&args.log_file), out)
}

/// What is done between reading the admin's files and parsing what a stranger sent.
type Confine = for<'a> fn(Privileged<'a>) -> Outside<'a>;

/// The rest of this process can ask the monitor, and do little else.
fn confined(privileged: Privileged<'_>) -> Outside<'_> {
    let outside = Outside::start(privileged);
    let Privileged { args, files, log } = privileged;
    for problem in confine::confine_parsing(&files.names_of_others(), &args.cache) {
        log.line(&format!("warning: {problem}"));
    }
    outside
}

fn not_confined(privileged: Privileged<'_>) -> Outside<'_> {
    Outside::Here(privileged)
}

fn answer(
    args: &VerifyArgs,
    confine: Confine,
    log: &Log,
    out: &mut impl Write,
) -> Result<(), ServerError> {
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let (peeked, files) = match prepare(args, log) {
            Ok(prepared) => prepared,
            Err(refused) => return fallback::answer_unread(args, refused, log, out),
        };
        let files = &files;
        let mut outside = confine(Privileged { args, files, log });
        let judged = judge(args, &peeked, files, &mut outside, log);
        let allowed = match (judged, &files.settings.fallback) {
            (Ok(allowed), _) => {
                outside.dismiss();
                allowed
            }
            (Err(refused), None) => return Err(refused),
            (Err(refused), Some(fallback)) => {
                let asked = (fallback, &files.config.deny);
                let outside = || outside.ask_fallback();
                return fallback::answer(args, refused, asked, outside, log, out);
            }
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
    let (peeked, files) = prepare(args, log)?;
    let files = &files;
    let mut outside = Outside::Here(Privileged { args, files, log });
    judge(args, &peeked, files, &mut outside, log)
}

/// What comes before anything is parsed that a stranger sent.
fn prepare(args: &VerifyArgs, log: &Log) -> Result<(Peeked, OwnFiles), ServerError> {
    // most keys that are offered are not ours: nothing else is read for them
    let peeked = verify::peek(&args.key_type, &args.certificate)?;
    log.line(&format!(
        "verify {:?}: certificate of {} bytes",
        args.principal,
        args.certificate.len()
    ));
    Ok((peeked, OwnFiles::load(args, log)?))
}

/// The rest; `outside` does what this process may not do any more.
fn judge(
    args: &VerifyArgs,
    peeked: &Peeked,
    files: &OwnFiles,
    outside: &mut Outside<'_>,
    log: &Log,
) -> Result<Allowed, ServerError> {
    let now = UnixTime::from(SystemTime::now());
    let certificate = verify::read_certificate(peeked)?;
    let candidate = verify::before_keys(certificate, &files.providers, now)?;
    log.detail(&format!(
        "the certificate is in order: signed by its own key, which the token in it is bound to; \
         issuer {} is trusted",
        candidate.issuer()
    ));
    let keys = keys_for(&candidate, args, files, now, log)?;
    let identified = candidate.identify(&keys, now)?;
    let identified = identified.with_account(files.account.clone());
    log.detail("the provider's signature is right");
    let identified = ask_userinfo(identified, &files.config, log);
    allow_by_policy(args, files, &identified, outside, log)
}

/// From a file, from the cache, or from the provider.
fn keys_for(
    candidate: &Candidate,
    args: &VerifyArgs,
    files: &OwnFiles,
    now: UnixTime,
    log: &Log,
) -> Result<KeySet, ServerError> {
    let issuer = candidate.issuer();
    if let Some(path) = files.settings.jwks_files.get(issuer) {
        return read_jwks_file(path).map_err(|error| ServerError::JwksFile {
            issuer: issuer.to_owned(),
            error,
        });
    }
    let source = WhenAsked {
        env_vars: &files.config.env_vars,
    };
    let store = match Store::open(&args.cache) {
        Ok(store) => store,
        Err(error) => {
            log.line(&format!("warning: key cache not used: {error}"));
            return Ok(source.fetch(issuer, WITHOUT_CACHE)?.keys);
        }
    };
    let cache = KeyCache::new(&store, &source, files.settings.key_cache);
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
    files: &OwnFiles,
    identified: &Identified,
    outside: &mut Outside<'_>,
    log: &Log,
) -> Result<Allowed, ServerError> {
    let principal = args.principal.as_str();
    let deny = &files.config.deny;
    for problem in &files.policy_problems {
        log.line(problem);
    }
    let mut tell = |step: String| log.detail(&step);
    match identified.decide_telling(principal, &files.policy, deny, &mut tell) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(DenyReason::Policy(PolicyDenial::NoRule { .. })) => {}
        Verdict::Deny(reason) => return Err(reason.into()),
    }
    let (mut policy, mut refusal) = (Cow::Borrowed(&files.policy), None);
    match (outside.home_policy(), &files.no_auth_id) {
        (Ok(home), _) => {
            for problem in add_rows(policy.to_mut(), &home.path, &home.bytes) {
                log.line(&problem);
            }
        }
        (Err(home), Some(system)) => {
            let (system, home) = (Arc::clone(system), Box::new(home));
            refusal = Some(ServerError::NoPolicy { system, home });
        }
        (Err(home), None) if home.is_absent => {}
        (Err(home), None) => log.line(&format!("warning: home policy not used: {home}")),
    }
    let reason = match identified.decide(principal, &policy, deny) {
        Verdict::Allow(allowed) => return Ok(allowed),
        Verdict::Deny(reason) => reason,
    };
    // last, so that a plugin takes no restriction away that a rule gives
    if !matches!(reason, DenyReason::Policy(PolicyDenial::NoRule { .. })) {
        return Err(reason.into());
    }
    identified.is_refused(principal, &policy, deny)?;
    for problem in &files.plugins.problems {
        log.line(&format!("warning: {problem}"));
    }
    let asked = match files.plugins.is_empty() {
        true => None,
        false => variables(args, identified, log),
    };
    if let Some(plugin) = asked.and_then(|asked| outside.ask_plugins(asked, log)) {
        return Ok(identified.let_in_by_plugin(principal, &policy, deny, &plugin)?);
    }
    Err(refusal.unwrap_or_else(|| reason.into()))
}
