//! Private keys as they are sent to an agent (RFC 9987 sections 3.2.1 to 3.2.5), and their
//! signatures (RFC 4253 section 6.6, RFC 5656 section 3.1.2, RFC 8332, RFC 8709).

use opkssh_protocol::secret::leaving_no_stack;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_mpint, strings};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair,
};
use signature::Signer as _;
use ssh_key::private::EcdsaPrivateKey;
use zeroize::Zeroizing;

use super::error::KeyChangeError;
use super::rsa::{Hash, Parts, RsaError, RsaKey};
use super::sent_key::{KeyKind, SentKey};
use crate::serving::certificate;
use crate::serving::signature::has_signed;

/// A private key that can sign.
pub struct PrivateKey {
    /// The public key or certificate, as it is listed.
    pub blob: Vec<u8>,
    /// Of a certificate.
    pub valid_before: Option<UnixTime>,
    /// On the heap, where the allocator wipes what is freed.
    key: Box<Key>,
}

enum Key {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    P521(EcdsaPrivateKey<66>),
    Rsa(RsaKey),
}

/// RFC 9987 section 3.6.1
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;

impl PrivateKey {
    /// Makes a key of what was sent. Large ones take their time.
    pub fn parse(sent: &SentKey) -> Result<Self, KeyChangeError> {
        let sent = sent.bytes()?;
        leaving_no_stack(|| Self::parse_bytes(&sent))
    }

    fn parse_bytes(sent: &[u8]) -> Result<Self, KeyChangeError> {
        let mut reader = Reader::new(sent);
        let (kind, is_certificate) = KeyKind::read(&mut reader)?;
        let blob = match is_certificate {
            true => Some(reader.string()?),
            false => None,
        };
        let certified = blob.map(read_certificate).transpose()?;
        // the public fields: of the certificate, or what comes next
        let (of_certificate, valid_before) = certified.unzip();
        let mut public = of_certificate.as_deref().map(Reader::new);
        if let Some(public) = &mut public
            && public.string()? != kind.name().as_bytes()
        {
            return Err(KeyChangeError::Mismatch);
        }
        let (key, public) = match kind {
            KeyKind::Ed25519 => ed25519(&mut reader)?,
            KeyKind::Rsa => rsa(public.as_mut(), &mut reader)?,
            KeyKind::P256 => ecdsa(kind, ring_p256, public.as_mut(), &mut reader)?,
            KeyKind::P384 => ecdsa(kind, ring_p384, public.as_mut(), &mut reader)?,
            KeyKind::P521 => ecdsa(kind, p521, public.as_mut(), &mut reader)?,
        };
        reader.end()?;
        if of_certificate.is_some_and(|key| key != public) {
            return Err(KeyChangeError::Mismatch);
        }
        Ok(Self {
            blob: blob.map_or(public, <[u8]>::to_vec),
            valid_before: valid_before.flatten(),
            key: Box::new(key),
        })
    }

    /// Returns true if a signature takes longer than others should wait for.
    pub fn is_slow(&self) -> bool {
        matches!(&*self.key, Key::Rsa(key) if key.is_slow())
    }

    /// Signs `data`, by the flags of the request, and never with SHA-1.
    pub fn sign(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let (algorithm, signature) = leaving_no_stack(|| self.sign_raw(data, flags))?;
        Some(strings(&[algorithm.as_bytes(), &signature]))
    }

    fn sign_raw(&self, data: &[u8], flags: u32) -> Option<(&'static str, Vec<u8>)> {
        let ecdsa = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), data).ok()?;
            Some(two_numbers(signature.as_ref()))
        };
        Some(match &*self.key {
            Key::Ed25519(key) => ("ssh-ed25519", key.sign(data).as_ref().to_vec()),
            Key::P256(key) => (KeyKind::P256.name(), ecdsa(key)?),
            Key::P384(key) => (KeyKind::P384.name(), ecdsa(key)?),
            Key::P521(key) => {
                let signature: ssh_key::Signature = key.try_sign(data).ok()?;
                (KeyKind::P521.name(), signature.as_bytes().to_vec())
            }
            Key::Rsa(key) if flags & (RSA_SHA2_256 | RSA_SHA2_512) == RSA_SHA2_512 => {
                ("rsa-sha2-512", key.sign(Hash::Sha512, data)?)
            }
            // as OpenSSH where both are asked for; where none is, that would be one with SHA-1
            Key::Rsa(key) => ("rsa-sha2-256", key.sign(Hash::Sha256, data)?),
        })
    }
}

/// Returns the key of a certificate that its authority signed, as far as that can be checked, and
/// when it ends.
fn read_certificate(blob: &[u8]) -> Result<(Vec<u8>, Option<UnixTime>), KeyChangeError> {
    let read = certificate::read(blob)?;
    let read = read.map_err(|_| Malformed)?;
    if read.is_signed() == Ok(false) {
        return Err(KeyChangeError::Certificate);
    }
    // one without an end has the largest number there is
    let end = i64::try_from(read.certificate.valid.end).ok();
    Ok((read.key, end.map(UnixTime)))
}

