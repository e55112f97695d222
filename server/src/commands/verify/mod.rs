//! `opkssh verify %u %k %t`: what sshd runs for each key that is offered, several times per login
//! and first before the client has proved that it holds the key.

mod admin_files;
mod arguments;
mod by_policy;
mod client;
mod context;
mod error;
mod fallback;
mod keys;
mod limited;
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
use crate::verify::{self, Allowed};
use by_policy::allow_by_policy;
use client::{assumed_address, client_address};
use context::{Context, Inputs, load_inputs};
use fallback::{Answered, answer_by_fallback, answer_unread};
use keys::keys_for;
use monitor::PrivilegedSide;
use userinfo::ask_userinfo;

/// Writes sshd's line to stdout, or nothing there and an error. Meant for a process of its own: it
/// replaces the panic hook, and is confined before it parses what a stranger sent.
pub fn verify_command(args: &VerifyArgs) -> Result<(), VerifyError> {
    let place = keep_place_of_panic();
    let log = Log::open(&args.log_file);
    for problem in confine::keep_memory_private() {
        log.line(&format!("warning: {problem}"));
    }
    match run_verify(args, confined, &log, &mut io::stdout().lock()) {
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
    run_verify(args, not_confined, &Log::open(&args.log_file), out)
}

/// What is done between reading the admin's files and parsing what a stranger sent.
type Confine = for<'a> fn(Context<'a>) -> PrivilegedSide<'a>;

/// The rest of this process can ask the monitor, and do little else.
fn confined(context: Context<'_>) -> PrivilegedSide<'_> {
    let privileged = PrivilegedSide::start(context);
    let Context { files, log, .. } = context;
    for problem in confine::confine_parsing(&files.names_of_others(), context.key_cache) {
        log.line(&format!("warning: {problem}"));
    }
    privileged
}

fn not_confined(context: Context<'_>) -> PrivilegedSide<'_> {
    PrivilegedSide::Direct(context)
}

/// Decides, or asks the fallback, and logs the decision.
fn run_verify(
    args: &VerifyArgs,
    confine: Confine,
    log: &Log,
    out: &mut impl Write,
) -> Result<(), VerifyError> {
    let mut seen = Seen::default();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let inputs = match load_inputs(args, log) {
            Ok(inputs) => inputs,
            Err(refused) => return answer_unread(args, refused, log, out),
        };
        let context = inputs.context(args, log);
        let client = client_address(context);
        let mut privileged = confine(context);
        let decided = decide(context, &inputs, client, &mut privileged, &mut seen);
        let allowed = match (decided, &inputs.files.settings.fallback) {
            (Ok(allowed), _) => {
                privileged.dismiss();
                allowed
            }
            (Err(refused), None) => return Err(refused),
            (Err(refused), Some(fallback)) => {
                let asked = (fallback, &inputs.files.config.deny);
                let ask = || privileged.ask_fallback();
                return answer_by_fallback(args, refused, asked, ask, log, out);
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

/// Decides without confinement and without the fallback, and logs each step. `client` stands for the
/// address that sshd would pass.
pub(super) fn explain_decision(
    args: &VerifyArgs,
    client: Option<IpAddr>,
    log: &Log,
) -> Result<Allowed, VerifyError> {
    let inputs = load_inputs(args, log)?;
    let context = inputs.context(args, log);
    let client = assumed_address(context, client);
    let mut privileged = PrivilegedSide::Direct(context);
    let mut seen = Seen::default();
    decide(context, &inputs, client, &mut privileged, &mut seen)
}

/// Decides from the inputs, with the keys of the provider.
fn decide(
    context: Context<'_>,
    inputs: &Inputs,
    client: Option<IpAddr>,
    privileged: &mut PrivilegedSide<'_>,
    seen: &mut Seen,
) -> Result<Allowed, VerifyError> {
    let Context { files, log, .. } = context;
    let deadline = Deadline::after(PROVIDER_TIMEOUT);
    let now = UnixTime::from(SystemTime::now());
    let certificate = verify::read_certificate(&inputs.peeked)?;
    *seen = Seen::in_certificate(&certificate);
    let candidate = verify::before_keys(certificate, &files.providers, now)?;
    log.detail(&format!(
        "the certificate is in order: signed by its own key, which the token in it is bound to; \
         issuer {} is trusted",
        candidate.issuer()
    ));
    let keys = keys_for(context, &candidate, deadline, seen)?;
    // the provider may have taken its time
    let now = UnixTime::from(SystemTime::now());
    let identified = candidate.identify(&keys, now)?;
    let identified = identified
        .with_account(inputs.account.clone())
        .with_client_address(client);
    log.detail("the provider's signature is right");
    let identified = ask_userinfo(context, identified, deadline);
    allow_by_policy(context, &identified, privileged)
}
