//! Checks rows of `auth_id` files one by one.

use std::borrow::Cow;

use super::report::{RowReport, Status};
use crate::account;
use crate::config::DenyLists;
use crate::policy::Identity;
use crate::table;

/// What rows are checked against.
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
    let mut reports: Vec<RowReport> = table
        .problems
        .into_iter()
        .map(|problem| RowReport {
            status: Status::Error,
            hints: None,
            principal: String::new(),
            identity_attr: String::new(),
            issuer: String::new(),
            reason: problem.reason.to_string(),
            line_number: problem.line,
        })
        .collect();
    for row in table.rows {
        let [principal, identity, issuer] = row.words.map(Cow::into_owned);
        let (status, reason, hint) = check_row(&principal, &identity, &issuer, against);
        reports.push(RowReport {
            status,
            hints: Some(hint.into_iter().collect()),
            principal,
            identity_attr: identity,
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
    let error = |reason: String, hint: Option<String>| (Status::Error, reason, hint);
    if issuer.is_empty() {
        return error("issuer is empty".into(), None);
    }
    if !against.issuers.iter().any(|known| known == issuer) {
        let reason = format!("issuer not found in {}", against.providers_path);
        return error(reason, Some(issuer_hint(issuer, against)));
    }
    let parsed = match Identity::parse(identity) {
        Err(never) => return error(format!("can never match: {never}"), None),
        Ok(parsed) => parsed,
    };
    if against.deny.has_user(principal) {
        return error("can never match: the account is in deny_users".into(), None);
    }
    if against.deny.has_email(identity) {
        return error(
            "can never match: the address is in deny_emails".into(),
            None,
        );
    }
    if against.owner.is_some_and(|owner| owner != principal) {
        return error(
            "can never match: a user's own file counts for that account only".into(),
            None,
        );
    }
    if account::find(principal).is_err() {
        let reason = "can never match: there is no local account of this name";
        return (Status::Warning, reason.into(), None);
    }
    if let Identity::EmailEnd { suffix, .. } = &parsed
        && !suffix.starts_with('@')
    {
        let reason = format!("also matches any longer domain that ends in {suffix:?}");
        let hint = format!("Write oidc-match-end:email:@{suffix}");
        return (Status::Warning, reason, Some(hint));
    }
    if !issuer.starts_with("https://") {
        let hint = "It is recommended to use https scheme for issuer URLs";
        let reason = "issuer does not use https scheme";
        return (Status::Warning, reason.into(), Some(hint.into()));
    }
    (
        Status::Success,
        "issuer matches provider entry".into(),
        None,
    )
}

/// Returns a hint for common mistakes in an issuer.
fn issuer_hint(issuer: &str, against: &AuditContext<'_>) -> String {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    for known in against.issuers {
        if bare(known) == bare(issuer) {
            let verb = if issuer.ends_with('/') {
                "Remove"
            } else {
                "Add"
            };
            let to = if issuer.ends_with('/') { "from" } else { "to" };
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
