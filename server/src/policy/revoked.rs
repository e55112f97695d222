//! `revoked.yml`: logins that are refused regardless of any policy. Pure.
//!
//! A list with one entry per line, in YAML that is also JSON, so that entries can be added without
//! changing others. A mistake anywhere refuses everybody.

use serde::{Deserialize, Serialize};

use super::Applicant;
use crate::strict_yaml;

/// The parsed file. Without a file, nothing is revoked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Revoked(Vec<Revocation>);

/// One entry: what is revoked; when and why are for readers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
                "entry {} needs one of: subject with issuer, key (SHA256:…), certificate \
                 (SHA256:…)",
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

    /// Returns true if an entry revokes the same already.
    pub fn has(&self, new: &Revocation) -> bool {
        self.0.iter().any(|known| {
            (&known.subject, &known.issuer) == (&new.subject, &new.issuer)
                && (&known.key, &known.certificate) == (&new.key, &new.certificate)
        })
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
