//! What a connection may have signed.

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::config::Forwarding;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::wire::{Malformed, Reader};

use super::destination::{Bindings, Destination};
use super::hosts::Names;
use super::source::Identity;

/// Why an identity does not sign on this connection.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("asked for through a forwarded agent that does not say for which server")]
    NoDestination,
    #[error(
        "asked for through a forwarded agent for a server that its `hosts:` do not name (or that \
         known_hosts does not know)"
    )]
    NotMeant,
    #[error("asked for through a forwarded agent, and it has `forwarding: deny`")]
    Denied,
    #[error("asked for through a forwarded agent for something other than this ssh login")]
    NotThisLogin,
    #[error(
        "asked for through a forwarded agent by a login that does not name its server: the \
         OpenSSH there, or on the machine in between, is older than 8.9 (or has \
         `PubkeyAuthentication unbound`)"
    )]
    NotHostBound,
}

/// Fails if this connection may not have `data` signed with the identity. `server` is what is known
/// of the server that the connection is bound to.
pub fn check(
    identity: &Identity,
    data: &[u8],
    bindings: &Bindings,
    server: Option<&Names>,
) -> Result<(), Refusal> {
    if !bindings.is_forwarded() {
        return Ok(());
    }
    if identity.visibility.forwarding == Forwarding::Deny {
        return Err(Refusal::Denied);
    }
    let (Some(destination), Some(server)) = (bindings.destination(), server) else {
        return Err(Refusal::NoDestination);
    };
    if !server.satisfy(&identity.visibility) {
        return Err(Refusal::NotMeant);
    }
    match login(&destination, &identity.public_key, data) {
        Login::HostBound => Ok(()),
        Login::Plain => Err(Refusal::NotHostBound),
        Login::Other => Err(Refusal::NotThisLogin),
    }
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

/// What a client wants signed.
#[derive(Debug, PartialEq, Eq)]
enum Login {
    /// A login in the bound session that names the bound host key (PROTOCOL section 3.1).
    HostBound,
    /// One that names no host key: a machine in between could have it made for its own session
    /// with another server. As OpenSSH's agent, we sign no such thing for it.
    Plain,
    Other,
}

/// Returns what `data`, as a public key authentication request (RFC 4252 section 7), is for. The
/// key that it names must be `key`, as itself or in a certificate.
fn login(destination: &Destination<'_>, key: &PublicKey, data: &[u8]) -> Login {
    const USERAUTH_REQUEST: u8 = 50;
    let parse = || -> Result<Login, Malformed> {
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let kind = reader.u8()?;
        let _user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        let signed = reader.bool()?;
        let _algorithm = reader.string()?;
        let named_key = reader.string()?;
        let (login, host_key) = match method {
            b"publickey-hostbound-v00@openssh.com" => (Login::HostBound, Some(reader.string()?)),
            b"publickey" => (Login::Plain, None),
            _ => return Ok(Login::Other),
        };
        reader.end()?;
        let is_this = session_id == destination.session_id
            && kind == USERAUTH_REQUEST
            && service == b"ssh-connection"
            && signed
            && key_of(named_key).is_some_and(|named| named == *key)
            && host_key.is_none_or(|host_key| host_key == destination.host_key.blob());
        Ok(if is_this { login } else { Login::Other })
    };
    parse().unwrap_or(Login::Other)
}

#[cfg(test)]
mod tests {
    use super::super::host_key::HostKey;
    use super::super::made::{Certificate, Key, strings};
    use super::*;

    const SESSION: &[u8] = b"session";
    const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

    fn request(
        key: &[u8],
        session: &[u8],
        service: &[u8],
        method: &[u8],
        host_key: Option<&[u8]>,
    ) -> Vec<u8> {
        let mut data = strings(&[session]);
        data.push(50);
        data.extend(strings(&[b"root", service, method]));
        data.push(1);
        data.extend(strings(&[b"algorithm", key]));
        data.extend(host_key.map(|key| strings(&[key])).unwrap_or_default());
        data
    }

    #[test]
    fn only_a_login_that_names_the_bound_host_key_is_host_bound() {
        let (user, key, authority) = (Key::p256(), Key::ed25519(), Key::p256());
        let request = |session: &[u8], service: &[u8], method: &[u8], host_key: Option<&[u8]>| {
            request(&user.blob(), session, service, method, host_key)
        };
        let user_key = key_of(&user.blob()).unwrap();
        let certificate = Certificate::new(&key, &authority, &["web1"]).blob();
        for blob in [key.blob(), certificate] {
            let host_key = HostKey::parse(&blob).unwrap();
            let destination = Destination {
                host_key: &host_key,
                session_id: SESSION,
            };
            let ssh = b"ssh-connection";
            let other = authority.blob();
            for (data, expected) in [
                (
                    request(SESSION, ssh, HOST_BOUND, Some(&blob)),
                    Login::HostBound,
                ),
                (
                    request(SESSION, ssh, HOST_BOUND, Some(&other)),
                    Login::Other,
                ),
                (
                    request(b"another", ssh, HOST_BOUND, Some(&blob)),
                    Login::Other,
                ),
                (
                    request(SESSION, b"other", HOST_BOUND, Some(&blob)),
                    Login::Other,
                ),
                (request(SESSION, ssh, HOST_BOUND, None), Login::Other),
                (request(SESSION, ssh, b"publickey", None), Login::Plain),
                (
                    request(SESSION, ssh, b"publickey", Some(&blob)),
                    Login::Other,
                ),
                (request(b"another", ssh, b"publickey", None), Login::Other),
                (request(SESSION, ssh, b"hostbased", None), Login::Other),
                (b"anything".to_vec(), Login::Other),
            ] {
                assert_eq!(login(&destination, &user_key, &data), expected, "{data:?}");
            }
        }
    }

    #[test]
    fn a_login_that_names_another_key_is_none_of_this_one() {
        let (user, other, host) = (Key::p256(), Key::p256(), Key::ed25519());
        let host_key = HostKey::parse(&host.blob()).unwrap();
        let destination = Destination {
            host_key: &host_key,
            session_id: SESSION,
        };
        let user_key = key_of(&user.blob()).unwrap();
        for (named, expected) in [
            (user.blob(), Login::HostBound),
            (other.blob(), Login::Other),
            (b"key".to_vec(), Login::Other),
        ] {
            let data = request(
                &named,
                SESSION,
                b"ssh-connection",
                HOST_BOUND,
                Some(&host.blob()),
            );
            assert_eq!(login(&destination, &user_key, &data), expected);
        }
    }
}
