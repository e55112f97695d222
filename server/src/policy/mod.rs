//! Decides which login may use which account: denials, `rules.yml`, and the rows of `auth_id`.
//! Pure.
//!
//! [`crate::files`] and [`crate::home`] read the files; this module parses them and decides.

mod glob;
mod identity;
mod recorded;
pub mod revoked;
mod rows;
pub mod rules;

use identity::ClaimSources;
pub use identity::{ClaimSet, Identity};
pub use recorded::{Recorded, RecordedMatch};
pub use rows::RowFile;

use std::net::IpAddr;

use opkssh_protocol::json::Object;
use opkssh_protocol::printable::{MAX_QUOTED, printable};
use opkssh_protocol::time::UnixTime;

use crate::account::LocalAccount;
use crate::authorized_keys::Options;
use crate::config::DenyLists;
use revoked::{Revocation, Revoked};
use rows::{Row, RowLocation};
use rules::{RuleDenial, Rules};

/// All allowing and denying rules, in the order of the files.
#[derive(Debug, Default)]
pub struct Policy {
    pub revoked: Revoked,
    pub rules: Rules,
    /// Files in the format of `auth_id`, which only allow.
    files: Vec<RowFile>,
}

/// A login that is to be decided.
#[derive(Clone, Copy)]
pub struct Applicant<'a> {
    /// The local account that sshd asks about.
    pub principal: &'a str,
    pub issuer: &'a str,
    pub claims: &'a Object,
    /// Verified claims of the refreshed ID token, if one is attached and verifies.
    pub refreshed: Option<&'a Object>,
    /// Claims of the same person from the provider's userinfo endpoint.
    pub userinfo: Option<&'a Object>,
    /// Kind of the local account; `None`: not looked up, or not found.
    pub account: Option<&'a LocalAccount>,
    /// True if each ID token that says so has a verified address, for the address that it has.
    pub email_verified: bool,
    pub issued_at: Option<UnixTime>,
    /// Issue time of the refreshed ID token, if one is attached and verifies.
    pub refreshed_at: Option<UnixTime>,
    /// Result of the provider's expiration policy.
    pub is_unexpired: bool,
    /// `SHA256:…` of the user key.
    pub key: &'a str,
    /// `SHA256:…` of the payload of the ID token, and of the refreshed one.
    pub login: &'a str,
    pub refreshed_login: Option<&'a str>,
    pub now: UnixTime,
    /// The client's address; `None`: unknown.
    pub client_address: Option<IpAddr>,
}

/// A permission by the policy.
#[derive(Debug)]
pub struct Granted {
    /// File and line, or file and rule.
    pub place: String,
    pub options: Options,
    /// Whether it depends on the mail address.
    pub by_email: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyDenial {
    #[error("denied email {}", printable(.0).at_most(MAX_QUOTED))]
    Email(String),
    #[error("denied user {}", printable(.0).at_most(MAX_QUOTED))]
    User(String),
    #[error("revoked: {}", .0.what())]
    Revoked(Box<Revocation>),
    #[error("{0}")]
    Rule(#[from] RuleDenial),
    #[error(
        "no policy to allow {} with (issuer={}) to assume {principal}, check policy config at {}",
        printable(who).at_most(MAX_QUOTED),
        printable(issuer).at_most(MAX_QUOTED),
        sources.join(", ")
    )]
    NoRule {
        who: String,
        issuer: String,
        principal: String,
        sources: Vec<String>,
        advice: Box<Advice>,
    },
}

/// What could let in a login that nothing allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// A row of `auth_id`.
    Row,
    /// This rule, which names the account; a row beside it would bypass its options.
    Rule { place: String, why: String },
    /// This row, whose issuer differs in a trailing slash only.
    Issuer {
        path: String,
        line: usize,
        identity: String,
        issuer: String,
    },
    /// A new rule: a row would give all of an account that no claim may name.
    NewRule,
}

impl Policy {
    /// Adds a file's rows after the existing ones. Returns the problems of the file by line; such
    /// lines allow nobody.
    pub fn add(&mut self, mut file: RowFile) -> Vec<String> {
        let problems = file.take_problems();
        self.files.push(file);
        problems
    }

