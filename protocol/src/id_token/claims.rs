//! The claims of an ID token (OpenID Connect Core section 2), with types for those that decisions
//! use.

use serde_json::Value;

use super::IdTokenError;
use crate::json::{self, Object};
use crate::time::UnixTime;

/// Claims as sent by the provider. The type that contains them says whether they are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    all: Object,
    audience: Vec<String>,
    /// Whether `aud` was a single string.
    audience_is_string: bool,
    issued_at: Option<UnixTime>,
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
}

impl Claims {
    /// Reads a payload. Refuses what programs could read differently: duplicate members, and known
    /// claims of a non-standard type, even unused ones.
    pub fn parse(payload: &[u8]) -> Result<Self, IdTokenError> {
        let all = json::parse_object(payload)?;
        for name in [
            "iss",
            "sub",
            "email",
            "nonce",
            "preferred_username",
            "given_name",
            "family_name",
        ] {
            match all.get(name) {
                None | Some(Value::Null | Value::String(_)) => {}
                Some(_) => return Err(IdTokenError::ClaimType(name)),
            }
        }
        for name in ["groups", "scopes"] {
            match all.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::Array(items)) if items.iter().all(Value::is_string) => {}
                Some(_) => return Err(IdTokenError::ClaimType(name)),
            }
        }
        // RFC 7800
        match all.get("cnf") {
            None | Some(Value::Null | Value::Object(_)) => {}
            Some(_) => return Err(IdTokenError::ClaimType("cnf")),
        }
        let (audience, audience_is_string) = match all.get("aud") {
            None | Some(Value::Null) => (Vec::new(), false),
            Some(Value::String(one)) => (vec![one.clone()], true),
            Some(Value::Array(items)) => (
                items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<_>>()
                    .ok_or(IdTokenError::ClaimType("aud"))?,
                false,
            ),
            Some(_) => return Err(IdTokenError::ClaimType("aud")),
        };
        Ok(Self {
            issued_at: time(&all, "iat")?,
            expires_at: time(&all, "exp")?,
            not_before: time_or_fraction(&all, "nbf")?,
            audience,
            audience_is_string,
            all,
        })
    }

    /// Returns `iss`, the issuer.
    pub fn iss(&self) -> &str {
        self.text("iss").unwrap_or_default()
    }

    /// Returns `sub`, the subject.
    pub fn sub(&self) -> &str {
        self.text("sub").unwrap_or_default()
    }

    /// Returns `email`.
    pub fn email(&self) -> Option<&str> {
        self.text("email")
    }

    /// Returns `email_verified`, also if it was sent as the text "true" or "false".
    pub fn email_verified(&self) -> Option<bool> {
        match self.all.get("email_verified")? {
            Value::Bool(verified) => Some(*verified),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns true if this token and the refreshed one both have a verified address. A refreshed
    /// token without `email_verified` inherits it, unless its address differs.
    pub fn email_is_verified(&self, refreshed: Option<&Self>) -> bool {
        let agrees = |newer: &Self| match newer.get("email_verified") {
            Some(_) => newer.email_verified() == Some(true),
            None => newer
                .email()
                .is_none_or(|email| self.email() == Some(email)),
        };
        self.email_verified() == Some(true) && refreshed.is_none_or(agrees)
    }

    /// Returns `nonce`.
    pub fn nonce(&self) -> Option<&str> {
        self.text("nonce")
    }

    /// Returns the elements of `aud`; a single string is one element, commas included.
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// Returns `aud` if it is a single string.
    pub fn single_audience(&self) -> Option<&str> {
        self.audience_is_string.then(|| self.audience[0].as_str())
    }

    /// Returns `iat`.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued_at
    }

    /// Returns `exp`.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    /// Returns `nbf`.
    pub fn not_before(&self) -> Option<UnixTime> {
        self.not_before
    }

    /// Returns a top-level claim by its exact name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// Returns all claims, for display.
    pub fn all(&self) -> &Object {
        &self.all
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }
}

/// Reads a NumericDate in whole seconds. A null claim counts as absent.
fn time(all: &Object, name: &'static str) -> Result<Option<UnixTime>, IdTokenError> {
    match all.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .map(|t| Some(UnixTime(t)))
            .ok_or(IdTokenError::ClaimType(name)),
    }
}

/// Reads a NumericDate (RFC 7519 section 2), cut to whole seconds: some providers send fractions
/// here.
fn time_or_fraction(all: &Object, name: &'static str) -> Result<Option<UnixTime>, IdTokenError> {
    match all.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .map(|t| Some(UnixTime(t as i64)))
            .ok_or(IdTokenError::ClaimType(name)),
    }
}
