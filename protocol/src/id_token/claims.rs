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
    issued_at: Option<UnixTime>,
    expires_at: Option<UnixTime>,
    not_before: Option<UnixTime>,
}

impl Claims {
    /// Reads a payload. Refuses what programs could read differently: duplicate members, and known
    /// claims of a non-standard type, even unused ones.
    pub fn parse(payload: &[u8]) -> Result<Self, IdTokenError> {
        let all = json::parse_object(payload)?;
        // null counts as absent
        let claim = |name| all.get(name).filter(|value| !value.is_null());
        let check = |name, is_valid: fn(&Value) -> bool| match claim(name) {
            Some(value) if !is_valid(value) => Err(IdTokenError::ClaimType(name)),
            _ => Ok(()),
        };
        for name in [
            "iss",
            "sub",
            "email",
            "nonce",
            "preferred_username",
            "given_name",
            "family_name",
        ] {
            check(name, Value::is_string)?;
        }
        for name in ["groups", "scopes"] {
            check(name, is_list_of_strings)?;
        }
        // RFC 7800
        check("cnf", Value::is_object)?;
        check("aud", |aud| aud.is_string() || is_list_of_strings(aud))?;
        let audience = match claim("aud") {
            None => &[],
            Some(Value::Array(items)) => items.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let audience = audience.iter().filter_map(Value::as_str);
        let time = |name, seconds: fn(&Value) -> Option<i64>| match claim(name) {
            None => Ok(None),
            Some(value) => match seconds(value) {
                Some(seconds) => Ok(Some(UnixTime(seconds))),
                None => Err(IdTokenError::ClaimType(name)),
            },
        };
        Ok(Self {
            issued_at: time("iat", Value::as_i64)?,
            expires_at: time("exp", Value::as_i64)?,
            // cut to whole seconds: some providers send fractions here
            not_before: time("nbf", |nbf| nbf.as_f64().map(|seconds| seconds as i64))?,
            audience: audience.map(str::to_owned).collect(),
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
            None => newer.email().is_none() || newer.email() == self.email(),
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
        self.text("aud")
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

fn is_list_of_strings(value: &Value) -> bool {
    let items = value.as_array();
    items.is_some_and(|items| items.iter().all(Value::is_string))
}
