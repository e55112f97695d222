//! What a connection may have signed.

use opkssh_protocol::certificate::{UnverifiedCertificate, public_key};
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::time::UnixTime;

use super::destination::{Bind, Bindings};
use super::hosts::Names;
use super::list::check_forwarded;
use super::refusal::Refusal;
use super::signature::parse_key;
use super::source::{Identity, Terms};
use super::userauth::UserauthRequest;

/// Fails if a connection may not have `data` signed with the identity. `server` is what is known of
/// the server that a forwarded connection is bound to.
pub fn check(
    identity: &Identity,
    data: &[u8],
    bindings: &Bindings,
    server: Option<&Names>,
    now: UnixTime,
) -> Result<(), Refusal> {
    match &identity.terms {
        Terms::Added(constraints) => {
            constraints.check_signature(&identity.blob, data, bindings, now)
        }
        Terms::Upstream => Ok(()),
        // `hosts:` limit the list only
        Terms::Account { .. } if !bindings.is_forwarded() => Ok(()),
        Terms::Account {
            visibility,
            public_key,
            ..
        } => {
            check_forwarded(visibility, server)?;
            let destination = bindings.destination().ok_or(Refusal::NoDestination)?;
            check_login(destination, public_key, data)
        }
    }
}

/// Returns the key that the blob of a key or certificate names.
pub fn key_of(blob: &[u8]) -> Option<PublicKey> {
    match UnverifiedCertificate::parse(blob) {
        Ok(certificate) => Some(certificate.unverified_public_key().clone()),
        Err(_) => public_key(&parse_key(blob).ok()?.ok()?).ok(),
    }
}

/// Fails unless `data` is a login in the bound session that names the bound host key, and `key` as
/// itself or in a certificate.
fn check_login(destination: &Bind, key: &PublicKey, data: &[u8]) -> Result<(), Refusal> {
    let request = UserauthRequest::parse(data).ok_or(Refusal::NotThisLogin)?;
    let is_this = request.session_id == destination.session_id
        && key_of(request.key).is_some_and(|named| named == *key)
        && (request.host_key).is_none_or(|host_key| host_key == destination.host_key.blob);
    match request.host_key {
        _ if !is_this => Err(Refusal::NotThisLogin),
        // A machine in between could have it made for its own session with another server. As
        // OpenSSH's agent, we sign no such thing for it.
        None => Err(Refusal::NotHostBound),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
