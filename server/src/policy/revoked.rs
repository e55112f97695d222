//! `revoked.yml`: who is refused from now on, whatever any policy says. Pure.
//!
//! A list; each entry is one line, which is YAML and JSON alike, so that it can be added without
//! touching the others. One slip, and nobody is let in.

use serde::{Deserialize, Serialize};

use super::Applicant;
use crate::strict_yaml;

/// The file, read. Without one nobody is revoked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Revoked(Vec<Revocation>);

/// One entry: what is revoked, and for the reader when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// `sub`, with `issuer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `SHA256:…` of the user key, as `ssh-keygen -l` shows it: the login and all its renewals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `SHA256:…` of the ID token's payload, as it stands in the PK token. Where the provider leaves
    /// the nonce out of refreshed ID tokens, the first one stays in all renewals, so they are refused,
    /// too; where it repeats it, a renewal has another one, which this does not name. Not of the
    /// certificate itself, as its holder can sign another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokedError {
    #[error("not UTF-8")]
    Encoding,
    #[error("{0}")]
    Yaml(String),
    #[error("entry {0} needs one of: subject with issuer, key (SHA256:…), certificate (SHA256:…)")]
    Entry(usize),
}

impl Revoked {
    pub fn parse(bytes: &[u8]) -> Result<Self, RevokedError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RevokedError::Encoding)?;
        let all: Option<Vec<Revocation>> = strict_yaml::read(text).map_err(RevokedError::Yaml)?;
        let all = all.unwrap_or_default();
        match all.iter().position(|entry| !entry.is_whole()) {
            Some(index) => Err(RevokedError::Entry(index + 1)),
            None => Ok(Self(all)),
        }
    }

    /// The entry that this login is revoked by.
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

    /// Does it say the same already?
    pub fn has(&self, new: &Revocation) -> bool {
        self.0.iter().any(|known| {
            (&known.subject, &known.issuer) == (&new.subject, &new.issuer)
                && (&known.key, &known.certificate) == (&new.key, &new.certificate)
        })
    }
}

impl Revocation {
    /// In words.
    pub fn what(&self) -> String {
        match (&self.subject, &self.issuer, &self.key, &self.certificate) {
            (Some(subject), Some(issuer), _, _) => format!("subject {subject:?} of {issuer}"),
            (_, _, Some(key), _) => format!("key {key}"),
            (_, _, _, login) => format!("certificate {}", login.as_deref().unwrap_or_default()),
        }
    }

    /// Exactly one thing is revoked, and it is one that can be found.
    pub fn is_whole(&self) -> bool {
        match (&self.subject, &self.issuer, &self.key, &self.certificate) {
            (Some(subject), Some(issuer), None, None) => !subject.is_empty() && !issuer.is_empty(),
            (None, None, Some(hash), None) | (None, None, None, Some(hash)) => is_hash(hash),
            _ => false,
        }
    }
}

/// Base64 of 32 bytes; padding does no harm.
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
mod tests {
    use super::*;

    const HASH: &str = "SHA256:0123456789012345678901234567890123456789012";

    #[test]
    fn entries_that_could_not_be_found_are_errors() {
        assert_eq!(Revoked::parse(b"").unwrap(), Revoked::default());
        assert_eq!(Revoked::parse(b"# none yet\n").unwrap(), Revoked::default());
        for text in [
            "- {}",
            "- {subject: a}",
            "- {issuer: i}",
            "- {subject: '', issuer: i}",
            "- {key: abc}",
            "- {key: 'MD5:00'}",
            "- {key: 'SHA256:short'}",
            "- {sub: a, issuer: i}",
            "- {subject: a, issuer: i, certificate: x}",
            "- {subject: a, issuer: i, reason: }",
            "- {subject: no, issuer: i}",
            "- ",
            "subject: a",
            "subject",
            "- [a]",
        ] {
            assert!(Revoked::parse(text.as_bytes()).is_err(), "{text}");
        }
        let two = format!("- {{subject: a, issuer: i, reason: left}}\n- {{\"key\": \"{HASH}\"}}\n");
        assert_eq!(Revoked::parse(two.as_bytes()).unwrap().0.len(), 2);
        assert!(Revoked::parse(b"- {subject: \xff, issuer: i}").is_err());
    }

    #[test]
    fn what_is_written_reads_back() {
        let entry = Revocation {
            subject: Some("a'\"#: {}\n- x\u{2028}".into()),
            issuer: Some("https://i".into()),
            key: None,
            certificate: None,
            since: None,
            reason: Some("gone".into()),
        };
        let line = format!("- {}\n", serde_json::to_string(&entry).unwrap());
        assert_eq!(Revoked::parse(line.as_bytes()).unwrap().0, [entry]);
    }
}
