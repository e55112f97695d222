//! `opkssh explain PRINCIPAL CERT`: makes the decision of `verify` with the same code, and prints
//! each step and how to change the result.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::printable::quoted;

use super::ServerDirs;
use super::verify::{VerifyArgs, VerifyError, explain_decision};
use crate::admin_error::AdminError;
use crate::log::Log;
use crate::policy::PolicyDenial;
use crate::policy::rules::RuleDenial;
use crate::run_as::{command_as, exit_code, other_owner};
use crate::verify::DenyReason;

/// Largest certificate file, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Explain whether a certificate would be accepted. Exit status 0: yes, 1: no.
#[derive(Debug, Clone, clap::Args)]
pub struct ExplainArgs {
    #[command(flatten)]
    pub dirs: ServerDirs,
    /// Server configuration, in place of config.yml in that directory
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Address that the client would connect from, for rules with client_address
    #[arg(long, value_name = "ADDRESS")]
    pub client_address: Option<IpAddr>,
    /// Local account to log in to
    pub principal: String,
    /// File with the certificate, as `-cert.pub` files have it, or `-` for stdin
    #[arg(value_name = "CERT")]
    pub certificate: PathBuf,
}

/// Writes each step to stdout, then sshd's line. Fails with the reason for a refusal. Returns the
/// exit status of the process that did this as another user, otherwise 0.
///
/// Root decides as the owner of the cache, which is the AuthorizedKeysCommand user: that user
/// cannot read every file, and uses the cache.
pub fn explain_command(args: &ExplainArgs) -> Result<u8, AdminError> {
    let text = read(args)?;
    let log = Log::explaining(io::stdout());
    if rustix::process::geteuid().is_root() {
        match as_owner_of_cache(args, &text) {
            Ok(status) => return Ok(status),
            Err(reason) => log.line(&format!(
                "decided as root, which can differ from sshd's AuthorizedKeysCommandUser: {reason}"
            )),
        }
    }
    let mut words = text.split_ascii_whitespace().map(str::to_owned);
    let verify = VerifyArgs {
        dirs: args.dirs.clone(),
        config_path: args.config_path.clone(),
        log_file: PathBuf::new(),
        principal: args.principal.clone(),
        key_type: words.next().unwrap_or_default(),
        certificate: words.next().unwrap_or_default(),
        extra: Vec::new(),
    };
    describe(&text, &log);
    let allowed = explain_decision(&verify, args.client_address, &log).inspect_err(|error| {
        if let VerifyError::Denied(reason) = error
            && let Some(remark) = refusal_note(reason)
        {
            log.line(remark);
        }
    })?;
    for notice in &allowed.notices {
        log.line(&format!("notice: {notice}"));
    }
    log.line(&format!(
        "yes: {} may log in as {} by {}",
        allowed.who, args.principal, allowed.rule
    ));
    log.line(&format!("sshd gets: {}", allowed.key));
    if allowed.key.sets_environment() {
        log.line("sshd applies environment= only with PermitUserEnvironment in sshd_config");
    }
    Ok(0)
}

/// Returns how a refusal affects other sources of permission.
fn refusal_note(reason: &DenyReason) -> Option<&'static str> {
    match reason {
        DenyReason::Policy(PolicyDenial::Rule(RuleDenial::Options { .. })) => {
            Some("the rule's options cannot be filled in; fix the rule")
        }
        reason => reason
            .is_final()
            .then_some("a denial applies; no rule or row can override it"),
    }
}

/// Runs the same command as the owner of the cache. Passes the certificate by stdin, because only
/// root may be able to read the file and it contains tokens. Fails if the command cannot be
/// started.
fn as_owner_of_cache(args: &ExplainArgs, text: &str) -> Result<u8, String> {
    let cache = args.dirs.key_cache();
    let (uid, gid) = other_owner(&cache)
        .ok_or_else(|| format!("there is no key cache {} of that user's", cache.display()))?;
    let failed = |error: io::Error| format!("the program cannot be run as uid {uid}: {error}");
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = command_as(uid, gid, &program);
    command.arg("explain").arg("--etc").arg(&args.dirs.etc);
    if let Some(path) = &args.config_path {
        command.arg("--config-path").arg(path);
    }
    if let Some(address) = args.client_address {
        command.arg("--client-address").arg(address.to_string());
    }
    command.arg("--cache").arg(&cache);
    command.args(["--", &args.principal, "-"]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // a process that ends without reading reports its own error
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().map(exit_code).map_err(failed)
}

fn read(args: &ExplainArgs) -> Result<String, AdminError> {
    let mut text = String::new();
    let read = match args.certificate.as_os_str().as_encoded_bytes() {
        b"-" => io::stdin().take(MAX_BYTES).read_to_string(&mut text),
        _ => fs::File::open(&args.certificate)
            .and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text)),
    };
    read.map_err(|error| {
        let path = args.certificate.display();
        AdminError::new(format!("cannot read a certificate from {path}: {error}"))
    })?;
    Ok(text)
}

/// Logs the unverified contents of the certificate.
fn describe(text: &str, log: &Log) {
    if let Ok(certificate) = UnverifiedCertificate::parse_openssh(text) {
        let fields = certificate.unverified_fields();
        log.line(&format!(
            "certificate: key {}, key id {}, for {}",
            certificate.unverified_fingerprint(),
            quoted(fields.key_id()),
            quoted(&fields.valid_principals().join(","))
        ));
    }
    // a full pipe is no reason to stop: the exit status is the result
    let _ = io::stdout().flush();
}
