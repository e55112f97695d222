//! `opkssh server revoke`: adds an entry to `revoked.yml`. `verify` refuses it from then on; open
//! sessions continue.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::time::UnixTime;

use crate::admin_error::AdminError;
use crate::etc::{self, REVOKED};
use crate::policy::revoked::{Revocation, Revoked};
use crate::rewrite;

/// Refuse a subject, key or certificate from now on
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct RevokeArgs {
    /// Directory of revoked.yml
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Subject (`sub`) of a person at the provider --issuer; permanent
    #[arg(long, value_name = "SUB", group = "what", requires = "issuer")]
    pub subject: Option<String>,
    /// Provider of the subject
    #[arg(long, value_name = "URL", requires = "subject")]
    pub issuer: Option<String>,
    /// A login and all its renewals: the key's fingerprint, as in `ssh-keygen -l` and sshd's log,
    /// or a file with its certificate
    #[arg(long, value_name = "SHA256:…|FILE", group = "what")]
    pub key: Option<String>,
    /// One ID token, that of this certificate. Includes renewals that keep it (from providers that
    /// leave the nonce out of refreshed ID tokens), not renewals with another one
    #[arg(long, value_name = "FILE", group = "what")]
    pub certificate: Option<PathBuf>,
    /// Reason, for readers of the file
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Adds the entry, unless it exists. Prints the result to stdout.
pub fn revoke_command(args: &RevokeArgs) -> Result<(), AdminError> {
    let entry = entry(args)?;
    let path = REVOKED.path_in(&args.etc);
    let when = match add(&path, &entry)? {
        true => "already",
        false => "now",
    };
    let (what, path) = (entry.what(), path.display());
    // the entry is added even if nobody reads stdout
    let _ = writeln!(io::stdout(), "{what} is revoked {when} in {path}");
    Ok(())
}

fn entry(args: &RevokeArgs) -> Result<Revocation, AdminError> {
    let (key, certificate) = match (&args.key, &args.certificate) {
        (Some(fingerprint), _) if fingerprint.starts_with("SHA256:") => {
            (Some(fingerprint.trim_end_matches('=').to_owned()), None)
        }
        (Some(file), _) => (Some(read(Path::new(file))?.unverified_fingerprint()), None),
        (None, Some(file)) => {
            let certificate = read(file)?;
            let token = UnverifiedPkToken::parse_compact(certificate.unverified_pk_token())
                .map_err(|error| unreadable(file, error))?;
            (None, Some(token.unverified_login_id()))
        }
        (None, None) => (None, None),
    };
    let entry = Revocation {
        subject: args.subject.clone(),
        issuer: args.issuer.clone(),
        key,
        certificate,
        since: Some(UnixTime::from(SystemTime::now()).to_string()),
        reason: args.reason.clone(),
    };
    match entry.is_whole() {
        true => Ok(entry),
        false => Err(AdminError::new(
            "not a fingerprint: expected SHA256: and 43 characters",
        )),
    }
}

fn read(file: &Path) -> Result<UnverifiedCertificate, AdminError> {
    let text = fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
    UnverifiedCertificate::parse_openssh(&text).map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, reason: impl Display) -> AdminError {
    let file = file.display();
    AdminError::new(format!("cannot read a certificate from {file}: {reason}"))
}

/// Adds the entry. Returns true if it existed.
fn add(path: &Path, entry: &Revocation) -> Result<bool, AdminError> {
    let failed = || rewrite::failure(path, format!("cannot write {}", path.display()));
    // a symlink stays: its target is replaced
    let real = &match path.is_symlink() {
        true => fs::canonicalize(path).map_err(failed())?,
        false => path.to_owned(),
    };
    let _lock = rewrite::lock(real).map_err(failed())?;
    let before = REVOKED.read_if_there(real).map_err(|error| {
        AdminError::new(format!("cannot read the revocation list: {error}"))
            .with_hint(etc::hint_for(&error, REVOKED.mode))
    })?;
    let mut text = before.unwrap_or_default();
    let revoked = |text: &[u8]| {
        Revoked::parse(text).map_err(|error| {
            let path = path.display();
            AdminError::new(format!("cannot add to the revocation list {path}: {error}"))
                .hinting(format!("Run: sudoedit {path}"))
        })
    };
    if revoked(&text)?.has(entry) {
        return Ok(true);
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    let line = serde_json::to_string(entry).map_err(|error| failed()(error.into()))?;
    text.extend(format!("- {line}\n").as_bytes());
    // whatever style the file had, the result must parse, or it would lock out everybody
    revoked(&text)?;
    rewrite::replace(real, &text, rewrite::NewFile::Shared).map_err(failed())?;
    Ok(false)
}

#[cfg(test)]
mod tests;
