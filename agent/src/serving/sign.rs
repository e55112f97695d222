//! What a connection may have signed.

use opkssh_protocol::certificate::{UnverifiedCertificate, public_key};
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::wire::{Malformed, Reader};

use super::destination::{Bind, Bindings};
use super::hosts::Names;
use super::list::check_forwarded;
use super::refusal::Refusal;
use super::signature::parse_key;
use super::source::Identity;

/// Fails if a forwarded connection may not have `data` signed with the identity. `server` is what is
/// known of the server that the connection is bound to.
pub fn check(
    identity: &Identity,
    data: &[u8],
    bindings: &Bindings,
    server: Option<&Names>,
) -> Result<(), Refusal> {
    check_forwarded(&identity.visibility, server)?;
    let destination = bindings.destination().ok_or(Refusal::NoDestination)?;
    check_login(destination, &identity.public_key, data)
}

/// Returns the identity that `blob` names: by what was listed, or by the key in it, because a
/// certificate that was renewed since it was listed still names the same key.
pub fn find<'a>(identities: &'a [Identity], blob: &[u8]) -> Option<&'a Identity> {
    let listed = identities.iter().find(|identity| identity.blob == blob);
    listed.or_else(|| {
        let key = key_of(blob)?;
        identities
            .iter()
            .find(|identity| identity.public_key == key)
    })
}

fn key_of(blob: &[u8]) -> Option<PublicKey> {
    match UnverifiedCertificate::parse(blob) {
        Ok(certificate) => Some(certificate.unverified_public_key().clone()),
        Err(_) => public_key(&parse_key(blob).ok()?.ok()?).ok(),
    }
}

/// Fails unless `data` is a public key authentication request (RFC 4252 section 7) in the bound
/// session that names the bound host key (PROTOCOL section 3.1), and `key` as itself or in a
/// certificate.
fn check_login(destination: &Bind, key: &PublicKey, data: &[u8]) -> Result<(), Refusal> {
    const USERAUTH_REQUEST: u8 = 50;
    let check = || -> Result<Result<(), Refusal>, Malformed> {
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let kind = reader.u8()?;
        let _user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        let signed = reader.bool()?;
        let _algorithm = reader.string()?;
        let named_key = reader.string()?;
        let host_key = match method {
            b"publickey-hostbound-v00@openssh.com" => Some(reader.string()?),
            b"publickey" => None,
            _ => return Ok(Err(Refusal::NotThisLogin)),
        };
        reader.end()?;
        let is_this = session_id == destination.session_id
            && kind == USERAUTH_REQUEST
            && service == b"ssh-connection"
            && signed
            && key_of(named_key).is_some_and(|named| named == *key)
            && host_key.is_none_or(|host_key| host_key == destination.host_key.blob);
        Ok(match host_key {
            _ if !is_this => Err(Refusal::NotThisLogin),
            // A machine in between could have it made for its own session with another server. As
            // OpenSSH's agent, we sign no such thing for it.
            None => Err(Refusal::NotHostBound),
            Some(_) => Ok(()),
        })
    };
    check().unwrap_or(Err(Refusal::NotThisLogin))
}

#[cfg(test)]
mod tests;
