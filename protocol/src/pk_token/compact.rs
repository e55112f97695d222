//! The two written forms of a PK token.
//!
//! Compact, as in the certificate: `payload:header:signature:header:signature[…]`. The pairs are
//! those of the provider, the client and an optional cosigner, distinguished by `typ` and not by
//! position. After a dot, a refreshed ID token may follow, itself a compact JWT.
//!
//! JSON: the input of a PK token's hash. It does not include the refreshed token.

use serde_json::Value;

use super::PkTokenError;
use crate::base64url;
use crate::cic::ClientInstanceClaims;
use crate::id_token::{Claims, UnverifiedIdToken};
use crate::json;
use crate::jwk::sha3_base64url;

/// Largest accepted compact form, in bytes: it must fit into a certificate that sshd can pass in
/// one argument (128 KiB of base64).
const MAX_BYTES: usize = 96 * 1024;

/// A well-formed, unverified PK token: one provider signature, one client signature and at most one
/// cosigner signature over one payload.
#[derive(Clone)]
pub struct UnverifiedPkToken {
    /// The provider's part, as an ID token.
    pub(super) id_token: UnverifiedIdToken,
    pub(super) cic: ClientInstanceClaims,
    pub(super) cic_part: Part,
    cosigner: Option<Part>,
    pub(super) refreshed: Option<UnverifiedIdToken>,
}

/// A protected header and its signature, unchanged, and the signed bytes.
#[derive(Clone)]
pub(super) struct Part {
    header_base64: String,
    signature_base64: String,
    pub(super) signature: Vec<u8>,
}

impl UnverifiedPkToken {
    /// Reads the compact form.
    pub fn parse_compact(text: &str) -> Result<Self, PkTokenError> {
        if text.len() > MAX_BYTES {
            return Err(PkTokenError::Size(text.len()));
        }
        let (signed, refreshed) = match text.split_once('.') {
            Some((signed, refreshed)) => (signed, Some(refreshed)),
            None => (text, None),
        };
        let refreshed = refreshed
            .map(UnverifiedIdToken::parse)
            .transpose()
            .map_err(PkTokenError::Refreshed)?;
        let segments: Vec<&str> = signed.split(':').collect();
        let [payload, pairs @ ..] = segments.as_slice() else {
            return Err(PkTokenError::Segments(0));
        };
        if pairs.is_empty() || pairs.len() % 2 != 0 {
            return Err(PkTokenError::Segments(segments.len()));
        }
        let mut slots = Slots::default();
        for pair in pairs.chunks_exact(2) {
            slots.sort_in(payload, pair[0], pair[1])?;
        }
        slots.finish(refreshed)
    }

    /// Builds a PK token from an ID token and a client signature over
    /// [`signing_input`](Self::signing_input).
    pub fn assemble(
        id_token: UnverifiedIdToken,
        cic: ClientInstanceClaims,
        cic_signature: Vec<u8>,
    ) -> Self {
        Self {
            cic_part: Part {
                header_base64: base64url::encode(cic.canonical()),
                signature_base64: base64url::encode(&cic_signature),
                signature: cic_signature,
            },
            id_token,
            cic,
            cosigner: None,
            refreshed: None,
        }
    }

    /// Returns the bytes that the user key signs: the CIC header and the ID token's payload (RFC
    /// 7515 section 5.1).
    pub fn signing_input(id_token: &UnverifiedIdToken, cic: &ClientInstanceClaims) -> String {
        format!(
            "{}.{}",
            base64url::encode(cic.canonical()),
            id_token.payload_base64
        )
    }

    /// Returns the unverified [`AuthenticPkToken::login_id`](super::AuthenticPkToken::login_id).
    pub fn unverified_login_id(&self) -> String {
        self.id_token.payload_id()
    }

    /// Returns the bytes covered by the client signature: the header is used as sent, canonical or
    /// not.
    pub(super) fn signed_by_client(&self) -> String {
        format!(
            "{}.{}",
            self.cic_part.header_base64, self.id_token.payload_base64
        )
    }

    /// Returns the same PK token with `refreshed` attached, replacing any earlier one.
    pub fn with_refreshed(mut self, refreshed: UnverifiedIdToken) -> Self {
        self.refreshed = Some(refreshed);
        self
    }

    /// Returns the compact form.
    pub fn compact(&self) -> String {
        let mut text = self.id_token.payload_base64.clone();
        for (header, signature) in self.parts() {
            text += &format!(":{header}:{signature}");
        }
        if let Some(refreshed) = &self.refreshed {
            text += &format!(".{}", refreshed.compact());
        }
        text
    }

