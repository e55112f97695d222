//! Private keys as they are sent to an agent (RFC 9987 sections 3.2.1 to 3.2.5), and their
//! signatures (RFC 4253 section 6.6, RFC 5656 section 3.1.2, RFC 8332, RFC 8709).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::secret::{Secret, leaving_no_stack};
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_mpint, put_string};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
};
use signature::Signer as _;
use ssh_key::private::EcdsaPrivateKey;
use zeroize::Zeroizing;

use super::rsa::{Hash, NoKey, Parts, RsaKey};
use crate::serving::certificate;
use crate::serving::signature::has_signed;

const ECDSA_P256: &str = "ecdsa-sha2-nistp256";
const ECDSA_P384: &str = "ecdsa-sha2-nistp384";
const ECDSA_P521: &str = "ecdsa-sha2-nistp521";

/// Why a key is not added.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the request is malformed")]
    Malformed(#[from] Malformed),
    #[error("keys of the type {0} are not supported")]
    KeyType(String),
    #[error(
        "security keys and smartcards need an agent that knows them, and none of the upstream agents \
         takes it; start OpenSSH's ssh-agent, and name its socket in `agent: upstream:`"
    )]
    SecurityKey,
    #[error("no added key is the one to remove")]
    Unknown,
    #[error("RSA keys need 1024 to 16384 bits")]
    RsaSize,
    #[error("the private key does not belong to its public key or certificate")]
    Mismatch,
    #[error("the certificate's signature does not verify")]
    Certificate,
    #[error("the constraint {0} is not supported")]
    UnknownConstraint(String),
    #[error("a constraint comes twice")]
    ConstraintTwice,
    #[error("there are too many keys")]
    TooMany,
    #[error("the agent is locked")]
    Locked,
}

/// A private key as it was sent, its type included, in base64. Not looked at further.
pub struct SentKey(pub Secret);

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

impl SentKey {
    /// Reads a key from the front of a request.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, NotTaken> {
        let whole = reader.rest();
        let kind = String::from_utf8_lossy(reader.string()?).into_owned();
        let (plain, is_certificate) = certificate::certified_type(&kind);
        // a certificate takes the place of the public fields; Ed25519's public key comes anyway
        let fields = match (plain, is_certificate) {
            ("ssh-ed25519", false) => 2,
            ("ssh-ed25519", true) => 3,
            ("ssh-rsa", false) => 6,
            ("ssh-rsa", true) => 5,
            (ECDSA_P256 | ECDSA_P384 | ECDSA_P521, false) => 3,
            (ECDSA_P256 | ECDSA_P384 | ECDSA_P521, true) => 2,
            (plain, _) if plain.starts_with("sk-") => return Err(NotTaken::SecurityKey),
            _ => return Err(NotTaken::KeyType(kind)),
        };
        for _ in 0..fields {
            reader.string()?;
        }
        let sent = &whole[..whole.len() - reader.rest().len()];
        Ok(Self(Secret::new(STANDARD.encode(sent))))
    }
}

impl PrivateKey {
    /// Makes a key of what was sent. Large ones take their time.
    pub fn parse(sent: &SentKey) -> Result<Self, NotTaken> {
        let sent = Zeroizing::new(STANDARD.decode(sent.0.expose()).map_err(|_| Malformed)?);
        leaving_no_stack(|| Self::parse_bytes(&sent))
    }

    fn parse_bytes(sent: &[u8]) -> Result<Self, NotTaken> {
        let mut reader = Reader::new(sent);
        let kind = str::from_utf8(reader.string()?).map_err(|_| Malformed)?;
        let (plain, is_certificate) = certificate::certified_type(kind);
        let blob = match is_certificate {
            true => Some(reader.string()?),
            false => None,
        };
        let certified = blob.map(read_certificate).transpose()?;
        // the public fields: of the certificate, or what comes next
        let (of_certificate, valid_before) = certified.unzip();
        let mut public = of_certificate.as_deref().map(Reader::new);
        if let Some(public) = &mut public
            && public.string()? != plain.as_bytes()
        {
            return Err(NotTaken::Mismatch);
        }
        let (key, public) = match plain {
            "ssh-ed25519" => ed25519(&mut reader)?,
            "ssh-rsa" => rsa(public.as_mut(), &mut reader)?,
            _ => ecdsa(plain, public.as_mut(), &mut reader)?,
        };
        reader.end()?;
        if of_certificate.is_some_and(|key| key != public) {
            return Err(NotTaken::Mismatch);
        }
        Ok(Self {
            blob: blob.map_or(public, <[u8]>::to_vec),
            valid_before: valid_before.flatten(),
            key: Box::new(key),
        })
    }

