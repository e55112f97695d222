//! Who may become whom: what refuses, `rules.yml`, and the rows of `auth_id`. Pure.
//!
//! Files are read by [`crate::files`] and [`crate::home`]; here their bytes become rows and rows
//! become a decision.

mod glob;
mod identity;
pub mod revoked;
pub mod rules;

pub use identity::{Identity, NeverMatches};

use std::net::IpAddr;

use opkssh_protocol::json::Object;
use opkssh_protocol::time::UnixTime;

use crate::authorized_keys::Options;
use crate::config::DenyLists;
use crate::table;
use revoked::Revoked;
use rules::{RuleDenial, Rules};

/// Everything that may allow or refuse, in the order of the files.
#[derive(Debug, Default, Clone)]
pub struct Policy {
    pub revoked: Revoked,
    pub rules: Rules,
    /// Of `auth_id`; they only allow.
    rows: Vec<Row>,
    sources: Vec<String>,
}

/// One row of an `auth_id` file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub principal: String,
    pub identity: Identity,
    /// Compared byte for byte with the token's `iss`.
    pub issuer: String,
    /// Where it stands, for the log: file and line.
    pub place: String,
}

/// Whose claims, wanting what.
#[derive(Clone, Copy)]
pub struct Applicant<'a> {
    /// The local account that sshd asks about.
    pub principal: &'a str,
    pub issuer: &'a str,
    /// Verified claims.
    pub claims: &'a Object,
    /// What the provider's userinfo endpoint said about the same person.
    pub userinfo: Option<&'a Object>,
    pub email_verified: bool,
    pub issued_at: Option<UnixTime>,
    /// When the refreshed ID token was issued, if there is one and it verifies.
    pub refreshed_at: Option<UnixTime>,
    /// Under the provider's expiration policy.
    pub counts_still: bool,
    /// `SHA256:…` of the user key.
    pub key: &'a str,
    /// `SHA256:…` of the ID token's payload.
    pub login: &'a str,
    pub now: UnixTime,
    /// Where the client connects from; `None`: not known.
    pub client_address: Option<IpAddr>,
}

/// A yes of the policy.
#[derive(Debug)]
pub struct Granted {
    /// File and line, or file and rule.
    pub place: String,
    pub options: Options,
    /// It rests on the mail address alone.
    pub by_email: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyDenial {
    #[error("denied email {}", .0.escape_debug())]
    Email(String),
    #[error("denied user {}", .0.escape_debug())]
    User(String),
    #[error("revoked: {0}")]
    Revoked(String),
    #[error("{0}")]
    Rule(#[from] RuleDenial),
    #[error(
        "no policy to allow {who} with (issuer={issuer}) to assume {principal}, check policy \
         config at {}",
        sources.join(", ")
    )]
    NoRule {
        who: String,
        issuer: String,
        principal: String,
        sources: Vec<String>,
    },
}

impl Policy {
    /// Adds a file's rows behind those that are there. Returns what is wrong with it, line by
    /// line; such lines allow nobody.
    pub fn add_file(&mut self, path: &str, bytes: &[u8]) -> Vec<String> {
        let table = table::read(bytes);
        let mut problems: Vec<String> = table
            .problems
            .iter()
            .map(|problem| format!("{path} {problem}"))
            .collect();
        for row in table.rows {
            let [principal, identity, issuer] = row.words;
            let place = format!("{path} line {}", row.line);
            match Identity::parse(&identity) {
                Ok(identity) => self.rows.push(Row {
                    principal,
                    identity,
                    issuer,
                    place,
                }),
                Err(never) => problems.push(format!("{place} can never match: {never}")),
            }
        }
        self.sources.push(path.to_owned());
        problems
    }

