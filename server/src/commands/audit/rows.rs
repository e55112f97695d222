//! Checks rows of `auth_id` files one by one.

use std::borrow::Cow;

use super::report::{RowReport, Status};
use crate::account;
use crate::config::DenyLists;
use crate::policy::Identity;
use crate::table;

pub struct AuditContext<'a> {
    /// Issuers in the providers file, and that file's path.
    pub issuers: &'a [String],
    pub providers_path: &'a str,
    pub deny: &'a DenyLists,
    /// Owner of the file; `None`: the system's.
    pub owner: Option<&'a str>,
}

/// Checks each line that is a row or malformed, in order.
pub fn audit(bytes: &[u8], against: &AuditContext<'_>) -> Vec<RowReport> {
    let table = table::read(bytes);
    let problems = table.problems.into_iter().map(|problem| RowReport {
        status: Status::Error,
        hints: None,
        principal: String::new(),
        identity_attr: String::new(),
        issuer: String::new(),
        reason: problem.reason.to_string(),
        line_number: problem.line,
    });
    let mut reports: Vec<RowReport> = problems.collect();
    for row in table.rows {
        let [principal, identity_attr, issuer] = row.words.map(Cow::into_owned);
        let (status, reason, hint) = check_row(&principal, &identity_attr, &issuer, against);
        reports.push(RowReport {
            status,
            hints: Some(Vec::from_iter(hint)),
            principal,
            identity_attr,
            issuer,
            reason,
            line_number: row.line,
        });
    }
    reports.sort_by_key(|report| report.line_number);
    reports
}

type RowVerdict = (Status, String, Option<String>);

fn check_row(
    principal: &str,
    identity: &str,
    issuer: &str,
    against: &AuditContext<'_>,
) -> RowVerdict {
    let error = |reason: &str| (Status::Error, reason.to_owned(), None);
    let warning = |reason: &str, hint: Option<&str>| {
        (Status::Warning, reason.to_owned(), hint.map(str::to_owned))
    };
    if issuer.is_empty() {
        return error("issuer is empty");
    }
    if !against.issuers.iter().any(|known| known == issuer) {
        let reason = format!("issuer not found in {}", against.providers_path);
        return (Status::Error, reason, Some(issuer_hint(issuer, against)));
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
    if account::find(principal).is_err() {
        let reason = "can never match: there is no local account of this name";
        return warning(reason, None);
    }
    if let Identity::EmailEnd { suffix, .. } = &parsed
        && !suffix.starts_with('@')
    {
        let reason = format!("also matches any longer domain that ends in {suffix:?}");
        let hint = format!("Write oidc-match-end:email:@{suffix}");
        return warning(&reason, Some(&hint));
    }
    if !issuer.starts_with("https://") {
        let hint = "It is recommended to use https scheme for issuer URLs";
        return warning("issuer does not use https scheme", Some(hint));
    }
    let reason = "issuer matches provider entry".to_owned();
    (Status::Success, reason, None)
}

/// Returns a hint for common mistakes in an issuer.
fn issuer_hint(issuer: &str, against: &AuditContext<'_>) -> String {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    for known in against.issuers {
        if bare(known) == bare(issuer) {
            let (verb, to) = match issuer.ends_with('/') {
                true => ("Remove", "from"),
                false => ("Add", "to"),
            };
            return format!(
                "{verb} the trailing slash {to} the issuer URL ({issuer}) to match provider entry ({known})"
            );
        }
        if let (Some((own_scheme, own)), Some((scheme, rest))) =
            (issuer.split_once("://"), known.split_once("://"))
            && own == rest
        {
            return format!(
                "Change the scheme {own_scheme}:// of the issuer URL ({issuer}) to match scheme \
                 {scheme}:// of provider ({known})"
            );
        }
    }
    if !issuer.contains("://") {
        return format!("{issuer:?} is not a URL; short names work with `opkssh add` only");
    }
    format!(
        "Ensure the issuer URL ({issuer}) is correct and matches an entry in {}",
        against.providers_path
    )
}
