//! `opkssh explain PRINCIPAL CERT`: makes the decision of `verify` with the same code, and prints
//! the verdict, how to change it, and each step.

mod answer;

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::printable::quoted;

use super::ServerDirs;
use super::output::json;
use super::verify::{VerifyArgs, VerifyError, explain_decision};
use crate::account::{self, AccountError};
use crate::admin_error::AdminError;
use crate::etc;
use crate::log::Log;
use crate::policy::rules::RuleDenial;
use crate::policy::{Advice, PolicyDenial};
use crate::run_as::{command_as, exit_code, other_owner};
use crate::table;
use crate::verify::{Allowed, DenyReason};
use answer::Steps;

/// Largest certificate file, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Explain whether a certificate would be accepted. Exit status 0: yes, 1: no, 3: not known.
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
    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
    /// Local account to log in to
    pub principal: String,
    /// File with the certificate, as `-cert.pub` files have it, or `-` for stdin
    #[arg(value_name = "CERT")]
    pub certificate: PathBuf,
}

/// Writes the verdict to stdout, then each step and sshd's line. Fails if there is no verdict.
/// Returns the exit status: 0 for yes, 1 for no.
///
/// Root decides as the owner of the cache, which is the AuthorizedKeysCommand user: that user
/// cannot read every file, and uses the cache.
pub fn explain_command(args: &ExplainArgs) -> Result<u8, AdminError> {
    let found = read(args).and_then(|text| find_certificate(args, &text));
    let steps = Steps::default();
    let log = Log::explaining(steps.clone());
    if let Ok(certificate) = &found
        && rustix::process::geteuid().is_root()
    {
        match as_owner_of_cache(args, certificate) {
            Ok(status) => return Ok(status),
            Err(reason) => log.line(&format!(
                "decided as root, who may read more than sshd's AuthorizedKeysCommandUser: {reason}"
            )),
        }
    }
    let seen = found.as_ref().ok().and_then(CertificateWords::parse);
    if let Some(certificate) = &seen {
        describe(certificate, &log);
    }
    let decided = found.and_then(|certificate| decide(args, certificate, &log));
    let steps = steps.text();
    let out = &mut io::stdout();
    match args.json {
        true => json(out, &answer::explanation(args, &decided, &steps))?,
        // a full pipe is no reason to stop: the exit status is the result
        false => drop(answer::write_text(
            out,
            args,
            seen.as_ref(),
            &decided,
            &steps,
        )),
    }
    match decided {
        Ok(_) => Ok(0),
        Err(no) if no.status() == 1 => Ok(1),
        Err(error) => Err(error),
    }
}

/// Key type and base64 of a certificate.
struct CertificateWords(String, String);

/// Returns the first certificate in the text, which may be the output of `ssh-add -L`.
fn find_certificate(args: &ExplainArgs, text: &str) -> Result<CertificateWords, AdminError> {
    let mut words = text.split_ascii_whitespace();
    let found = words.find(|word| word.ends_with("-cert-v01@openssh.com"));
    if let (Some(key_type), Some(base64)) = (found, words.next()) {
        return Ok(CertificateWords(key_type.to_owned(), base64.to_owned()));
    }
    let input = match args.certificate.as_os_str().as_encoded_bytes() {
        b"-" => "stdin".to_owned(),
        _ => args.certificate.display().to_string(),
    };
    let what = match text.split_ascii_whitespace().next() {
        None => "is empty",
        Some(_) => {
            "has no SSH certificate, which is a line of TYPE-cert-v01@openssh.com and base64"
        }
    };
    Err(AdminError::new(format!("{input} {what}"))
        .hinting(format!(
            "on the client, run: ssh-add -L >cert.pub; here: sudo opkssh explain{} {} cert.pub",
            etc::option(&args.dirs.etc),
            table::quote(&args.principal)
        ))
        .not_known())
}

impl CertificateWords {
    fn line(&self) -> String {
        let Self(key_type, base64) = self;
        format!("{key_type} {base64}\n")
    }

    fn parse(&self) -> Option<UnverifiedCertificate> {
        UnverifiedCertificate::parse_openssh(&self.line()).ok()
    }
}

