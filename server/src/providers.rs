//! `/etc/opk/providers`: the trusted issuers, their client ids, and how long their tokens are
//! valid. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opkssh_protocol::pk_token::{ExpirationPolicy, TrustedProvider, UnknownExpirationPolicy};
use opkssh_protocol::printable::{MAX_QUOTED, printable};

use crate::issuer;
use crate::table::{self, NotARow};

/// The parsed file. A problem in one row affects only its issuer.
#[derive(Default)]
pub struct Providers {
    by_issuer: BTreeMap<String, Result<TrustedProvider, RowError>>,
    pub problems: Vec<ProvidersProblem>,
}

/// A line that is not a usable row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} line {line}: {reason}")]
pub struct ProvidersProblem {
    pub path: String,
    /// 1-based.
    pub line: usize,
    /// The line itself.
    pub text: String,
    pub reason: LineError,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not a row, which has no effect.
    #[error("{0}")]
    Malformed(#[from] NotARow),
    /// A row for which all tokens of its issuer are refused.
    #[error("{0}")]
    Refused(#[from] RowError),
}

/// Reason why no token of an issuer is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderRefusal {
    #[error("no providers configured")]
    NoneConfigured,
    #[error(
        "unrecognized issuer: {}, issuers known: [{}]{}",
        printable(issuer).at_most(MAX_QUOTED),
        known.join(" "),
        near_miss(issuer, known)
    )]
    Unknown { issuer: String, known: Vec<String> },
    #[error("issuer {issuer} is misconfigured: {reason}")]
    Misconfigured { issuer: String, reason: RowError },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("the issuer is not an https URL")]
    NotHttps,
    #[error("the client id is empty")]
    NoClientId,
    #[error("{0}")]
    Expiration(#[from] UnknownExpirationPolicy),
    #[error(
        "provider verifier found with duplicate issuer: {0}, and the rows differ in expiration"
    )]
    Duplicate(String),
}

impl Providers {
    /// Parses the file. `path` is for the messages.
    pub fn parse(path: &str, bytes: &[u8]) -> Self {
        let table = table::read(bytes);
        let mut providers = Self::default();
        let problem = |line: usize, reason: LineError| ProvidersProblem {
            path: path.to_owned(),
            line,
            text: table::line(bytes, line),
            reason,
        };
        for found in table.problems {
            let found = problem(found.line, found.reason.into());
            providers.problems.push(found);
        }
        for row in table.rows {
            let [issuer, client_id, expiration] = row.words.map(Cow::into_owned);
            let known = providers.by_issuer.remove(&issuer);
            let merged = match (known, provider(&issuer, client_id, &expiration)) {
                (Some(Err(first)), _) => Err(first),
                (None, new) => new,
                (Some(Ok(_)), Err(new)) => Err(new),
                (Some(Ok(known)), Ok(new)) => merge(known, new),
            };
            if let Err(reason) = &merged {
                let found = problem(row.line, reason.clone().into());
                providers.problems.push(found);
            }
            providers.by_issuer.insert(issuer, merged);
        }
        providers
    }

    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.by_issuer
            .iter()
            .filter(|(_, provider)| provider.is_ok())
            .map(|(issuer, _)| issuer.as_str())
    }

    /// Returns true if a row is for this issuer, usable or not.
    pub fn lists(&self, issuer: &str) -> bool {
        self.by_issuer.contains_key(issuer)
    }

    pub fn for_issuer(&self, issuer: &str) -> Result<&TrustedProvider, ProviderRefusal> {
        match self.by_issuer.get(issuer) {
            Some(Ok(provider)) => Ok(provider),
            Some(Err(reason)) => Err(ProviderRefusal::Misconfigured {
                issuer: issuer.to_owned(),
                reason: reason.clone(),
            }),
            None if self.by_issuer.is_empty() => Err(ProviderRefusal::NoneConfigured),
            None => Err(ProviderRefusal::Unknown {
                issuer: issuer.to_owned(),
                known: self.by_issuer.keys().cloned().collect(),
            }),
        }
    }
}

fn provider(
    issuer: &str,
    client_id: String,
    expiration: &str,
) -> Result<TrustedProvider, RowError> {
    if !issuer::is_usable(issuer) {
        return Err(RowError::NotHttps);
    }
    if client_id.is_empty() {
        return Err(RowError::NoClientId);
    }
    let expiration: ExpirationPolicy = expiration.parse()?;
    Ok(TrustedProvider {
        issuer: issuer.to_owned(),
        client_ids: vec![client_id],
        expiration,
    })
}

/// Merges the rows of an issuer. Several client ids are valid; several expiration policies are not.
fn merge(mut known: TrustedProvider, new: TrustedProvider) -> Result<TrustedProvider, RowError> {
    if known.expiration != new.expiration {
        return Err(RowError::Duplicate(known.issuer));
    }
    known.client_ids.extend(new.client_ids);
    Ok(known)
}

fn near_miss(issuer: &str, known: &[String]) -> &'static str {
    let bare = |text: &str| text.trim_end_matches('/').to_lowercase();
    if known
        .iter()
        .any(|known| known.trim_end_matches('/') == issuer.trim_end_matches('/'))
    {
        " (one differs only in its trailing slash)"
    } else if known.iter().any(|known| bare(known) == bare(issuer)) {
        " (one differs only in letter case)"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests;
