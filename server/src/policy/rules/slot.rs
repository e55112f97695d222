//! Texts from claims that fill a slot: validated by type, never escaped.

use opkssh_protocol::json::Object;
use opkssh_protocol::printable::quoted;
use serde_json::Value;

use super::condition::Path;
use crate::account::AccountKind;
use crate::authorized_keys::Source;
use crate::policy::Applicant;

/// Permitted contents of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A user name: letters, digits, `.`, `_` and `-`, at most 64 characters, not starting with `.`
    /// or `-`.
    User,
    /// Like [`User`](Self::User), plus `@` and `+`, at most 128 characters.
    Word,
    /// Addresses or CIDR blocks: a list, or one text with commas.
    Cidrs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimText {
    pub path: Path,
    /// Use the part before `@`, if one of these domains follows.
    pub mail_domains: Option<Vec<String>>,
}

/// A local account named by a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountName {
    pub text: ClaimText,
    pub prefix: String,
    pub suffix: String,
}

/// A named text from a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub name: String,
    pub text: ClaimText,
    pub kind: Kind,
    /// Whether `email_verified` must be true.
    pub must_be_verified: bool,
}

impl Slot {
    /// Returns the claims to take the text from: the newest ones with it.
    pub fn source<'a>(&self, who: &Applicant<'a>) -> Result<&'a Object, String> {
        if self.must_be_verified && !who.email_verified {
            return Err(self
                .text
                .unusable("is a mail address, and email_verified is not true"));
        }
        Ok(self.text.path.newest(who))
    }
}

/// Longest account name, in bytes, as in useradd.
const MAX_ACCOUNT: usize = 32;
const MAX_BLOCKS: usize = 64;

impl ClaimText {
    /// Returns true if it is a mail address or its local part.
    pub fn is_from_mail(&self) -> bool {
        self.mail_domains.is_some() || self.path.is_top("email")
    }

    pub fn word(&self, kind: Kind, claims: &Object) -> Result<String, String> {
        let text = self.text(claims)?;
        let (most, more): (usize, &[u8]) = match kind {
            Kind::User => (64, b"._-"),
            Kind::Word | Kind::Cidrs => (128, b"._-@+"),
        };
        let good = |c: &u8| c.is_ascii_alphanumeric() || more.contains(c);
        let first = text.as_bytes().first().copied().unwrap_or(b'-');
        if text.len() > most
            || !(first.is_ascii_alphanumeric() || first == b'_')
            || !text.as_bytes().iter().all(good)
            || text.contains("..")
        {
            return Err(self.bad_kind(kind));
        }
        Ok(text.to_owned())
    }

    /// Returns the blocks, at least one.
    pub fn cidrs(&self, claims: &Object) -> Result<Vec<Source>, String> {
        let bad = || self.bad_kind(Kind::Cidrs);
        let texts: Vec<&str> = match self.path.of(claims) {
            Some(Value::String(text)) => text.split(',').map(str::trim).collect(),
            Some(Value::Array(items)) => {
                let texts: Option<_> = items.iter().map(Value::as_str).collect();
                texts.ok_or_else(bad)?
            }
            _ => return Err(self.unusable("is missing or not a text")),
        };
        if texts.is_empty() || texts.len() > MAX_BLOCKS {
            return Err(bad());
        }
        let blocks: Result<Vec<_>, _> = texts.into_iter().map(Source::block).collect();
        blocks.map_err(|_| bad())
    }

    fn text<'a>(&self, claims: &'a Object) -> Result<&'a str, String> {
        let text = self.path.of(claims).and_then(Value::as_str);
        let text = text.ok_or_else(|| self.unusable("is missing or not a text"))?;
        let Some(domains) = &self.mail_domains else {
            return Ok(text);
        };
        match text.rsplit_once('@') {
            Some((local, of)) if domains.iter().any(|own| own.eq_ignore_ascii_case(of)) => {
                Ok(local)
            }
            _ => Err(self.unusable("is not a mail address of the given domains")),
        }
    }

    fn unusable(&self, why: &str) -> String {
        format!("claim {} {why}", self.path)
    }

    fn bad_kind(&self, kind: Kind) -> String {
        self.unusable(&format!("is not what a {kind:?} slot may hold"))
    }
}

impl AccountName {
    /// Returns the account name: lower case, beginning with a letter or `_`, at most 32 bytes.
    pub fn of(&self, claims: &Object) -> Result<String, String> {
        let name = self.text.word(Kind::User, claims)?;
        let account = format!("{}{name}{}", self.prefix, self.suffix);
        if is_account(&account) && is_account(&name) {
            Ok(account)
        } else {
            Err(self.text.unusable("does not give the name of an account"))
        }
    }

    /// Fails if it gives another account in either ID token, or an account that is not a person's.
    pub fn check(&self, who: &Applicant<'_>, never: &[String]) -> Result<(), String> {
        for claims in [who.claims, self.text.path.newest(who)] {
            let account = self.of(claims)?;
            if account != who.principal {
                let account = quoted(&account);
                return Err(format!(
                    "it gives account {account}, not {:?}",
                    who.principal
                ));
            }
        }
        may_be_claimed(who, never)
    }
}

/// Returns why no claim may name this account, if so. Other names of the same uid count as the
/// account.
fn may_be_claimed(who: &Applicant<'_>, never: &[String]) -> Result<(), String> {
    let account = who.principal;
    if never.iter().any(|never| never == account) {
        return Err(format!("account {account:?} is one of never_accounts"));
    }
    let Some(standing) = who.account.filter(|standing| standing.name == account) else {
        return Err(format!("account {account:?} could not be looked up"));
    };
    if let Some(alias) = standing.aliases.iter().find(|alias| never.contains(alias)) {
        return Err(format!(
            "account {account:?} has the uid of {alias:?}, which is one of never_accounts"
        ));
    }
    match standing.kind {
        AccountKind::Person => Ok(()),
        kind => Err(format!("no claim may name account {account:?}: {kind}")),
    }
}

fn is_account(name: &str) -> bool {
    let first = name.as_bytes().first().copied().unwrap_or(b'-');
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"._-".contains(&c);
    name.len() <= MAX_ACCOUNT
        && (first.is_ascii_lowercase() || first == b'_')
        && name.bytes().all(good)
}

#[cfg(test)]
mod tests;
