//! Verifies ID tokens: [`verify`] is the only constructor of [`VerifiedIdToken`].

use serde_json::Value;

use super::unverified::IdTokenAlgorithm;
use super::{Claims, IdTokenError, UnverifiedIdToken};
use crate::gq;
use crate::jwk::{Algorithm, PublicKey};
use crate::key_set::KeySet;
use crate::time::{CLOCK_SKEW, UnixTime};

/// Required contents of an ID token.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Compared byte for byte (OpenID Connect Core section 3.1.3.7 rule 2).
    pub issuer: &'a str,
    /// Required `aud`.
    pub audience: Audience<'a>,
}

/// Required `aud` (OpenID Connect Core section 3.1.3.7 rule 3).
#[derive(Clone, Copy)]
pub enum Audience<'a> {
    /// At least one of these client ids.
    OneOf(&'a [String]),
    /// `aud` is the commitment itself, as in CI tokens of GitHub and Forgejo Actions. Their holder
    /// chooses `aud`, so they must be GQ signed.
    Commitment,
}

/// An ID token whose issuer, audience, signature and start of validity were verified.
///
/// Its age and `exp` were not: the [expiration policy](crate::pk_token::ExpirationPolicy) decides
/// about them.
#[derive(Clone)]
pub struct VerifiedIdToken(UnverifiedIdToken);

impl VerifiedIdToken {
    /// Returns the verified claims.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// Returns the compact form.
    pub fn compact(&self) -> String {
        self.0.compact()
    }

    /// Returns `SHA256:…` of the payload's base64url.
    pub(crate) fn payload_id(&self) -> String {
        self.0.payload_id()
    }
}

/// Checks an ID token against the provider's keys.
///
/// The cheap checks come first, so that garbage never costs a signature verification.
pub fn verify(
    token: UnverifiedIdToken,
    expected: Expected<'_>,
    keys: &KeySet,
    now: UnixTime,
) -> Result<VerifiedIdToken, IdTokenError> {
    precheck(&token, expected)?;
    starts_before(&token.claims, now)?;
    signed_by_one_of(&token, keys)?;
    Ok(VerifiedIdToken(token))
}

/// Checks what does not need the provider's keys, before they are fetched.
pub(crate) fn precheck(
    token: &UnverifiedIdToken,
    expected: Expected<'_>,
) -> Result<(), IdTokenError> {
    let claims = &token.claims;
    if claims.iss() != expected.issuer {
        return Err(IdTokenError::Issuer {
            got: claims.iss().to_owned(),
            expected: expected.issuer.to_owned(),
        });
    }
    if claims.sub().is_empty() {
        return Err(IdTokenError::Subject);
    }
    match expected.audience {
        Audience::OneOf(client_ids) => {
            let audience = claims.audience();
            if !audience.iter().any(|id| client_ids.contains(id)) {
                return Err(IdTokenError::Audience {
                    got: audience.to_vec(),
                    expected: client_ids.to_vec(),
                });
            }
        }
        Audience::Commitment if token.algorithm == IdTokenAlgorithm::Gq256 => {}
        Audience::Commitment => return Err(IdTokenError::GqRequired),
    }
    match token.header_text("typ") {
        None | Some("" | "JWT") => Ok(()),
        Some(typ) if typ.eq_ignore_ascii_case("at+jwt") => Ok(()),
        Some("dpop+id_token" | "id_token+cnf") => Err(IdTokenError::KeyBound),
        Some(other) => Err(IdTokenError::Typ(other.to_owned())),
    }
}

fn starts_before(claims: &Claims, now: UnixTime) -> Result<(), IdTokenError> {
    if let Some(iat) = claims.issued_at()
        && iat > now.plus(CLOCK_SKEW)
    {
        return Err(IdTokenError::FromTheFuture { iat, now });
    }
    if let Some(nbf) = claims.not_before()
        && nbf > now.plus(CLOCK_SKEW)
    {
        return Err(IdTokenError::NotYetValid { nbf, now });
    }
    Ok(())
}

fn signed_by_one_of(token: &UnverifiedIdToken, keys: &KeySet) -> Result<(), IdTokenError> {
    let kid = token.unverified_kid();
    let algorithm = match token.algorithm {
        IdTokenAlgorithm::Jws(algorithm) => algorithm,
        IdTokenAlgorithm::Gq256 => original_algorithm(token)?,
    };
    let mut last = IdTokenError::UnknownKey(kid.clone());
    for key in keys.candidates(kid.as_deref(), algorithm) {
        match signed_by(token, key) {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn signed_by(token: &UnverifiedIdToken, key: &PublicKey) -> Result<(), IdTokenError> {
    match token.algorithm {
        IdTokenAlgorithm::Jws(algorithm) => {
            let message = format!("{}.{}", token.header_base64, token.payload_base64);
            Ok(key.verify(algorithm, message.as_bytes(), &token.signature)?)
        }
        IdTokenAlgorithm::Gq256 => {
            let message = gq::Message {
                header_base64: &token.header_base64,
                original_header_base64: token.original_header_base64()?,
                payload_base64: &token.payload_base64,
            };
            // with a `cic` member, the outer header binds the key, so the proof must cover it
            let bound = token.header_text("cic").is_some();
            Ok(gq::verify(key, &message, &token.signature, !bound)?)
        }
    }
}

/// Checks that the original token is RS256: GQ does not work with PSS, whose salts make the encoded
/// message irreproducible.
fn original_algorithm(token: &UnverifiedIdToken) -> Result<Algorithm, IdTokenError> {
    match token.original_header()?.get("alg").and_then(Value::as_str) {
        Some("RS256") => Ok(Algorithm::Rs256),
        _ => Err(gq::GqError::Original.into()),
    }
}
