//! The cached data of an issuer: its published keys, and the last request. Pure.

use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::printable::quoted;
use opkssh_protocol::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::PublishedKeys;

/// Version of the format; entries of other versions are fetched again.
const VERSION: u32 = 1;

/// An issuer's published keys, with the time of the fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The issuer; compared byte for byte before the keys are used.
    pub issuer: String,
    pub fetched: UnixTime,
    /// In seconds, as sent by the provider.
    pub max_age: Option<u64>,
    /// The key set as sent (JSON, RFC 7517 section 5).
    pub document: String,
}

/// The last request to an issuer, and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    pub issuer: String,
    /// Start of the request; after a failure, its end.
    pub asked: UnixTime,
    /// Error; `None` before the answer and after a success.
    pub failure: Option<String>,
}

impl Entry {
    pub fn new(issuer: &str, published: &PublishedKeys, now: UnixTime) -> Self {
        Self {
            issuer: issuer.to_owned(),
            fetched: now,
            max_age: published.max_age.map(|age| age.as_secs()),
            document: published.document.clone(),
        }
    }

    /// Reads an entry of `issuer`, and its keys.
    pub fn read(bytes: &[u8], issuer: &str) -> Result<(Self, KeySet), String> {
        let entry: Self = read(bytes)?;
        is_of(&entry.issuer, issuer)?;
        let keys = KeySet::parse(entry.document.as_bytes())
            .ok()
            .filter(|keys| !keys.is_empty())
            .ok_or("no usable key in the entry")?;
        Ok((entry, keys))
    }

    pub fn write(&self) -> Vec<u8> {
        write(self)
    }
}

impl Attempt {
    pub fn read(bytes: &[u8], issuer: &str) -> Result<Self, String> {
        let attempt: Self = read(bytes)?;
        is_of(&attempt.issuer, issuer)?;
        Ok(attempt)
    }

    pub fn write(&self) -> Vec<u8> {
        write(self)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Versioned<T> {
    version: u32,
    content: T,
}

fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    match serde_json::from_slice(bytes) {
        Ok(Versioned {
            version: VERSION,
            content,
        }) => Ok(content),
        _ => Err("not an entry of this version".to_owned()),
    }
}

/// Writes JSON. Texts and numbers cannot fail; a broken entry would be rejected on reading.
fn write<T: Serialize>(content: &T) -> Vec<u8> {
    serde_json::to_vec(&Versioned {
        version: VERSION,
        content,
    })
    .unwrap_or_default()
}

fn is_of(got: &str, expected: &str) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    let got = quoted(got);
    Err(format!("the entry is for {got}, not for {expected:?}"))
}

#[cfg(test)]
mod tests;
