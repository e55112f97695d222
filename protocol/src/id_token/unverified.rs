//! Parses the compact form of ID tokens (RFC 7515 section 7.1) without verifying them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;

use super::{Claims, IdTokenError};
use crate::base64url;
use crate::json::{self, Object};
use crate::jwk::Algorithm;

/// Signature scheme of an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdTokenAlgorithm {
    /// A plain signature (RFC 7515).
    Jws(Algorithm),
    /// Proof of knowledge of an RS256 signature.
    Gq256,
}

/// A well-formed ID token. Nothing in it has been verified.
#[derive(Clone)]
pub struct UnverifiedIdToken {
    pub(crate) header_base64: String,
    pub(crate) payload_base64: String,
    pub(crate) signature_base64: String,
    pub(crate) header: Object,
    pub(super) signature: Vec<u8>,
    pub(super) algorithm: IdTokenAlgorithm,
    pub(super) claims: Claims,
}

impl UnverifiedIdToken {
    /// Parses the compact form.
    pub fn parse(compact: &str) -> Result<Self, IdTokenError> {
        let parts: Vec<&str> = compact.splitn(4, '.').collect();
        match parts[..] {
            [header, payload, signature] => Self::from_parts(header, payload, signature),
            _ => Err(IdTokenError::Parts),
        }
    }

    pub(crate) fn from_parts(
        header_base64: &str,
        payload_base64: &str,
        signature_base64: &str,
    ) -> Result<Self, IdTokenError> {
        let header = json::parse_object(&base64url::decode(header_base64)?)?;
        let is_text = |value: &Value| value.is_string() || value.is_null();
        for name in ["kid", "typ", "jkt", "cic", "cty", "jku", "x5u"] {
            if !header.get(name).is_none_or(is_text) {
                return Err(IdTokenError::Header(name));
            }
        }
        // RFC 7515 section 4.1.11, RFC 7797: no extension is supported, so any critical one is
        // refused
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(IdTokenError::Critical);
        }
        let algorithm = match header.get("alg").and_then(Value::as_str) {
            None => return Err(IdTokenError::Header("alg")),
            Some("GQ256") => IdTokenAlgorithm::Gq256,
            Some(other) => IdTokenAlgorithm::Jws(other.parse()?),
        };
        Ok(Self {
            claims: Claims::parse(&base64url::decode(payload_base64)?)?,
            signature: base64url::decode(signature_base64)?,
            header_base64: header_base64.to_owned(),
            payload_base64: payload_base64.to_owned(),
            signature_base64: signature_base64.to_owned(),
            header,
            algorithm,
        })
    }

    /// Returns the compact form, unchanged.
    pub fn compact(&self) -> String {
        format!(
            "{}.{}.{}",
            self.header_base64, self.payload_base64, self.signature_base64
        )
    }

    /// Returns `SHA256:…` of the payload's base64url, which is unique for each payload.
    pub(crate) fn payload_id(&self) -> String {
        let hash = ring::digest::digest(&ring::digest::SHA256, self.payload_base64.as_bytes());
        format!("SHA256:{}", STANDARD_NO_PAD.encode(hash.as_ref()))
    }

    /// Returns the claims, unverified.
    pub fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns the `kid` of the signing key, unverified; for a GQ token, from the original header.
    /// An empty `kid` counts as absent.
    pub fn unverified_kid(&self) -> Option<String> {
        let original;
        let header = match self.algorithm {
            IdTokenAlgorithm::Jws(_) => &self.header,
            IdTokenAlgorithm::Gq256 => {
                original = self.original_header().ok()?;
                &original
            }
        };
        let kid = header.get("kid").and_then(Value::as_str);
        kid.filter(|kid| !kid.is_empty()).map(str::to_owned)
    }

    /// Returns the header of the original RS256 token of a GQ token.
    pub(super) fn original_header(&self) -> Result<Object, IdTokenError> {
        let base64 = self.original_header_base64()?;
        Ok(json::parse_object(&base64url::decode(base64)?)?)
    }

    pub(super) fn original_header_base64(&self) -> Result<&str, IdTokenError> {
        self.header_text("kid").ok_or(IdTokenError::Header("kid"))
    }

    pub(crate) fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }
}