fn ed25519(reader: &mut Reader<'_>) -> Result<(Key, Vec<u8>), KeyChangeError> {
    let (public, private) = (reader.string()?, reader.string()?);
    // the seed, and the public key again
    let seed = private
        .strip_suffix(public)
        .ok_or(KeyChangeError::Mismatch)?;
    let key = Ed25519KeyPair::from_seed_and_public_key(seed, public);
    let key = key.map_err(|_| KeyChangeError::Mismatch)?;
    Ok((Key::Ed25519(key), strings(&[b"ssh-ed25519", public])))
}

/// Makes the key of an elliptic curve from the private number and the public point.
type MakeKey = fn(&[u8], &[u8]) -> Result<Key, KeyChangeError>;

fn ecdsa(
    kind: KeyKind,
    make: MakeKey,
    certified: Option<&mut Reader<'_>>,
    reader: &mut Reader<'_>,
) -> Result<(Key, Vec<u8>), KeyChangeError> {
    let (curve, point) = match certified {
        Some(key) => (key.string()?, key.string()?),
        None => (reader.string()?, reader.string()?),
    };
    let number = number(reader.string()?)?;
    if Some(curve) != kind.name().strip_prefix("ecdsa-sha2-").map(str::as_bytes) {
        return Err(KeyChangeError::Mismatch);
    }
    let public = strings(&[kind.name().as_bytes(), curve, point]);
    Ok((make(number, point)?, public))
}

fn ring_p256(number: &[u8], point: &[u8]) -> Result<Key, KeyChangeError> {
    ring_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        &*padded::<32>(number)?,
        point,
    )
    .map(Key::P256)
}

fn ring_p384(number: &[u8], point: &[u8]) -> Result<Key, KeyChangeError> {
    ring_key(
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &*padded::<48>(number)?,
        point,
    )
    .map(Key::P384)
}

fn ring_key(
    algorithm: &'static EcdsaSigningAlgorithm,
    private: &[u8],
    point: &[u8],
) -> Result<EcdsaKeyPair, KeyChangeError> {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, private, point, &random)
        .map_err(|_| KeyChangeError::Mismatch)
}

/// ring does not know this curve.
fn p521(number: &[u8], point: &[u8]) -> Result<Key, KeyChangeError> {
    let name = KeyKind::P521.name().as_bytes();
    let key = EcdsaPrivateKey::from(*padded::<66>(number)?);
    let signature: ssh_key::Signature = key.try_sign(b"").map_err(|_| KeyChangeError::Mismatch)?;
    let signature = strings(&[name, signature.as_bytes()]);
    match has_signed(&strings(&[name, b"nistp521", point]), b"", &signature) {
        Ok(true) => Ok(Key::P521(key)),
        _ => Err(KeyChangeError::Mismatch),
    }
}

/// Returns a number with as many bytes as its curve has.
fn padded<const SIZE: usize>(number: &[u8]) -> Result<Zeroizing<[u8; SIZE]>, KeyChangeError> {
    let zeros = SIZE.checked_sub(number.len());
    let zeros = zeros.ok_or(KeyChangeError::Mismatch)?;
    let mut padded = Zeroizing::new([0; SIZE]);
    padded[zeros..].copy_from_slice(number);
    Ok(padded)
}

fn rsa(
    certified: Option<&mut Reader<'_>>,
    reader: &mut Reader<'_>,
) -> Result<(Key, Vec<u8>), KeyChangeError> {
    let (e, n) = match certified {
        Some(key) => (key.string()?, key.string()?),
        None => {
            let n = reader.string()?;
            (reader.string()?, n)
        }
    };
    let parts = Parts {
        e: number(e)?,
        n: number(n)?,
        d: number(reader.string()?)?,
        q_inverse: number(reader.string()?)?,
        p: number(reader.string()?)?,
        q: number(reader.string()?)?,
    };
    let key = RsaKey::new(&parts).map_err(|error| match error {
        RsaError::Size => KeyChangeError::RsaSize,
        RsaError::Mismatch => KeyChangeError::Mismatch,
    })?;
    Ok((Key::Rsa(key), strings(&[b"ssh-rsa", e, n])))
}

/// Returns the bytes of a positive `mpint`, without the zero in front.
fn number(mpint: &[u8]) -> Result<&[u8], Malformed> {
    match mpint {
        [0, rest @ ..] => Ok(rest),
        [first, ..] if first & 0x80 == 0 => Ok(mpint),
        _ => Err(Malformed),
    }
}

/// Returns both halves as `mpint` (RFC 5656 section 3.1.2).
fn two_numbers(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let mut numbers = Vec::new();
    put_mpint(&mut numbers, r);
    put_mpint(&mut numbers, s);
    numbers
}
