//! Decides an old login again, by what the log records of it.

use opkssh_protocol::json::Object;
use opkssh_protocol::time::UnixTime;

use super::identity::ClaimSources;
use super::revoked::Revocation;
use super::{Applicant, Identity, Policy, PolicyDenial};
use crate::config::DenyLists;

/// Whether a rule matches a login of which only some claims are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedMatch {
    No,
    /// Something decides that is not recorded.
    Unknown,
    Yes,
}

/// The decision about an old login by the present policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// File and line, or file and rule.
    Allowed(String),
    /// A denial applies.
    Denied(String),
    NothingAllows,
    /// What decides, and is not recorded.
    Unknown(String),
}

impl<'a> Applicant<'a> {
    /// Returns a login of which only these claims are known.
    pub fn recorded(
        principal: &'a str,
        issuer: &'a str,
        claims: &'a Object,
        now: UnixTime,
    ) -> Self {
        Self {
            principal,
            issuer,
            claims,
            refreshed: None,
            userinfo: None,
            account: None,
            email_verified: false,
            issued_at: None,
            refreshed_at: None,
            is_unexpired: true,
            key: "",
            login: "",
            refreshed_login: None,
            now,
            client_address: None,
        }
    }
}

impl Policy {
    /// Decides by issuer, subject, mail address, key and account.
    pub fn recorded(&self, who: &Applicant<'_>, deny: &DenyLists) -> Recorded {
        if let Some(entry) = self.revoked.find(who) {
            let denial = PolicyDenial::Revoked(Box::new(entry.clone()));
            return Recorded::Denied(denial.to_string());
        }
        let email = super::email_of(who.claims).filter(|email| deny.has_email(email));
        if let Some(email) = email {
            return Recorded::Denied(PolicyDenial::Email(email.to_owned()).to_string());
        }
        if deny.has_user(who.principal) {
            return Recorded::Denied(PolicyDenial::User(who.principal.to_owned()).to_string());
        }
        match self.rules.recorded(who, true) {
            (RecordedMatch::Yes, place) => return Recorded::Denied(format!("denied by {place}")),
            (RecordedMatch::Unknown, place) => return Recorded::Unknown(place),
            (RecordedMatch::No, _) => {}
        }
        let names_certificates = |entry: &Revocation| entry.certificate.is_some();
        let allowed = |place: String| {
            if !deny.emails.is_empty() && !who.claims.contains_key("email") {
                Recorded::Unknown("deny_emails: userinfo may have had an address".to_owned())
            } else if self.revoked.entries().iter().any(names_certificates) {
                Recorded::Unknown("revoked.yml names a certificate, perhaps this one".to_owned())
            } else {
                Recorded::Allowed(place)
            }
        };
        let by_rule = self.rules.recorded(who, false);
        if let (RecordedMatch::Yes, place) = by_rule {
            return allowed(place);
        }
        let sources = ClaimSources::of(who);
        if let Some(row) = self.rows().find(|row| row.fits(who, &sources)) {
            return allowed(row.place.to_string());
        }
        // an address may have come from userinfo
        let is_unknown = |identity: &Identity<'_>| match identity {
            Identity::Claim { name, .. } => !who.claims.contains_key(*name),
            Identity::EmailEnd { .. } => !who.claims.contains_key("email"),
            Identity::Exactly(whole) => whole.contains('@') && !who.claims.contains_key("email"),
            Identity::SubjectGlob(_) => false,
        };
        let mut others = self.rows().filter(|row| {
            let is_about = (row.principal, row.issuer) == (who.principal, who.issuer);
            is_about && is_unknown(&row.identity)
        });
        match (by_rule, others.next()) {
            ((RecordedMatch::Unknown, place), _) => Recorded::Unknown(place),
            (_, Some(row)) => Recorded::Unknown(row.place.to_string()),
            _ => Recorded::NothingAllows,
        }
    }
}

#[cfg(test)]
mod tests;
