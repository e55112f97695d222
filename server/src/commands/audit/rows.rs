//! Checks rows of `auth_id` files one by one.

use std::borrow::Cow;

use opkssh_protocol::printable::quoted;

use super::report::{RowReport, Status};
use crate::account;
use crate::config::DenyLists;
use crate::issuer;
use crate::policy::Identity;
use crate::table;

pub(in crate::commands) struct AuditContext<'a> {
    /// Issuers in the providers file, if that can be read, and the file's path.
    pub issuers: Option<&'a [String]>,
    pub providers_path: &'a str,
    pub deny: &'a DenyLists,
    /// Owner of the file; `None`: the system's.
    pub owner: Option<&'a str>,
}

/// Checks each line of the file at `path` that is a row or malformed, in order.
pub(super) fn audit(bytes: &[u8], path: &str, against: &AuditContext<'_>) -> Vec<RowReport> {
    let table = table::read(bytes);
    let malformed = |line: usize| format!("{path}:{line}: {}", quoted(&table::line(bytes, line)));
    let problems = table.problems.into_iter().map(|problem| RowReport {
        status: Status::Error,
        hints: None,
        principal: String::new(),
        identity_attr: String::new(),
        issuer: String::new(),
        reason: problem.reason.to_string(),
        line_number: problem.line,
        malformed: Some(malformed(problem.line)),
    });
    let mut reports: Vec<RowReport> = problems.collect();
    for row in table.rows {
        let [principal, identity_attr, issuer] = row.words.map(Cow::into_owned);
        let (status, reason, hint) = check_row([&principal, &identity_attr, &issuer], against);
        reports.push(RowReport {
            status,
            hints: Some(Vec::from_iter(hint.map(as_go))),
            principal,
            identity_attr,
            issuer,
            reason,
            line_number: row.line,
            malformed: None,
        });
    }
    reports.sort_by_key(|report| report.line_number);
    reports
}

/// Returns the hint as Go's audit writes it, if it has it.
fn as_go(hint: String) -> String {
    let verbs = ["remove", "add", "change", "ensure", "it is"];
    match hint.split_at_checked(1) {
        Some((first, rest)) if verbs.iter().any(|verb| hint.starts_with(verb)) => {
            first.to_uppercase() + rest
        }
        _ => hint,
    }
}

pub(in crate::commands) type RowVerdict = (Status, String, Option<String>);

/// Checks a row of account, identity and issuer.
pub(in crate::commands) fn check_row(
    [principal, identity, issuer]: [&str; 3],
    against: &AuditContext<'_>,
) -> RowVerdict {
    let error = |reason: &str| (Status::Error, reason.to_owned(), None);
    let warning = |reason: &str, hint: Option<&str>| {
        (Status::Warning, reason.to_owned(), hint.map(str::to_owned))
    };
    if issuer.is_empty() {
        return error("issuer is empty");
    }
    if let Some(issuers) = against.issuers
        && !issuers.iter().any(|known| known == issuer)
    {
        let path = against.providers_path;
        let reason = format!("issuer not found in {path}");
        return (
            Status::Error,
            reason,
            Some(issuer::hint(issuer, issuers, path)),
        );
    }
    let parsed = match Identity::parse(identity) {
        Err(never) => return error(&format!("can never match: {never}")),
        Ok(parsed) => parsed,
    };
    if against.deny.has_user(principal) {
        return error("can never match: the account is in deny_users");
    }
    if against.deny.has_email(identity) {
        return error("can never match: the address is in deny_emails");
    }
    if against.owner.is_some_and(|owner| owner != principal) {
        return error("can never match: a user's own file counts for that account only");
    }
    if let Identity::Exactly(text) = &parsed
        && let Some(group) = text.strip_prefix("groups:")
    {
        let reason = format!("matches only the subject {text:?}, not a group");
        let group = if group.is_empty() { "NAME" } else { group };
        return warning(&reason, Some(&format!("write oidc:groups:{group}")));
    }
    if account::find(principal).is_err() {
        let reason = "can never match: there is no local account of this name";
        return warning(reason, None);
    }
    if let Identity::EmailEnd { suffix, .. } = &parsed
        && !suffix.starts_with('@')
    {
        let reason = format!("also matches any longer domain that ends in {suffix:?}");
        let hint = format!("write oidc-match-end:email:@{suffix}");
        return warning(&reason, Some(&hint));
    }
    if !issuer.starts_with("https://") {
        let hint = "it is recommended to use https scheme for issuer URLs";
        return warning("issuer does not use https scheme", Some(hint));
    }
    let reason = "issuer matches provider entry".to_owned();
    (Status::Success, reason, None)
}
