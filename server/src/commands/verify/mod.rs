//! `opkssh verify %u %k %t`: what sshd runs for each key that is offered, several times per login
//! and first before the client has proved that it holds the key.

mod admin_files;
mod arguments;
mod by_policy;
mod client;
mod error;
mod fallback;
mod keys;
mod monitor;
mod plugins;
mod userinfo;

pub(super) use admin_files::{AdminFiles, load_config, load_providers};
pub use arguments::VerifyArgs;
pub use error::VerifyError;

use std::io::{self, Write};
use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

use crate::authorized_keys;
use crate::confine;
use crate::deadline::Deadline;
use crate::decision::{Decision, Outcome, Seen};
use crate::key_source::PROVIDER_TIMEOUT;
use crate::log::Log;
use crate::verify::{self, Allowed, Peeked};
use admin_files::rows_of;
use by_policy::allow_by_policy;
use client::{assumed_address, client_address};
use fallback::Answered;
use keys::keys_for;
use monitor::{Outside, Privileged};
use userinfo::ask_userinfo;

/// Writes sshd's line to stdout, or nothing there and an error. Meant for a process of its own: it
/// replaces the panic hook, and is confined before it parses what a stranger sent.
pub fn verify_command(args: &VerifyArgs) -> Result<(), VerifyError> {
    let place = keep_place_of_panic();
    let log = Log::open(&args.log_file);
    for problem in confine::keep_memory_private() {
        log.line(&format!("warning: {problem}"));
    }
    match answer(args, confined, &log, &mut io::stdout().lock()) {
        Err(VerifyError::Panic { .. }) => {
            let place = place.lock().ok().and_then(|mut place| place.take());
            Err(VerifyError::Panic { place })
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
pub fn verify_to(args: &VerifyArgs, out: &mut impl Write) -> Result<(), VerifyError> {
    answer(args, not_confined, &Log::open(&args.log_file), out)
}

/// What is done between reading the admin's files and parsing what a stranger sent.
type Confine = for<'a> fn(Privileged<'a>) -> Outside<'a>;

/// The rest of this process can ask the monitor, and do little else.
fn confined(privileged: Privileged<'_>) -> Outside<'_> {
    let outside = Outside::start(privileged);
    let Privileged { files, log, .. } = privileged;
    for problem in confine::confine_parsing(&files.names_of_others(), files.key_cache.as_deref()) {
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
) -> Result<(), VerifyError> {
    let mut seen = Seen::default();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let (peeked, files) = match prepare(args, log) {
            Ok(prepared) => prepared,
            Err(refused) => return fallback::answer_unread(args, refused, log, out),
        };
        let files = &files;
        let client = client_address(args, files, log);
        let mut outside = confine(Privileged { args, files, log });
        let judged = judge(args, &peeked, files, client, &mut outside, &mut seen, log);
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
        // the last thing that happens: whatever goes wrong before leaves nothing for sshd
        authorized_keys::write(&allowed.key, out).map_err(VerifyError::Output)?;
        Ok(Answered::Ours { rule: allowed.rule })
    }))
    .unwrap_or(Err(VerifyError::Panic { place: None }));
    log.decision(&Decision {
        account: &args.principal,
        outcome: outcome(&result),
        seen: &seen,
    });
    result.map(|_| ())
}

fn outcome(result: &Result<Answered, VerifyError>) -> Outcome<'_> {
    match result {
        Ok(Answered::Ours { rule }) => Outcome::Allowed { rule },
        Ok(Answered::Fallback {
            program,
            bytes,
            refused,
        }) => Outcome::ByFallback {
            program,
            bytes: *bytes,
            reason: refused.to_string(),
        },
        Err(error) => Outcome::Refused {
            reason: error.to_string(),
        },
    }
}

/// Every step of the decision; `log` hears of them. `client` stands for the address in sshd's words.
pub(super) fn decide(
    args: &VerifyArgs,
    client: Option<IpAddr>,
    log: &Log,
) -> Result<Allowed, VerifyError> {
    let (peeked, files) = prepare(args, log)?;
    let files = &files;
    let client = assumed_address(client, files, log);
    let mut outside = Outside::Here(Privileged { args, files, log });
    let mut seen = Seen::default();
    judge(args, &peeked, files, client, &mut outside, &mut seen, log)
}

/// What comes before anything is parsed that a stranger sent.
fn prepare(args: &VerifyArgs, log: &Log) -> Result<(Peeked, AdminFiles), VerifyError> {
    // most keys that are offered are not ours: nothing else is read for them
    let peeked = verify::peek(&args.key_type, &args.certificate)?;
    let config = args.config_path.as_deref();
    let mut files = AdminFiles::load(&args.etc, config, rows_of(args, log), log)?;
    files.look_up(&args.principal, log);
    files.choose_key_cache(args.cache.as_deref(), log);
    Ok((peeked, files))
}

/// The rest; `outside` does what this process may not do any more.
fn judge(
    args: &VerifyArgs,
    peeked: &Peeked,
    files: &AdminFiles,
    client: Option<IpAddr>,
    outside: &mut Outside<'_>,
    seen: &mut Seen,
    log: &Log,
) -> Result<Allowed, VerifyError> {
    let deadline = Deadline::after(PROVIDER_TIMEOUT);
    let now = UnixTime::from(SystemTime::now());
    let certificate = verify::read_certificate(peeked)?;
    *seen = Seen::in_certificate(&certificate);
    let candidate = verify::before_keys(certificate, &files.providers, now)?;
    log.detail(&format!(
        "the certificate is in order: signed by its own key, which the token in it is bound to; \
         issuer {} is trusted",
        candidate.issuer()
    ));
    let keys = keys_for(&candidate, files, deadline, seen, log)?;
    // the provider may have taken its time
    let now = UnixTime::from(SystemTime::now());
    let identified = candidate.identify(&keys, now)?;
    let identified = identified
        .with_account(files.account.clone())
        .with_client_address(client);
    log.detail("the provider's signature is right");
    let identified = ask_userinfo(identified, files, deadline, log);
    allow_by_policy(args, files, &identified, outside, log)
}