    /// What refuses, whatever else may allow: revocations, deny lists, rules that deny. The lists
    /// look at whichever source names somebody.
    pub fn refuses(
        &self,
        who: &Applicant<'_>,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Result<(), PolicyDenial> {
        if let Some(entry) = self.revoked.find(who) {
            return Err(PolicyDenial::Revoked(entry.what()));
        }
        tell("not revoked".to_owned());
        let sources = [Some(who.claims), who.userinfo];
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

    /// What refuses comes first. Then the first rule that allows, then the first row.
    pub fn decide(
        &self,
        who: Applicant<'_>,
        deny: &DenyLists,
        tell: &mut dyn FnMut(String),
    ) -> Result<Granted, PolicyDenial> {
        self.refuses(&who, deny, tell)?;
        if let Some(granted) = self.rules.allows(&who, tell)? {
            return Ok(Granted {
                place: granted.place,
                options: granted.options,
                by_email: granted.by_email,
            });
        }
        if who.counts_still
            && let Some(row) = self.rows.iter().find(|row| row.fits(&who, tell))
        {
            tell(format!("{} allows", row.place));
            return Ok(Granted {
                place: row.place.clone(),
                options: Options::default(),
                by_email: row.identity.rests_on_email(who.claims),
            });
        }
        Err(PolicyDenial::NoRule {
            who: email_of(who.claims)
                .or_else(|| who.claims.get("sub").and_then(|sub| sub.as_str()))
                .unwrap_or_default()
                .to_owned(),
            issuer: who.issuer.to_owned(),
            principal: who.principal.to_owned(),
            sources: self.sources.clone(),
        })
    }

    /// The rows of `auth_id`, in their order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

impl Row {
    /// Tells of the near misses only: others are of no interest to this person.
    fn fits(&self, who: &Applicant<'_>, tell: &mut dyn FnMut(String)) -> bool {
        let account = self.principal == who.principal;
        let issuer = self.issuer == who.issuer;
        let identity = self.identity.matches(who.claims)
            || who.userinfo.is_some_and(|told| self.identity.matches(told));
        let near = self.issuer.trim_end_matches('/') == who.issuer.trim_end_matches('/');
        match (account, issuer, identity) {
            (true, true, true) => return true,
            (true, false, true) if near => tell(format!(
                "{} does not allow: its issuer differs only in the trailing slash",
                self.place
            )),
            (true, false, true) => tell(format!(
                "{} does not allow: it is for issuer {:?}",
                self.place, self.issuer
            )),
            (true, true, false) => tell(format!("{} is about somebody else", self.place)),
            (false, true, true) => tell(format!(
                "{} is for account {:?}",
                self.place, self.principal
            )),
            _ => {}
        }
        false
    }
}

fn email_of(claims: &Object) -> Option<&str> {
    claims.get("email").and_then(|email| email.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://op.example";

    fn decide(file: &str, principal: &str, deny: &DenyLists) -> Result<String, PolicyDenial> {
        let claims = br#"{"email":"alice@x.example","sub":"1","groups":["dev"]}"#;
        let claims = opkssh_protocol::json::parse_object(claims).unwrap();
        let mut policy = Policy::default();
        policy.add_file("/etc/opk/auth_id", file.as_bytes());
        policy
            .decide(
                Applicant {
                    principal,
                    issuer: ISSUER,
                    claims: &claims,
                    userinfo: None,
                    email_verified: true,
                    issued_at: Some(UnixTime(1)),
                    refreshed_at: None,
                    counts_still: true,
                    key: "",
                    login: "",
                    now: UnixTime(2),
                    client_address: None,
                },
                deny,
                &mut |_| (),
            )
            .map(|granted| granted.place)
    }

    fn allowed(file: &str, principal: &str) -> bool {
        decide(file, principal, &DenyLists::default()).is_ok()
    }

    #[test]
    fn the_first_fitting_row_decides() {
        let file = "root alice@x.example https://op.example\n\
                    dev oidc:groups:dev https://op.example\n\
                    dev alice@x.example https://op.example\n";
        assert_eq!(
            decide(file, "dev", &DenyLists::default()).unwrap(),
            "/etc/opk/auth_id line 2"
        );
    }

    #[test]
    fn principal_and_issuer_are_exact() {
        assert!(allowed("dev alice@x.example https://op.example", "dev"));
        for row in [
            "Dev alice@x.example https://op.example",
            "dev alice@x.example https://op.example/",
            "dev alice@x.example https://OP.example",
            "dev,root alice@x.example https://op.example",
            "* alice@x.example https://op.example", // row 101
            "dev alice@x.example google",           // row 103
            "dev alice@x.example ''",
            "dev alice@x.example",
        ] {
            assert!(!allowed(row, "dev"), "{row}");
        }
    }

    #[test]
    fn rows_that_allow_nobody_are_reported() {
        let mut policy = Policy::default();
        let problems = policy.add_file("f", b"a b\na '' i\na oidc:x i\na b c");
        assert_eq!(
            problems,
            [
                "f line 1: wrong number of arguments (expected=3, got=2)",
                "f line 2 can never match: the identity is empty",
                "f line 3 can never match: expected oidc:CLAIM:VALUE",
            ]
        );
    }

    #[test]
    fn deny_lists_come_first() {
        let file = "dev alice@x.example https://op.example";
        let emails = DenyLists {
            emails: vec!["ALICE@x.example".into()],
            users: vec![],
        };
        let users = DenyLists {
            emails: vec![],
            users: vec!["Dev".into()],
        };
        assert_eq!(
            decide(file, "dev", &emails).unwrap_err().to_string(),
            "denied email alice@x.example"
        );
        assert_eq!(
            decide(file, "dev", &users).unwrap_err().to_string(),
            "denied user dev"
        );
    }

    #[test]
    fn the_refusal_names_the_files() {
        let denial = decide("", "dev", &DenyLists::default()).unwrap_err();
        assert_eq!(
            denial.to_string(),
            "no policy to allow alice@x.example with (issuer=https://op.example) to assume dev, \
             check policy config at /etc/opk/auth_id"
        );
    }
}
