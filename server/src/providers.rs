//! `/etc/opk/providers`: the trusted issuers, their client ids, and how long their tokens are
//! valid. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opkssh_protocol::config::is_https_or_loopback;
use opkssh_protocol::pk_token::{ExpirationPolicy, TrustedProvider};
use opkssh_protocol::printable::{MAX_QUOTED, printable};
use url::Url;

use crate::table;

/// The parsed file. A problem in one row affects only its issuer.
#[derive(Default)]
pub struct Providers {
    by_issuer: BTreeMap<String, Result<TrustedProvider, RowError>>,
    pub problems: Vec<String>,
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
    #[error("invalid expiration policy: {0}")]
    Expiration(String),
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
        for problem in table.problems {
            providers.problems.push(format!("{path} {problem}"));
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
                providers
                    .problems
                    .push(format!("{path} line {}: {reason}", row.line));
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
    if !is_plain_https(issuer) && !Url::parse(issuer).is_ok_and(|url| is_https_or_loopback(&url)) {
        return Err(RowError::NotHttps);
    }
    if client_id.is_empty() {
        return Err(RowError::NoClientId);
    }
    let expiration: ExpirationPolicy = expiration
        .parse()
        .map_err(|_| RowError::Expiration(expiration.to_owned()))?;
    Ok(TrustedProvider {
        issuer: issuer.to_owned(),
        client_ids: vec![client_id],
        expiration,
    })
}

/// Returns true for most acceptable URLs without parsing them, which would take 3 ms for 1,000
/// rows.
fn is_plain_https(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("https://") else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_label = |label: &str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && !label.starts_with("xn--") && label.bytes().all(letters)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.split('.').all(is_label)
        // the host may be an IPv4 address
        && last.starts_with(|c: char| c.is_ascii_lowercase())
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
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
mod tests {
    use super::*;

    fn parse(text: &str) -> Providers {
        Providers::parse("providers", text.as_bytes())
    }

    fn refusal(text: &str, issuer: &str) -> String {
        parse(text)
            .for_issuer(issuer)
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn rows_become_providers() {
        let providers = parse("https://a.example id 24h\nhttps://b.example/ id oidc\n");
        assert_eq!(
            providers
                .for_issuer("https://a.example")
                .unwrap()
                .client_ids,
            ["id"]
        );
        assert!(providers.for_issuer("https://b.example/").is_ok());
        assert!(providers.problems.is_empty());
    }

    #[test]
    fn row_58_an_issuer_is_its_exact_text() {
        let text = "https://a.example id 24h";
        assert_eq!(
            refusal(text, "https://a.example/"),
            "unrecognized issuer: https://a.example/, issuers known: [https://a.example] (one \
             differs only in its trailing slash)"
        );
        assert!(refusal(text, "https://A.example").ends_with("letter case)"));
        assert!(refusal(text, "").starts_with("unrecognized issuer"));
        assert_eq!(refusal("", "https://a.example"), "no providers configured");
    }

    #[test]
    fn row_112_a_bad_row_only_affects_its_issuer() {
        let text = "https://bad.example id zz\nhttps://a.example id 24h\n\
                    https://dup.example one 24h\nhttps://dup.example two 12h\nshort row\n";
        assert!(parse(text).for_issuer("https://a.example").is_ok());
        assert!(refusal(text, "https://bad.example").contains("invalid expiration policy: zz"));
        assert!(refusal(text, "https://dup.example").contains("duplicate issuer"));
        assert_eq!(parse(text).problems.len(), 3);
        // in any order, and with any number of valid rows
        for text in [
            "https://a.example id zz\nhttps://a.example id 24h\nhttps://a.example id 24h",
            "https://a.example id 24h\nhttps://a.example id zz\nhttps://a.example id 24h",
        ] {
            assert!(refusal(text, "https://a.example").contains("invalid expiration policy"));
        }
    }

    #[test]
    fn several_client_ids_of_one_lifetime() {
        let providers = parse("https://a.example one 24h\nhttps://a.example two 24h\n");
        assert_eq!(
            providers
                .for_issuer("https://a.example")
                .unwrap()
                .client_ids,
            ["one", "two"]
        );
    }

    #[test]
    fn row_113_both_spellings_of_oidc_refreshed() {
        let providers =
            parse("https://a.example x oidc-refreshed\nhttps://a.example y oidc_refreshed\n");
        assert!(providers.for_issuer("https://a.example").is_ok());
        assert!(refusal("https://a.example x OIDC", "https://a.example").contains("expiration"));
    }

    #[test]
    fn https_or_this_machine() {
        for issuer in [
            "https://a.example",
            "http://localhost:3000",
            "http://127.0.0.1:1/",
            "http://[::1]:2",
        ] {
            assert!(
                parse(&format!("{issuer} id 24h"))
                    .for_issuer(issuer)
                    .is_ok(),
                "{issuer}"
            );
        }
        for issuer in [
            "http://a.example",
            "http://localhost.a.example",
            "http://127.0.0.1.a.example",
            "http://user@a.example",
            "ftp://a.example",
            "a.example",
            "file:///etc/opk",
        ] {
            assert!(
                refusal(&format!("{issuer} id 24h"), issuer).contains("https"),
                "{issuer}"
            );
        }
        assert!(refusal("https://a.example '' 24h", "https://a.example").contains("client id"));
    }
}