    /// Fails if a revocation, deny list or deny rule applies. The deny lists check the address of
    /// each source.
    pub fn refuses(
        &self,
        who: &Applicant<'_>,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Result<(), PolicyDenial> {
        if let Some(entry) = self.revoked.find(who) {
            tell(entry.to_string());
            return Err(PolicyDenial::Revoked(Box::new(entry.clone())));
        }
        self.revoked.near_misses(who).for_each(&mut *tell);
        tell("not revoked".to_owned());
        let sources = [Some(who.claims), who.refreshed, who.userinfo];
        let emails = sources.into_iter().flatten().filter_map(email_of);
        for email in emails {
            if deny.has_email(email) {
                return Err(PolicyDenial::Email(email.to_owned()));
            }
        }
        if deny.has_user(who.principal) {
            return Err(PolicyDenial::User(who.principal.to_owned()));
        }
        tell("not on a deny list".to_owned());
        Ok(self.rules.denies(who, tell)?)
    }

    /// Allows by the first matching rule, then by the first matching row. For applicants that
    /// passed [`refuses`](Self::refuses).
    pub fn allows(
        &self,
        who: &Applicant<'_>,
        tell: &mut dyn FnMut(String),
    ) -> Result<Granted, PolicyDenial> {
        if let Some(granted) = self.rules.allows(who, tell)? {
            return Ok(granted);
        }
        let sources = ClaimSources::of(who);
        if who.is_unexpired {
            let fitting = self.rows().find(|row| row.fits(who, &sources));
            self.explain_near_misses(who, &sources, fitting.map(|row| row.place), tell);
            if let Some(row) = fitting {
                tell(format!("{} allows", row.place));
                return Ok(Granted {
                    place: row.place.to_string(),
                    options: Options::default(),
                    by_email: row.identity.rests_on_email(who.claims),
                });
            }
        }
        Err(PolicyDenial::NoRule {
            who: email_of(who.claims)
                .or_else(|| who.claims.get("sub").and_then(|sub| sub.as_str()))
                .unwrap_or_default()
                .to_owned(),
            issuer: who.issuer.to_owned(),
            principal: who.principal.to_owned(),
            advice: Box::new(self.advice(who, &sources)),
            sources: self
                .files
                .iter()
                .map(|file| file.path().to_owned())
                .collect(),
        })
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.files.iter().flat_map(|file| file.rows())
    }

    fn advice(&self, who: &Applicant<'_>, sources: &ClaimSources<'_>) -> Advice {
        let advice = self.rules.advice(who);
        let near = self.rows().find(|row| row.differs_in_slash(who, sources));
        match near {
            Some(row) if !matches!(advice, Advice::Rule { .. }) => Advice::Issuer {
                path: row.place.path.to_owned(),
                line: row.place.line,
                identity: row.identity_text.to_owned(),
                issuer: row.issuer.to_owned(),
            },
            _ => advice,
        }
    }

    /// Explains why rows before `fitting` do not match, for files without an account filter.
    fn explain_near_misses(
        &self,
        who: &Applicant<'_>,
        sources: &ClaimSources<'_>,
        fitting: Option<RowLocation<'_>>,
        tell: &mut dyn FnMut(String),
    ) {
        let whole = self.files.iter().filter(|file| file.is_whole());
        let mut of_others = Vec::new();
        for row in whole
            .flat_map(|file| file.rows())
            .take_while(|row| Some(row.place) != fitting)
        {
            if row.is_of_another(who, sources) {
                of_others.push(row.place);
            } else if let Some(miss) = row.near_miss(who, sources) {
                tell(miss);
            }
        }
        match of_others.as_slice() {
            [] => {}
            [one] => tell(format!("{one} is for another identity")),
            [first, ..] => tell(format!(
                "{} rows are for other identities, the first in {first}",
                of_others.len()
            )),
        }
    }
}

fn email_of(claims: &Object) -> Option<&str> {
    claims.get("email").and_then(|email| email.as_str())
}

#[cfg(test)]
mod tests;
