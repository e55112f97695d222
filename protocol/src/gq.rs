//! GQ signatures (GQ1, ISO/IEC 14888-2; JWS name `GQ256`): proof of knowing a provider's RS256
//! signature without revealing it.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd, Resize as _};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};

use crate::jwk::PublicKey;

/// Reason for refusing a GQ signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum GqError {
    #[error("a GQ signature needs an RSA key of 2047 to 8192 bits with exponent 65537")]
    Key,
    #[error("the original token of a GQ token must be signed with RS256")]
    Original,
    #[error("the GQ proof has {got} bytes, expected {expected}")]
    Length { got: usize, expected: usize },
    #[error("the GQ proof does not verify")]
    Proof,
}

/// Input of a GQ signature.
pub struct Message<'a> {
    /// Header of the GQ token.
    pub header_base64: &'a str,
    /// Header of the original RS256 token (the `kid` of the GQ token's header).
    pub original_header_base64: &'a str,
    /// Payload in base64url, as in the token.
    pub payload_base64: &'a str,
}

/// Rounds for e = 65537: 256 bits of soundness at 16 bits per round.
const ROUNDS: usize = 16;
/// Bytes of one challenge for e = 65537.
const CHALLENGE: usize = 2;
const RANDOM_PART: usize = ROUNDS * CHALLENGE;
/// DER prefix of a SHA-256 DigestInfo (RFC 8017 section 9.2, note 1).
const DIGEST_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// Checks a GQ proof under the provider's RSA key.
///
/// The proof covers the GQ token's own header (library 0.25 and newer). With `allow_legacy`, a
/// proof over the original header is accepted too: safe only if nothing in the outer header is
/// trusted, so never for a token with `cic` in that header.
pub fn verify(
    key: &PublicKey,
    message: &Message<'_>,
    proof: &[u8],
    allow_legacy: bool,
) -> Result<(), GqError> {
    let PublicKey::Rsa { n, e } = key else {
        return Err(GqError::Key);
    };
    if *e != [1, 0, 1] || !(256..=1024).contains(&n.len()) {
        return Err(GqError::Key);
    }
    let bytes = n.len();
    let expected = RANDOM_PART + ROUNDS * bytes;
    if proof.len() != expected {
        return Err(GqError::Length {
            got: proof.len(),
            expected,
        });
    }
    let (random, responses) = proof.split_at(RANDOM_PART);
    let commitments = recompute_commitments(n, message, random, responses)?;

    let new = format!("{}.{}", message.header_base64, message.payload_base64);
    if challenge(&commitments, &new)[..] == *random {
        return Ok(());
    }
    let legacy = format!(
        "{}.{}",
        message.original_header_base64, message.payload_base64
    );
    if allow_legacy && challenge(&commitments, &legacy)[..] == *random {
        return Ok(());
    }
    Err(GqError::Proof)
}

/// Returns W_i = S_i^e * G^(R_i) mod n for every round, concatenated.
fn recompute_commitments(
    n: &[u8],
    message: &Message<'_>,
    random: &[u8],
    responses: &[u8],
) -> Result<Vec<u8>, GqError> {
    let bytes = n.len();
    let number = |slice: &[u8]| {
        BoxedUint::from_be_slice(slice, 8 * bytes as u32).map_err(|_| GqError::Proof)
    };
    let modulus = number(n)?;
    let odd = Option::<Odd<BoxedUint>>::from(Odd::new(modulus.clone())).ok_or(GqError::Key)?;
    let params = BoxedMontyParams::new_vartime(odd);
    let identity = encoded_digest(message, bytes);
    let identity = BoxedMontyForm::new(number(&identity)?, &params);

    let mut commitments = Vec::with_capacity(ROUNDS * bytes);
    for (challenge, response) in random.chunks(CHALLENGE).zip(responses.chunks(bytes)) {
        let s = number(response)?;
        if bool::from(s.is_zero()) || s >= modulus {
            return Err(GqError::Proof);
        }
        let exponent = u16::from_be_bytes([challenge[0], challenge[1]]);
        let s_to_e = BoxedMontyForm::new(s, &params).pow(&BoxedUint::from(65537u32));
        let g_to_r = identity.pow(&BoxedUint::from(exponent));
        let w = (s_to_e * g_to_r).retrieve().resize(8 * bytes as u32);
        commitments.extend_from_slice(&w.to_be_bytes()[..]);
    }
    Ok(commitments)
}

/// Returns the EMSA-PKCS1-v1_5 encoding with SHA-256 (RFC 8017 section 9.2) of the original token's
/// signing input.
fn encoded_digest(message: &Message<'_>, length: usize) -> Vec<u8> {
    let input = format!(
        "{}.{}",
        message.original_header_base64, message.payload_base64
    );
    let digest = ring::digest::digest(&ring::digest::SHA256, input.as_bytes());
    let mut encoded = vec![0xff; length];
    encoded[0] = 0;
    encoded[1] = 1;
    encoded[length - 52] = 0;
    encoded[length - 51..length - 32].copy_from_slice(&DIGEST_INFO);
    encoded[length - 32..].copy_from_slice(digest.as_ref());
    encoded
}

fn challenge(commitments: &[u8], message: &str) -> [u8; RANDOM_PART] {
    let mut hash = Shake256::default();
    hash.update(commitments);
    hash.update(message.as_bytes());
    let mut out = [0; RANDOM_PART];
    hash.finalize_xof().read(&mut out);
    out
}

#[cfg(test)]
mod tests;
