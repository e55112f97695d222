//! `opkssh explain PRINCIPAL CERT`: the decision of `verify`, made by the same code, each step in
//! words, and what to change.

use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::printable::quoted;

use super::dirs::ServerDirs;
use super::verify::{VerifyArgs, VerifyError, explain_decision};
use crate::log::Log;
use crate::policy::PolicyDenial;
use crate::policy::rules::RuleDenial;
use crate::run_as::{command_as, exit_code, other_owner};
use crate::verify::DenyReason;

/// Longest file with a certificate, in bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Would this certificate be let in, and why (not)? Exit status 0: yes, 1: no.
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

#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    #[error("{0}")]
    Verify(#[from] VerifyError),
    #[error("cannot read a certificate from {path}: {error}", path = path.display())]
    CertificateFile { path: PathBuf, error: io::Error },
}

impl ExplainError {
    /// Returns the next thing to do, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Verify(error) => error.hint(),
            Self::CertificateFile { .. } => None,
        }
    }
}

/// Writes each step to stdout, and sshd's line last. The error is the reason for a no; the value,
/// the exit status of the process that has said all that for us, or 0.
///
/// Root judges as the owner of the cache, who is the AuthorizedKeysCommand user: that one cannot
/// read everything, and uses the cache.
pub fn explain_command(args: &ExplainArgs) -> Result<u8, ExplainError> {
    let text = read(args)?;
    let said = Log::explaining(io::stdout());
    if rustix::process::geteuid().is_root() {
        match as_owner_of_cache(args, &text) {
            Ok(status) => return Ok(status),
            Err(reason) => said.line(&format!(
                "judged as root, and so perhaps not as sshd's AuthorizedKeysCommandUser would: {reason}"
            )),
        }
    }
    let mut words = text.split_ascii_whitespace();
    let (key_type, base64) = (words.next(), words.next());
    let verify = VerifyArgs {
        dirs: args.dirs.clone(),
        config_path: args.config_path.clone(),
        log_file: PathBuf::new(),
        principal: args.principal.clone(),
        certificate: base64.unwrap_or_default().to_owned(),
        key_type: key_type.unwrap_or_default().to_owned(),
        extra: Vec::new(),
    };
    describe(&text, &said);
    let allowed = explain_decision(&verify, args.client_address, &said).inspect_err(|error| {
        if let VerifyError::Denied(reason) = error
            && let Some(remark) = remark_on(reason)
        {
            said.line(remark);
        }
    })?;
    for notice in &allowed.notices {
        said.line(&format!("notice: {notice}"));
    }
    said.line(&format!(
        "yes: {} may become {} by {}",
        allowed.who, args.principal, allowed.rule
    ));
    said.line(&format!("sshd gets: {}", allowed.key));
    if allowed.key.sets_environment() {
        said.line("sshd heeds environment= only with PermitUserEnvironment in sshd_config");
    }
    Ok(0)
}

/// Returns what a refusal means for everything else that allows.
fn remark_on(reason: &DenyReason) -> Option<&'static str> {
    match reason {
        DenyReason::Policy(PolicyDenial::Rule(RuleDenial::Options { .. })) => {
            Some("the rule's options cannot be filled in; mend the rule")
        }
        reason => reason
            .is_final()
            .then_some("a denial applies; no rule or row can override it"),
    }
}

/// The same by the same program, to its end. It gets the certificate by stdin: the file may be
/// root's, and it holds tokens. An error says why it was not started.
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
        // whoever ends without reading it has said why
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().map(exit_code).map_err(failed)
}

fn read(args: &ExplainArgs) -> Result<String, ExplainError> {
    let unreadable = |error: io::Error| ExplainError::CertificateFile {
        path: args.certificate.clone(),
        error,
    };
    let mut text = String::new();
    if args.certificate.as_os_str() == "-" {
        io::stdin()
            .take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    } else {
        let file = fs::File::open(&args.certificate).map_err(unreadable)?;
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(unreadable)?;
    }
    Ok(text)
}

/// What the certificate says of itself, which nobody has checked yet.
fn describe(text: &str, said: &Log) {
    if let Ok(certificate) = UnverifiedCertificate::parse_openssh(text) {
        let fields = certificate.unverified_fields();
        said.line(&format!(
            "certificate: key {}, key id {}, for {}",
            certificate.unverified_fingerprint(),
            quoted(fields.key_id()),
            quoted(&fields.valid_principals().join(","))
        ));
    }
    // a full pipe is no reason to stop: the exit status is the answer
    let _ = io::stdout().flush();
}
