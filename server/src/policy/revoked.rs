//! `revoked.yml`: logins that are refused regardless of any policy. Pure.
//!
//! A list with one entry per line, in YAML that is also JSON, so that entries can be added without
//! changing others. A mistake anywhere refuses everybody.

use serde::{Deserialize, Serialize};

use super::Applicant;
use crate::strict_yaml;
use crate::table;
use crate::yaml_place;

/// The parsed file. Without a file, nothing is revoked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Revoked(Vec<Revocation>);

/// One entry: what is revoked; when and why are for readers.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// `sub`; needs `issuer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `SHA256:…` of the user key, as in `ssh-keygen -l`: the login and all its renewals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `SHA256:…` of the ID token's payload in the PK token. If the provider leaves the nonce out
    /// of refreshed ID tokens, all renewals keep the first one and are refused, too; otherwise a
    /// renewal has another ID token, to which this entry does not apply. A hash of the certificate
    /// would not work, because the holder can sign another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Revoked {
    /// Fails with the reason if any entry cannot be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let all: Option<Vec<Revocation>> = strict_yaml::read(bytes)?;
        let all = all.unwrap_or_default();
        match all.iter().position(|entry| !entry.is_whole()) {
            Some(index) => Err(format!(
                "{}entry {} needs one of: subject with issuer, key (SHA256:…), certificate \
                 (SHA256:…)",
                yaml_place::line_of(bytes, &format!("[{index}]")),
                index + 1
            )),
            None => Ok(Self(all)),
        }
    }

    /// Returns the entry that revokes this login.
    pub fn find(&self, who: &Applicant<'_>) -> Option<&Revocation> {
        let subject = who.claims.get("sub").and_then(|sub| sub.as_str());
        self.0.iter().find(|entry| {
            (entry.subject.is_some()
                && entry.subject.as_deref() == subject
                && entry.issuer.as_deref() == Some(who.issuer))
                || entry.key.as_deref().is_some_and(|key| same(key, who.key))
                || entry.certificate.as_deref().is_some_and(|login| {
                    same(login, who.login)
                        || who.refreshed_login.is_some_and(|own| same(login, own))
                })
        })
    }

    pub fn entries(&self) -> &[Revocation] {
        &self.0
    }

    /// Returns remarks about entries that seem to be about this login and do not match.
    pub fn near_misses(&self, who: &Applicant<'_>) -> impl Iterator<Item = String> {
        let names =
            ["sub", "email"].map(|name| who.claims.get(name).and_then(|name| name.as_str()));
        let about = self.0.iter().filter(move |entry| {
            entry.subject.is_some() && names.contains(&entry.subject.as_deref())
        });
        about.map(move |entry| {
            let what = entry.what();
            match entry.subject.as_deref() == names[0] {
                true => format!(
                    "{what} is revoked; the issuer of this login is {}",
                    who.issuer
                ),
                false => {
                    format!("{what} is revoked, which is a mail address, not a subject (`sub`)")
                }
            }
        })
    }
}

impl std::fmt::Display for Revocation {
    /// Writes what is revoked, since when, and why.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "revoked: {}", self.what())?;
        if let Some(since) = &self.since {
            write!(f, ", since {since}")?;
        }
        match &self.reason {
            Some(reason) => write!(f, ", reason: {reason}"),
            None => Ok(()),
        }
    }
}

impl Revocation {
    pub fn what(&self) -> String {
        match (&self.subject, &self.issuer, &self.key, &self.certificate) {
            (Some(subject), Some(issuer), _, _) => format!("subject {subject:?} of {issuer}"),
            (_, _, Some(key), _) => format!("key {key}"),
            (_, _, _, login) => format!("certificate {}", login.as_deref().unwrap_or_default()),
        }
    }

    /// Returns the selectors of `server revoke`, quoted for a shell.
    pub fn selectors(&self) -> String {
        let word = |text: &Option<String>| table::quote(text.as_deref().unwrap_or_default());
        match (&self.subject, &self.key) {
            // with `=`, as one may begin with a hyphen
            (Some(subject), _) => format!(
                "--subject={} --issuer {}",
                table::quote(subject),
                word(&self.issuer)
            ),
            (_, Some(key)) => format!("--key {key}"),
            _ => format!("--certificate {}", word(&self.certificate)),
        }
    }

    /// Returns true if both revoke the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let bare = |hash: &Option<String>| {
            hash.as_deref()
                .map(|hash| hash.trim_end_matches('=').to_owned())
        };
        (&self.subject, &self.issuer) == (&other.subject, &other.issuer)
            && bare(&self.key) == bare(&other.key)
            && bare(&self.certificate) == bare(&other.certificate)
    }

    /// Returns true if exactly one thing is revoked, in a form that can match.
    pub fn is_whole(&self) -> bool {
        match (&self.subject, &self.issuer, &self.key, &self.certificate) {
            (Some(subject), Some(issuer), None, None) => !subject.is_empty() && !issuer.is_empty(),
            (None, None, Some(hash), None) | (None, None, None, Some(hash)) => is_hash(hash),
            _ => false,
        }
    }
}

/// Returns true for base64 of 32 bytes, with or without padding.
fn is_hash(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|hash| {
        let hash = hash.trim_end_matches('=');
        hash.len() == 43
            && hash
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || b"+/".contains(&c))
    })
}

fn same(listed: &str, own: &str) -> bool {
    listed.trim_end_matches('=') == own
}

#[cfg(test)]
mod tests;
