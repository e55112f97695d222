//! Signatures of servers and of the authorities that certify them (RFC 4253 section 6.6).

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use ssh_agent_lib::proto::extension::SessionBind;
use ssh_agent_lib::ssh_encoding::Decode as _;
use ssh_agent_lib::ssh_key::public::{KeyData, RsaPublicKey};

use super::wire::{Malformed, Reader};

/// Bits of RSA keys whose signatures can be checked; OpenSSH's own limit is 16384.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Types of keys whose signatures can be checked.
const CHECKED: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
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
    if !CHECKED.iter().any(|checked| checked.as_bytes() == key_type) {
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
    let host_key = match key? {
        KeyData::Rsa(key) => return has_signed_rsa(&key, data, signature),
        key => key,
    };
    let Ok(signature) = signature.try_into() else {
        return Ok(false);
    };
    // the crate's way to check a signature over bytes
    let bind = SessionBind {
        host_key,
        session_id: data.to_vec(),
        signature,
        is_forwarding: false,
    };
    Ok(bind.verify_signature().is_ok())
}

/// RFC 8332 section 3. The crate's own check ends at 4096 bits.
fn has_signed_rsa(key: &RsaPublicKey, data: &[u8], signature: &[u8]) -> Result<bool, Unverifiable> {
    let (Some(n), Some(e)) = (key.n.as_positive_bytes(), key.e.as_positive_bytes()) else {
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
mod tests {
    use super::super::made::strings;
    use super::*;

    fn rsa(bytes: usize) -> Vec<u8> {
        let mut n = vec![0xff; bytes];
        n.insert(0, 0);
        strings(&[b"ssh-rsa", &[1, 0, 1], &n])
    }

    #[test]
    fn what_nothing_here_can_check_is_neither_good_nor_bad() {
        let sha2 = strings(&[b"rsa-sha2-512", b"signature"]);
        let sha1 = strings(&[b"ssh-rsa", b"signature"]);
        for (key, signature, expected) in [
            (rsa(256), &sha2, Ok(false)),
            (rsa(1024), &sha2, Ok(false)),
            (rsa(1025), &sha2, Err(Unverifiable::RsaSize)),
            (rsa(128), &sha2, Err(Unverifiable::RsaSize)),
            (rsa(256), &sha1, Err(Unverifiable::Sha1)),
            (
                strings(&[b"unknown@example.com", b"key"]),
                &sha2,
                Err(Unverifiable::KeyType),
            ),
            (
                strings(&[b"ssh-ed448", b"key"]),
                &sha2,
                Err(Unverifiable::KeyType),
            ),
            (
                strings(&[b"ssh-mldsa-65", b"key"]),
                &sha2,
                Err(Unverifiable::KeyType),
            ),
            (strings(&[b"ssh-ed25519", b"short"]), &sha2, Ok(false)),
            (strings(&[b"", b"key"]), &sha2, Ok(false)),
            (b"".to_vec(), &sha2, Ok(false)),
            (rsa(256), &b"".to_vec(), Ok(false)),
        ] {
            assert_eq!(has_signed(&key, b"data", signature), expected);
        }
    }
}
