//! The answer of `explain`, as text and as JSON.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::printable::quoted;
use serde::Serialize;

use super::ExplainArgs;
use crate::admin_error::AdminError;
use crate::commands::output::say;
use crate::decision::Seen;
use crate::verify::Allowed;

/// The answer in JSON.
#[derive(Serialize)]
pub(super) struct Explanation<'a> {
    account: &'a str,
    /// Null if it could not be found out.
    allowed: Option<bool>,
    /// Mail address or subject, and issuer.
    who: Option<&'a str>,
    /// File and line, or file and rule, or plugin.
    by: Option<&'a str>,
    sshd_gets: Option<String>,
    notices: &'a [String],
    steps: Vec<&'a str>,
    reason: Option<String>,
    hint: Option<String>,
}

/// Rows of a terminal above which the verdict is repeated at the end.
const SHORT: usize = 20;
const COLUMNS: usize = 80;

/// Writes the verdict and what to do, then the steps, and what sshd gets. If that is long, the
/// verdict is repeated.
pub(super) fn write_text(
    out: &mut impl Write,
    args: &ExplainArgs,
    certificate: Option<&UnverifiedCertificate>,
    decided: &Result<Allowed, AdminError>,
    steps: &str,
) -> Result<(), AdminError> {
    let account = &args.principal;
    let mut lines = Vec::new();
    let verdict = match decided {
        Ok(allowed) => {
            let (who, rule) = (&allowed.who, &allowed.rule);
            let notices = allowed.notices.iter();
            lines.extend(notices.map(|notice| format!("notice: {notice}")));
            Some(format!("yes: {who} may log in as {account} by {rule}"))
        }
        Err(no) if no.status() == 1 => {
            let who = certificate.map_or_else(|| "this certificate".to_owned(), holder);
            lines.extend(no.hint().map(|hint| format!("hint: {hint}")));
            Some(format!("no: {who} may not log in as {account}: {no}"))
        }
        Err(_) => None,
    };
    if let Some(verdict) = &verdict {
        lines.insert(0, verdict.clone());
    }
    if !steps.is_empty() {
        lines.push("steps:".to_owned());
    }
    lines.extend(steps.lines().map(|step| format!("  {step}")));
    lines.extend((decided.as_ref().ok()).map(|allowed| format!("sshd gets: {}", allowed.key)));
    let rows = |line: &String| line.chars().count().div_ceil(COLUMNS);
    if lines.iter().map(rows).sum::<usize>() > SHORT {
        lines.extend(verdict);
    }
    lines.iter().try_for_each(|line| say(out, line))
}

/// Returns whose certificate it says it is.
fn holder(certificate: &UnverifiedCertificate) -> String {
    let seen = Seen::in_certificate(certificate);
    match (seen.email.as_ref().or(seen.subject.as_ref()), &seen.issuer) {
        (Some(name), Some(issuer)) => format!("{} of {}", quoted(name), quoted(issuer)),
        _ => format!(
            "key id {}",
            quoted(certificate.unverified_fields().key_id())
        ),
    }
}

/// Returns the answer for JSON.
pub(super) fn explanation<'a>(
    args: &'a ExplainArgs,
    decided: &'a Result<Allowed, AdminError>,
    steps: &'a str,
) -> Explanation<'a> {
    let (allowed, refused) = (decided.as_ref().ok(), decided.as_ref().err());
    Explanation {
        account: &args.principal,
        allowed: match refused {
            Some(error) => (error.status() == 1).then_some(false),
            None => Some(true),
        },
        who: allowed.map(|allowed| allowed.who.as_str()),
        by: allowed.map(|allowed| allowed.rule.as_str()),
        sshd_gets: allowed.map(|allowed| allowed.key.to_string()),
        notices: allowed.map_or(&[], |allowed| allowed.notices.as_slice()),
        steps: steps.lines().collect(),
        reason: refused.map(ToString::to_string),
        hint: refused.and_then(AdminError::hint),
    }
}

/// The steps of an answer.
#[derive(Clone, Default)]
pub(super) struct Steps(Arc<Mutex<Vec<u8>>>);

impl Steps {
    pub fn text(&self) -> String {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&steps).into_owned()
    }
}

impl Write for Steps {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
