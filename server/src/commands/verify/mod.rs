//! `opkssh verify %u %k %t`: sshd runs it for each offered key, several times per login, and first
//! before the client has proved that it has the key.

mod admin_files;
mod by_policy;
mod client;
mod context;
mod error;
mod fallback;
mod monitor;
mod plugins;
mod provider;

pub(super) use admin_files::{AdminFiles, load_config, load_providers};
pub use error::VerifyError;

use std::io::{self, Write};
use std::net::IpAddr;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

use super::ServerDirs;
use crate::admin_error::AdminError;
use crate::authorized_keys;
use crate::confine;
use crate::deadline::Deadline;
use crate::decision::{Decision, Outcome, Seen};
use crate::etc;
use crate::key_source::PROVIDER_TIMEOUT;
use crate::log::Log;
use crate::verify::{self, Allowed};
use by_policy::allow_by_policy;
use client::{assumed_address, client_address};
use context::{Context, Inputs, load_inputs};
use fallback::{answer_by_fallback, answer_without_files};
use monitor::PrivilegedSide;
use provider::{ask_userinfo, keys_for};

/// Decide whether a certificate may log in, for sshd's AuthorizedKeysCommand.
// no Debug: the certificate contains tokens
#[derive(Clone, clap::Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    pub dirs: ServerDirs,
    /// Server configuration, in place of config.yml in that directory
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Where to log: a file, or `journal` for systemd's journal
    #[arg(long, value_name = "FILE", default_value = etc::LOG)]
    pub log_file: PathBuf,
    /// Local account (sshd's %u)
    pub principal: String,
    /// Certificate in base64 (sshd's %k)
    pub certificate: String,
    /// Key type (sshd's %t)
    pub key_type: String,
    /// Further words from sshd: those that server.yml declares, then any for policy plugins
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub extra: Vec<String>,
}

/// Writes sshd's line to stdout, or fails and writes nothing. Needs a process of its own: it
/// replaces the panic hook, and confines the process before parsing client data.
pub fn verify_command(args: &VerifyArgs) -> Result<(), AdminError> {
    let place = record_panic_location();
    let log = Log::open(&args.log_file);
    for problem in confine::protect_memory() {
        log.line(&format!("warning: {problem}"));
    }
    run_verify(args, confined, &log, &mut io::stdout().lock()).map_err(|error| {
        let error = match error {
            VerifyError::Panic { .. } => {
                let place = place.lock().ok().and_then(|mut place| place.take());
                VerifyError::Panic { place }
            }
            error => error,
        };
        AdminError::new(&error).with_hint(error.hint_in(&args.dirs.etc))
    })
}

/// Stores the location of a panic. Its message could quote a token, so it is dropped.
fn record_panic_location() -> Arc<Mutex<Option<String>>> {
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    panic::set_hook(Box::new(move |info| {
        if let (Ok(mut seen), Some(at)) = (seen.lock(), info.location()) {
            *seen = Some(format!(" at {}:{}", at.file(), at.line()));
        }
    }));
    place
}

/// Writes the line to `out` and does not confine the process. Otherwise like [`verify_command`].
pub fn verify_to(args: &VerifyArgs, out: &mut impl Write) -> Result<(), VerifyError> {
    run_verify(args, not_confined, &Log::open(&args.log_file), out)
}

/// Preparation between loading the admin's files and parsing client data.
type Confine = for<'a> fn(Context<'a>) -> PrivilegedSide<'a>;

/// Confines the process: it can ask the monitor, and do little else.
fn confined(context: Context<'_>) -> PrivilegedSide<'_> {
    let privileged = PrivilegedSide::start(context);
    let Context { files, log, .. } = context;
    for problem in confine::confine_parsing(&files.readable_paths(), context.key_cache) {
        log.line(&format!("warning: {problem}"));
    }
    privileged
}

fn not_confined(context: Context<'_>) -> PrivilegedSide<'_> {
    PrivilegedSide::Direct(context)
}

/// Decides or asks the fallback, and logs the decision.
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
            Err(refused) => return answer_without_files(args, refused, log, out),
        };
        let context = inputs.context(args, log);
        let client = client_address(context);
        let mut privileged = confine(context);
        let decided = decide(context, &inputs, client, &mut privileged, &mut seen);
        let allowed = match (decided, &inputs.files.settings.fallback) {
            (Ok(allowed), _) => {
                privileged.close_requests();
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
        // the last step: an error before it leaves nothing for sshd
        authorized_keys::write(&allowed.key, out).map_err(VerifyError::Output)?;
        Ok(Outcome::Allowed { rule: allowed.rule })
    }))
    .unwrap_or(Err(VerifyError::Panic { place: None }));
    let (outcome, result) = match result {
        Ok(outcome) => (outcome, Ok(())),
        Err(error) => {
            let reason = error.to_string();
            (Outcome::Refused { reason }, Err(error))
        }
    };
    log.decision(&Decision {
        account: &args.principal,
        outcome: &outcome,
        seen: &seen,
    });
    result
}

/// Decides without confinement and fallback, and logs each step. `client` replaces the address that
/// sshd would pass.
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

/// Decides from the inputs, with the provider's keys.
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
    // read the clock again: the provider may have been slow
    let now = UnixTime::from(SystemTime::now());
    let mut identified = candidate.identify(&keys, now)?;
    identified.account.clone_from(&inputs.account);
    identified.client_address = client;
    log.detail("the provider's signature is valid");
    identified.userinfo = ask_userinfo(context, &identified, deadline);
    allow_by_policy(context, &identified, privileged)
}
