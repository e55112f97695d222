//! Where a signature request is answered.

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::jwk::PublicKey;

use super::destination::{Bindings, Destination};
use super::hosts::KnownHosts;
use super::wire::{Malformed, Reader};
use crate::held::Identity;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("no such identity")]
    UnknownIdentity,
    #[error("{0}: asked for through a forwarded agent that does not say for which server")]
    NoDestination(String),
    #[error(
        "{0}: asked for through a forwarded agent for a server that its `hosts:` do not name (or \
         that known_hosts does not know)"
    )]
    NotMeant(String),
    #[error("{0}: asked for through a forwarded agent for something other than this ssh login")]
    NotThisLogin(String),
}

impl Refusal {
    /// Is it something the person should hear of? Clients ask for keys of other agents all the
    /// time.
    pub fn is_notable(&self) -> bool {
        !matches!(self, Self::UnknownIdentity)
    }
}

/// Signs `data` with the key that `blob` names: a certificate of ours, or its bare key.
pub fn sign(
    identities: &[Identity],
    blob: &[u8],
    data: &[u8],
    bindings: &Bindings,
    known_hosts: &KnownHosts,
) -> Result<Vec<u8>, Refusal> {
    let identity = find(identities, blob).ok_or(Refusal::UnknownIdentity)?;
    if bindings.is_forwarded() {
        let account = || identity.account.clone();
        let destination = bindings
            .destination()
            .ok_or_else(|| Refusal::NoDestination(account()))?;
        if !known_hosts.is_meant(destination.host_key, &identity.hosts) {
            return Err(Refusal::NotMeant(account()));
        }
        if !is_login_to(&destination, data) {
            return Err(Refusal::NotThisLogin(account()));
        }
    }
    tracing::info!(
        account = identity.account,
        forwarded = bindings.is_forwarded(),
        "signed"
    );
    Ok(identity.key.sign_ssh(data))
}

/// By certificate, or by the certified key: a certificate that was renewed since it was listed
/// still names the same key.
fn find<'a>(identities: &'a [Identity], blob: &[u8]) -> Option<&'a Identity> {
    identities
        .iter()
        .find(|identity| identity.certificate == blob)
        .or_else(|| {
            let key = key_of(blob)?;
            identities
                .iter()
                .find(|identity| identity.key.public_key() == key)
        })
}

fn key_of(blob: &[u8]) -> Option<PublicKey> {
    match UnverifiedCertificate::parse(blob) {
        Ok(certificate) => Some(certificate.unverified_public_key().clone()),
        Err(_) => plain_key(blob).ok().flatten(),
    }
}

/// RFC 5656 section 3.1, RFC 8709 section 4.
fn plain_key(blob: &[u8]) -> Result<Option<PublicKey>, Malformed> {
    let mut reader = Reader::new(blob);
    match reader.string()? {
        b"ecdsa-sha2-nistp256" => {
            let _curve = reader.string()?;
            let point = reader.string()?;
            reader.end()?;
            let (x, y) = (point.get(1..33), point.get(33..65));
            let half = |half: Option<&[u8]>| half.and_then(|half| <[u8; 32]>::try_from(half).ok());
            Ok(half(x)
                .zip(half(y))
                .map(|(x, y)| PublicKey::EcP256 { x, y }))
        }
        b"ssh-ed25519" => {
            let key = reader.string()?;
            reader.end()?;
            Ok(key.try_into().ok().map(PublicKey::Ed25519))
        }
        _ => Ok(None),
    }
}

/// Is `data` a public key authentication request (RFC 4252 section 7) of the bound session, and,
/// where it says so, for the bound host key (PROTOCOL section 2.5.1)?
fn is_login_to(destination: &Destination<'_>, data: &[u8]) -> bool {
    const USERAUTH_REQUEST: u8 = 50;
    let parse = || -> Result<bool, Malformed> {
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let kind = reader.u8()?;
        let _user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        let signed = reader.bool()?;
        let _algorithm = reader.string()?;
        let _key = reader.string()?;
        let host_key = match method {
            b"publickey-hostbound-v00@openssh.com" => Some(reader.string()?),
            b"publickey" => None,
            _ => return Ok(false),
        };
        reader.end()?;
        Ok(session_id == destination.session_id
            && kind == USERAUTH_REQUEST
            && service == b"ssh-connection"
            && signed
            && host_key.is_none_or(|host_key| host_key == destination.host_key))
    };
    parse().unwrap_or(false)
}
