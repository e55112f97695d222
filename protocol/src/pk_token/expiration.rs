//! Expiration policies: how long a PK token is valid, as in a row of `/etc/opk/providers`.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, IntoDeserializer as _};
use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// An expiration policy, with the names of Go opkssh.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpirationPolicy {
    /// 12 hours from `iat`, ignoring `exp`; likewise the next three.
    #[serde(rename = "12h")]
    Hours12,
    /// `24h`
    #[default]
    #[serde(rename = "24h")]
    Hours24,
    /// `48h`
    #[serde(rename = "48h")]
    Hours48,
    /// `1week`
    #[serde(rename = "1week")]
    Week,
    /// Until `exp`.
    Oidc,
    /// Until `exp` of the ID token or of the refreshed one. Go's documentation uses a hyphen, but
    /// its code does not accept that.
    #[serde(alias = "oidc-refreshed")]
    OidcRefreshed,
    /// As long as the provider publishes the key.
    Never,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid expiration policy: {0} (use one of 12h, 24h, 48h, 1week, oidc, oidc_refreshed, never)"
)]
/// Error: no expiration policy has this name.
pub struct UnknownExpirationPolicy(String);

/// Reason why a token is not valid under a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum ExpirationError {
    #[error("missing issuedAt claim")]
    NoIssuedAt,
    #[error("missing expiration claim")]
    NoExpiration,
    #[error(
        "the PK token has expired based on maxAge (issuedAt = {iat}, maxAge = {policy}, expiredAt = {end})"
    )]
    MaxAge {
        iat: UnixTime,
        policy: ExpirationPolicy,
        end: UnixTime,
    },
    #[error("the ID token has expired (exp = {end})")]
    Expired { end: UnixTime },
    #[error("the ID token has expired (exp = {end}) and there is no refreshed ID token")]
    NotRefreshed { end: UnixTime },
    #[error("the refreshed ID token has expired (exp = {end})")]
    RefreshedExpired { end: UnixTime },
}

/// The times that a policy depends on.
#[derive(Debug, Clone, Copy)]
pub struct TokenTimes {
    /// `iat` of the ID token.
    pub issued_at: Option<UnixTime>,
    /// `exp` of the ID token.
    pub expires_at: Option<UnixTime>,
    /// `exp` of the refreshed ID token, if that token is valid.
    pub refreshed_expires_at: Option<UnixTime>,
}

impl ExpirationPolicy {
    /// Returns the last second at which a token with these times is valid; `None`: no end.
    pub fn end(self, times: TokenTimes) -> Result<Option<UnixTime>, ExpirationError> {
        let exp = || positive(times.expires_at).ok_or(ExpirationError::NoExpiration);
        match self {
            Self::Hours12 | Self::Hours24 | Self::Hours48 | Self::Week => {
                let iat = positive(times.issued_at);
                let end = iat.and_then(|iat| iat.0.checked_add(self.max_age()));
                let end = end.ok_or(ExpirationError::NoIssuedAt)?;
                Ok(Some(UnixTime(end)))
            }
            Self::Oidc => exp().map(Some),
            Self::OidcRefreshed => {
                // as in Go, an original token without `exp` is an error even if a refreshed token
                // is attached
                let exp = exp()?;
                Ok(Some(exp).max(positive(times.refreshed_expires_at)))
            }
            Self::Never => Ok(None),
        }
    }

    /// Fails if a token with these times is expired at `now`. The last second is still valid.
    pub fn check(
        self,
        times: TokenTimes,
        now: UnixTime,
    ) -> Result<Option<UnixTime>, ExpirationError> {
        match self.end(times)? {
            Some(end) if now > end => Err(self.expired(times, end)),
            end => Ok(end),
        }
    }

    /// Returns the seconds from `iat` of the max-age policies; 0 for the others.
    pub fn max_age(self) -> i64 {
        match self {
            Self::Hours12 => 12 * 3600,
            Self::Hours24 => 24 * 3600,
            Self::Hours48 => 48 * 3600,
            Self::Week => 7 * 24 * 3600,
            Self::Oidc | Self::OidcRefreshed | Self::Never => 0,
        }
    }

    fn expired(self, times: TokenTimes, end: UnixTime) -> ExpirationError {
        match (self, times.issued_at) {
            (Self::Oidc, _) => ExpirationError::Expired { end },
            (Self::OidcRefreshed, _) if times.refreshed_expires_at.is_some() => {
                ExpirationError::RefreshedExpired { end }
            }
            (Self::OidcRefreshed, _) => ExpirationError::NotRefreshed { end },
            (policy, iat) => ExpirationError::MaxAge {
                iat: iat.unwrap_or(UnixTime(0)),
                policy,
                end,
            },
        }
    }
}

fn positive(time: Option<UnixTime>) -> Option<UnixTime> {
    time.filter(|time| time.0 > 0)
}

impl FromStr for ExpirationPolicy {
    type Err = UnknownExpirationPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownExpirationPolicy> {
        let policy: Result<_, de::value::Error> = Self::deserialize(name.into_deserializer());
        policy.map_err(|_| UnknownExpirationPolicy(name.chars().take(64).collect()))
    }
}

impl fmt::Display for ExpirationPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests;
