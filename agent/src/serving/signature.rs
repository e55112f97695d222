//! Signatures of servers and of the authorities that certify them (RFC 4253 section 6.6).

use opkssh_protocol::wire::{Malformed, Reader};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use signature::Verifier as _;
use ssh_key::Signature;
use ssh_key::encoding::Decode as _;
use ssh_key::public::{KeyData, RsaPublicKey};

/// Bits of RSA keys whose signatures can be checked; OpenSSH's own limit is 16384.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Types of keys whose signatures can be checked and that can be certified, and how many fields such
/// a key has (PROTOCOL.certkeys, PROTOCOL.u2f).
pub const KEY_TYPES: [(&str, usize); 7] = [
    ("ssh-ed25519", 1),
    ("ssh-rsa", 2),
    ("ecdsa-sha2-nistp256", 2),
    ("ecdsa-sha2-nistp384", 2),
    ("ecdsa-sha2-nistp521", 2),
    ("sk-ssh-ed25519@openssh.com", 2),
    ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
];

/// Why a signature says nothing, neither good nor bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverifiable {
    #[error("keys of its type are not supported")]
    KeyType,
    #[error("RSA keys need 2048 to 8192 bits")]
    RsaSize,
    #[error("RSA signatures with SHA-1 are not supported")]
    Sha1,
}

/// Reads a public key's blob.
///
/// # Errors
/// `Ok(Err(…))` for a key of a type that nothing here can check.
pub fn parse_key(mut blob: &[u8]) -> Result<Result<KeyData, Unverifiable>, Malformed> {
    let key_type = Reader::new(blob).string()?;
    // the crate takes an unknown name without an `@` for a malformed key
    if !KEY_TYPES
        .iter()
        .any(|(known, _)| known.as_bytes() == key_type)
    {
        return match key_type {
            b"" => Err(Malformed),
            _ => Ok(Err(Unverifiable::KeyType)),
        };
    }
    match KeyData::decode(&mut blob) {
        Ok(key) if blob.is_empty() => Ok(Ok(key)),
        _ => Err(Malformed),
    }
}

/// Returns true if `signature` is one of `key` over `data`.
pub fn has_signed(key: &[u8], data: &[u8], signature: &[u8]) -> Result<bool, Unverifiable> {
    let Ok(key) = parse_key(key) else {
        return Ok(false);
    };
    let key = match key? {
        KeyData::Rsa(key) => return has_signed_rsa(&key, data, signature),
        key => key,
    };
    let signature = Signature::try_from(signature);
    Ok(signature.is_ok_and(|signature| key.verify(data, &signature).is_ok()))
}

/// Checks a signature as RFC 8332 section 3 has it, with ring: the `rsa` crate that ssh-key could use
/// is a pre-release, and ends at 4096 bits.
fn has_signed_rsa(key: &RsaPublicKey, data: &[u8], signature: &[u8]) -> Result<bool, Unverifiable> {
    let (Some(n), Some(e)) = (key.n().as_positive_bytes(), key.e().as_positive_bytes()) else {
        return Ok(false);
    };
    let bits = 8 * n.len() - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(Unverifiable::RsaSize);
    }
    let Ok((algorithm, signature)) = read_signature(signature) else {
        return Ok(false);
    };
    let parameters = match algorithm {
        b"rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
        b"rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
        b"ssh-rsa" => return Err(Unverifiable::Sha1),
        _ => return Ok(false),
    };
    let components = RsaPublicKeyComponents { n, e };
    Ok(components.verify(parameters, data, signature).is_ok())
}

fn read_signature(signature: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut reader = Reader::new(signature);
    let (algorithm, bytes) = (reader.string()?, reader.string()?);
    reader.end()?;
    Ok((algorithm, bytes))
}

#[cfg(test)]
mod tests;