    /// Returns the JSON form, the input of the hash.
    pub fn json(&self) -> String {
        // base64url needs no escaping
        let signatures: Vec<String> = self
            .parts()
            .map(|(header, signature)| {
                format!(r#"{{"protected":"{header}","signature":"{signature}"}}"#)
            })
            .collect();
        format!(
            r#"{{"payload":"{}","signatures":[{}]}}"#,
            self.id_token.payload_base64,
            signatures.join(",")
        )
    }

    /// Returns SHA3-256 of the JSON form in base64url. The refreshed token is not included.
    pub fn hash(&self) -> String {
        sha3_base64url(self.json().as_bytes())
    }

    /// Returns the unverified claims of the ID token.
    pub fn unverified_claims(&self) -> &Claims {
        self.id_token.unverified_claims()
    }

    /// Returns the issuer, unverified.
    pub fn unverified_issuer(&self) -> &str {
        self.id_token.unverified_claims().iss()
    }

    /// Returns the `kid` of the provider key, unverified.
    pub fn unverified_kid(&self) -> Option<String> {
        self.id_token.unverified_kid()
    }

    /// Returns the ID token, unverified.
    pub fn unverified_id_token(&self) -> &UnverifiedIdToken {
        &self.id_token
    }

    /// Returns the client instance claims, unverified.
    pub fn unverified_cic(&self) -> &ClientInstanceClaims {
        &self.cic
    }

    /// Returns the attached refreshed ID token, unverified.
    pub fn unverified_refreshed(&self) -> Option<&UnverifiedIdToken> {
        self.refreshed.as_ref()
    }

    /// Returns the cosigner's protected header in base64url, if there is a cosigner.
    pub fn unverified_cosigner_header(&self) -> Option<&str> {
        let cosigner = self.cosigner.as_ref();
        cosigner.map(|part| part.header_base64.as_str())
    }

    /// Returns header and signature of each part, in base64url.
    fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let provider = &self.id_token;
        let ours = [Some(&self.cic_part), self.cosigner.as_ref()];
        let ours = ours.into_iter().flatten();
        let ours = ours.map(|part| (&*part.header_base64, &*part.signature_base64));
        std::iter::once((&*provider.header_base64, &*provider.signature_base64)).chain(ours)
    }
}

/// One slot for each kind of signature; a second signature of a kind is refused.
#[derive(Default)]
struct Slots {
    id_token: Option<UnverifiedIdToken>,
    cic: Option<(ClientInstanceClaims, Part)>,
    cosigner: Option<Part>,
}

impl Slots {
    fn sort_in(
        &mut self,
        payload: &str,
        header_base64: &str,
        signature_base64: &str,
    ) -> Result<(), PkTokenError> {
        let header = base64url::decode(header_base64)?;
        let part = || -> Result<Part, PkTokenError> {
            Ok(Part {
                header_base64: header_base64.to_owned(),
                signature_base64: signature_base64.to_owned(),
                signature: base64url::decode(signature_base64)?,
            })
        };
        let members = json::parse_object_like_go(&header)?;
        let typ = match members.get("typ") {
            None | Some(Value::Null) => "",
            Some(Value::String(typ)) => typ,
            Some(other) => return Err(PkTokenError::Typ(other.to_string())),
        };
        match typ {
            "CIC" => {
                let cic = ClientInstanceClaims::parse(&header)?;
                fill(&mut self.cic, (cic, part()?), "client")
            }
            "COS" => fill(&mut self.cosigner, part()?, "cosigner"),
            _ if is_provider_typ(typ) => {
                let token =
                    UnverifiedIdToken::from_parts(header_base64, payload, signature_base64)?;
                fill(&mut self.id_token, token, "provider")
            }
            _ => Err(PkTokenError::Typ(typ.to_owned())),
        }
    }

    fn finish(
        self,
        refreshed: Option<UnverifiedIdToken>,
    ) -> Result<UnverifiedPkToken, PkTokenError> {
        let (cic, cic_part) = self.cic.ok_or(PkTokenError::Missing("client"))?;
        Ok(UnverifiedPkToken {
            id_token: self.id_token.ok_or(PkTokenError::Missing("provider"))?,
            cic,
            cic_part,
            cosigner: self.cosigner,
            refreshed,
        })
    }
}

fn fill<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), PkTokenError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(PkTokenError::Twice(name)),
    }
}

/// Returns true for a `typ` of provider tokens. Okta and AWS Cognito omit it; RFC 9068 writes
/// `at+jwt` in any letter case.
fn is_provider_typ(typ: &str) -> bool {
    matches!(typ, "" | "JWT" | "dpop+id_token" | "id_token+cnf")
        || typ.eq_ignore_ascii_case("at+jwt")
}