    /// Signs `data`, by the flags of the request, and never with SHA-1.
    pub async fn sign(self: Arc<Self>, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        match &*self.key {
            Key::Rsa(key) if key.is_slow() => {
                let data = data.to_vec();
                let signed = tokio::task::spawn_blocking(move || self.sign_now(&data, flags));
                signed.await.ok()?
            }
            _ => self.sign_now(data, flags),
        }
    }

    fn sign_now(&self, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let (algorithm, signature) = leaving_no_stack(|| self.sign_raw(data, flags))?;
        let mut blob = Vec::new();
        put_string(&mut blob, algorithm.as_bytes());
        put_string(&mut blob, &signature);
        Some(blob)
    }

    fn sign_raw(&self, data: &[u8], flags: u32) -> Option<(&'static str, Vec<u8>)> {
        let ecdsa = |key: &EcdsaKeyPair| {
            let signature = key.sign(&SystemRandom::new(), data).ok()?;
            Some(two_numbers(signature.as_ref()))
        };
        Some(match &*self.key {
            Key::Ed25519(key) => ("ssh-ed25519", key.sign(data).as_ref().to_vec()),
            Key::P256(key) => (ECDSA_P256, ecdsa(key)?),
            Key::P384(key) => (ECDSA_P384, ecdsa(key)?),
            Key::P521(key) => {
                let signature: ssh_key::Signature = key.try_sign(data).ok()?;
                (ECDSA_P521, signature.as_bytes().to_vec())
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
fn read_certificate(blob: &[u8]) -> Result<(Vec<u8>, Option<UnixTime>), NotTaken> {
    let read = certificate::read(blob)?;
    let read = read.map_err(|_| NotTaken::KeyType("of this certificate".to_owned()))?;
    if read.is_signed() == Ok(false) {
        return Err(NotTaken::Certificate);
    }
    // one without an end has the largest number there is
    let end = i64::try_from(read.certificate.valid.end).ok();
    Ok((read.key, end.map(UnixTime)))
}

fn ed25519(reader: &mut Reader<'_>) -> Result<(Key, Vec<u8>), NotTaken> {
    let (public, private) = (reader.string()?, reader.string()?);
    // the seed, and the public key again
    let seed = private.strip_suffix(public).ok_or(NotTaken::Mismatch)?;
    let key = Ed25519KeyPair::from_seed_and_public_key(seed, public);
    let key = key.map_err(|_| NotTaken::Mismatch)?;
    Ok((Key::Ed25519(key), strings(&[b"ssh-ed25519", public])))
}

fn ecdsa(
    kind: &str,
    certified: Option<&mut Reader<'_>>,
    reader: &mut Reader<'_>,
) -> Result<(Key, Vec<u8>), NotTaken> {
    let (curve, point) = match certified {
        Some(key) => (key.string()?, key.string()?),
        None => (reader.string()?, reader.string()?),
    };
    let number = number(reader.string()?)?;
    let padded = |size: usize| {
        let zeros = size.checked_sub(number.len()).ok_or(NotTaken::Mismatch)?;
        let mut padded = Zeroizing::new(vec![0; size]);
        padded[zeros..].copy_from_slice(number);
        Ok::<_, NotTaken>(padded)
    };
    let ring = |algorithm, size| {
        let private = padded(size)?;
        let random = SystemRandom::new();
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, point, &random)
            .map_err(|_| NotTaken::Mismatch)
    };
    if Some(curve) != kind.strip_prefix("ecdsa-sha2-").map(str::as_bytes) {
        return Err(NotTaken::Mismatch);
    }
    let public = strings(&[kind.as_bytes(), curve, point]);
    let key = match kind {
        ECDSA_P256 => Key::P256(ring(&ECDSA_P256_SHA256_FIXED_SIGNING, 32)?),
        ECDSA_P384 => Key::P384(ring(&ECDSA_P384_SHA384_FIXED_SIGNING, 48)?),
        _ => {
            let bytes: [u8; 66] = (&**padded(66)?).try_into().map_err(|_| Malformed)?;
            let key = EcdsaPrivateKey::from(bytes);
            // ring does not know this curve
            let signature: ssh_key::Signature =
                key.try_sign(b"").map_err(|_| NotTaken::Mismatch)?;
            let signature = strings(&[kind.as_bytes(), signature.as_bytes()]);
            if has_signed(&public, b"", &signature) != Ok(true) {
                return Err(NotTaken::Mismatch);
            }
            Key::P521(key)
        }
    };
    Ok((key, public))
}

fn rsa(
    certified: Option<&mut Reader<'_>>,
    reader: &mut Reader<'_>,
) -> Result<(Key, Vec<u8>), NotTaken> {
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
        NoKey::Size => NotTaken::RsaSize,
        NoKey::Mismatch => NotTaken::Mismatch,
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

fn strings(list: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for string in list {
        put_string(&mut out, string);
    }
    out
}
