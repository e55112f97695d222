//! Finds out what a revocation names: a subject, by a mail address in the log or itself, a key or an
//! ID token.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::time::UnixTime;

use super::RevokeArgs;
use crate::admin_error::AdminError;
use crate::commands::output::note;
use crate::decision::record::{self, Logged};
use crate::etc::{self, PROVIDERS};
use crate::issuer;
use crate::policy::revoked::Revocation;
use crate::table;

/// Returns the entry that the arguments select.
pub(super) fn entry(args: &RevokeArgs) -> Result<Revocation, AdminError> {
    let mut entry = Revocation {
        since: Some(UnixTime::from(SystemTime::now()).to_string()),
        reason: args.reason.clone(),
        ..Revocation::default()
    };
    if let Some(email) = &args.email {
        let (subject, issuer) = subject_of(email, args)?;
        (entry.subject, entry.issuer) = (Some(subject), Some(issuer));
    } else if let (Some(subject), Some(issuer)) = (&args.subject, &args.issuer) {
        if subject.contains('@') && !args.undo {
            note(&format!(
                "warning: {subject:?} looks like a mail address. A subject is the `sub` of a \
                 token; to revoke whoever logged in with an address: opkssh server revoke --email \
                 {}",
                table::quote(subject)
            ));
        }
        let issuer = match args.undo {
            // as it stands in the file, perhaps as a short name, which revokes nobody
            true => issuer.clone(),
            false => listed(issuer, &args.etc)?,
        };
        (entry.subject, entry.issuer) = (Some(subject.clone()), Some(issuer));
    } else if let Some(key) = &args.key {
        entry.key = Some(match key.starts_with("SHA256:") {
            true => key.trim_end_matches('=').to_owned(),
            false => read(Path::new(key))?.unverified_fingerprint(),
        });
    } else if let Some(file) = &args.certificate {
        entry.certificate = Some(match file.starts_with("SHA256:") {
            true => file.trim_end_matches('=').to_owned(),
            false => {
                let certificate = read(Path::new(file))?;
                let token = UnverifiedPkToken::parse_compact(certificate.unverified_pk_token());
                let token = token.map_err(|error| unreadable(Path::new(file), error))?;
                token.unverified_login_id()
            }
        });
    }
    match entry.is_whole() {
        true => Ok(entry),
        false => Err(AdminError::new(
            "not a subject or fingerprint: expected a text, or SHA256: and 43 characters",
        )
        .hinting("show a key's fingerprint: ssh-keygen -lf FILE")
        .misuse()),
    }
}

/// Returns the issuer as the providers file has it. Fails for any other: nobody would be revoked.
fn listed(word: &str, etc: &Path) -> Result<String, AdminError> {
    let path = PROVIDERS.path_in(etc);
    let providers = etc::load_providers(&path)?;
    let issuer = issuer::expand(word);
    if providers.lists(issuer) {
        return Ok(issuer.to_owned());
    }
    if let Some(known) = providers
        .issuers()
        .find(|known| issuer::is_same(known, word))
    {
        return Ok(known.to_owned());
    }
    let path = path.display().to_string();
    let known: Vec<String> = providers.issuers().map(str::to_owned).collect();
    Err(AdminError::new(format!(
        "issuer {issuer:?} is in no row of {path}, so nobody would be revoked"
    ))
    .hinting(
        match issuer.contains("://") || issuer::suggestion(word, &known).is_some() {
            true => issuer::hint(issuer, &known, &path),
            false => format!(
                "write the URL as in {path}, or a short name: {}",
                issuer::short_names()
            ),
        },
    ))
}

/// Returns subject and issuer of the accepted logins with this mail address. Fails unless there is
/// exactly one.
fn subject_of(email: &str, args: &RevokeArgs) -> Result<(String, String), AdminError> {
    let log = args.log_file.display();
    let records = record::read(&args.log_file).map_err(|error| {
        AdminError::new(format!("cannot read the log {log}: {error}")).with_hint(Some(
            match etc::is_for_root(&error) {
                true => etc::as_root(),
                false => "name verify's log with --log-file, or the subject with --subject and \
                          --issuer"
                    .to_owned(),
            },
        ))
    })?;
    let accepted = records.iter().filter(|record| record.is_allowed);
    let theirs = accepted.filter(|record| {
        let logged = record.value("email");
        logged.is_some_and(|logged| !logged.is_cut && logged.text.eq_ignore_ascii_case(email))
    });
    let subjects =
        theirs.filter_map(|record| Some((record.value("subject")?, record.value("issuer")?)));
    let meant = |issuer: &str| {
        args.issuer
            .as_deref()
            .is_none_or(|own| issuer::is_same(own, issuer))
    };
    let subjects: BTreeSet<_> = subjects.filter(|(_, issuer)| meant(&issuer.text)).collect();
    let by_subject = format!(
        "run, for each that is meant: sudo opkssh server revoke{} --subject SUB --issuer URL",
        etc::option(&args.etc)
    );
    let shown = subjects.iter().map(|(subject, issuer)| {
        let cut = |logged: &Logged| {
            if logged.is_cut {
                "… (cut in the log)"
            } else {
                ""
            }
        };
        let (of, cut) = (&issuer.text, [cut(subject), cut(issuer)].concat());
        format!("subject {:?} of {of}{cut}", subject.text)
    });
    let shown: Vec<String> = shown.collect();
    match Vec::from_iter(&subjects).as_slice() {
        [(subject, issuer)] if !subject.is_cut && !issuer.is_cut => {
            let issuer = match args.undo {
                true => issuer.text.clone(),
                false => listed(&issuer.text, &args.etc)?,
            };
            Ok((subject.text.clone(), issuer))
        }
        [] => Err(
            AdminError::new(format!("no accepted login of {email:?} is in {log}")).hinting(
                "name another log with --log-file, or the subject with --subject and --issuer",
            ),
        ),
        [_] => Err(AdminError::new(format!(
            "the log {log} has only a part of it: {}",
            shown.join("; ")
        ))
        .hinting(by_subject)),
        _ => Err(AdminError::new(format!(
            "several subjects logged in as {email:?}: {}",
            shown.join("; ")
        ))
        .hinting(by_subject)),
    }
}

fn read(file: &Path) -> Result<UnverifiedCertificate, AdminError> {
    let text = fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
    UnverifiedCertificate::parse_openssh(&text).map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, reason: impl Display) -> AdminError {
    let file = file.display();
    AdminError::new(format!("cannot read a certificate from {file}: {reason}"))
        .hinting("name a file that ends in -cert.pub, or a fingerprint: SHA256:…")
}