/// Decides, and logs each step.
fn decide(
    args: &ExplainArgs,
    CertificateWords(key_type, certificate): CertificateWords,
    log: &Log,
) -> Result<Allowed, AdminError> {
    let verify = VerifyArgs {
        dirs: args.dirs.clone(),
        config_path: args.config_path.clone(),
        log_file: PathBuf::new(),
        principal: args.principal.clone(),
        key_type,
        certificate,
        extra: Vec::new(),
    };
    let account = account::find(&args.principal);
    if let Err(AccountError::Unknown(_) | AccountError::Name(_)) = &account {
        let name = quoted(&args.principal);
        return Err(AdminError::new(format!(
            "there is no local account {name}, so sshd refuses it before it asks verify"
        ))
        .hinting("name an account of this server, or make it: sudo useradd -m NAME"));
    }
    let is_root = account.is_ok_and(|account| account.uid == 0);
    let decided = explain_decision(&verify, args.client_address, log);
    let allowed = decided.map_err(|error| refusal(error, is_root, args, log))?;
    if allowed.key.sets_environment() {
        log.line("sshd applies environment= only with PermitUserEnvironment in sshd_config");
    }
    Ok(allowed)
}

/// Returns the reason with what to change. A question that only root or the provider can answer has
/// the exit status for that.
fn refusal(mut error: VerifyError, is_root: bool, args: &ExplainArgs, log: &Log) -> AdminError {
    if let VerifyError::Denied(reason) = &mut error {
        if let Some(remark) = refusal_note(reason) {
            log.line(remark);
        }
        if let DenyReason::Policy(PolicyDenial::NoRule { advice, .. }) = reason
            && is_root
            && **advice == Advice::Row
        {
            **advice = Advice::NewRule;
        }
    }
    // what the owner of the cache cannot read, verify cannot either
    let cache = fs::symlink_metadata(args.dirs.key_cache());
    let is_verify = cache.is_ok_and(|cache| cache.uid() == rustix::process::geteuid().as_raw());
    let is_for_root = !is_verify && error.file_error().is_some_and(etc::needs_root);
    let hint = match is_for_root {
        true => Some(etc::as_root()),
        false => error.hint_in(&args.dirs.etc),
    };
    let reason = near_issuer(&error).unwrap_or_else(|| error.to_string());
    let known = AdminError::new(reason).with_hint(hint);
    match error {
        // it may be that of another directory
        VerifyError::Etc(ref error) if error.is_missing() => known.not_known(),
        VerifyError::Keys(_) | VerifyError::Output(_) | VerifyError::Panic { .. } => {
            known.not_known()
        }
        _ if is_for_root => known.not_known(),
        _ => known,
    }
}

/// Returns the reason if a row would allow the login but for a trailing slash.
fn near_issuer(error: &VerifyError) -> Option<String> {
    let VerifyError::Denied(DenyReason::Policy(PolicyDenial::NoRule { issuer, advice, .. })) =
        error
    else {
        return None;
    };
    let Advice::Issuer {
        path,
        line,
        issuer: own,
        ..
    } = advice.as_ref()
    else {
        return None;
    };
    Some(format!(
        "{path} line {line} is for issuer {}, and the login is of {}: the trailing slash differs",
        quoted(own),
        quoted(issuer)
    ))
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
fn as_owner_of_cache(args: &ExplainArgs, certificate: &CertificateWords) -> Result<u8, String> {
    let cache = args.dirs.key_cache();
    let (uid, gid) = other_owner(&cache)
        .ok_or_else(|| format!("that user has no key cache {}", cache.display()))?;
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
    if args.json {
        command.arg("--json");
    }
    command.arg("--cache").arg(&cache);
    command.args(["--", &args.principal, "-"]);
    command.stdin(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // a process that ends without reading reports its own error
        let _ = stdin.write_all(certificate.line().as_bytes());
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
            .hinting("name a file that ends in -cert.pub, or - for stdin")
            .not_known()
    })?;
    Ok(text)
}

/// Logs the unverified contents of the certificate.
fn describe(certificate: &UnverifiedCertificate, log: &Log) {
    let fields = certificate.unverified_fields();
    log.line(&format!(
        "certificate: key {}, key id {}, for {}",
        certificate.unverified_fingerprint(),
        quoted(fields.key_id()),
        quoted(&fields.valid_principals().join(","))
    ));
}
