//! The server that a connection is for: the session binds that ssh sends before it asks for anything
//! (PROTOCOL.agent section 1, `session-bind@openssh.com`).

use opkssh_protocol::wire::{Malformed, Reader};

use super::host_key::{HostKey, HostKeyError, UnprovedHostKey};

/// As OpenSSH's agent.
const MAX_BINDS: usize = 16;
const MAX_SESSION_ID: usize = 128;

/// The session binds of a connection.
#[derive(Default)]
pub struct Bindings {
    binds: Vec<Bind>,
    /// A bind did not verify: the connection is trusted no more than a forwarded one.
    failed: bool,
    /// It authenticates to a server whose host key nothing here can check: one without a name.
    unproved: Option<UnprovedHostKey>,
}

/// A session with a server, proved by its host key's signature.
pub struct Bind {
    pub host_key: HostKey,
    pub session_id: Vec<u8>,
    /// Made for forwarding the agent, not for authenticating.
    pub is_for_forwarding: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    HostKey(#[from] HostKeyError),
    #[error("the host key's signature does not verify")]
    Signature,
    #[error("the connection is bound for authentication already")]
    BoundAlready,
    #[error("the same session with another host key")]
    OtherKey,
    #[error("too many binds")]
    TooMany,
}

/// The body of a bind, read and not checked.
struct Message<'a> {
    host_key: &'a [u8],
    session_id: &'a [u8],
    signature: &'a [u8],
    is_for_forwarding: bool,
}

impl Bindings {
    /// Records a bind; `body` is what follows the extension's name.
    pub fn bind(&mut self, body: &[u8]) -> Result<(), BindError> {
        let message = Message::parse(body).inspect_err(|_| self.failed = true)?;
        self.try_bind(&message).inspect_err(|error| match error {
            // the agent's own limit; it does not make the connection another machine's
            BindError::HostKey(HostKeyError::Unverifiable(_)) if !message.is_for_forwarding => {
                self.unproved = Some(UnprovedHostKey::parse(message.host_key));
            }
            _ => self.failed = true,
        })
    }

    /// Returns true if the peer has told its server, and no bind has failed.
    pub fn is_bound(&self) -> bool {
        !self.failed && (self.unproved.is_some() || !self.binds.is_empty())
    }

    /// Returns true if requests may come through another machine.
    pub fn is_forwarded(&self) -> bool {
        self.failed || self.binds.iter().any(|bind| bind.is_for_forwarding)
    }

    /// Returns the key of a server that is being authenticated to and has not proved it.
    pub fn unproved(&self) -> Option<&UnprovedHostKey> {
        self.unproved.as_ref().filter(|_| !self.is_forwarded())
    }

    /// Returns the server that is being authenticated to; `None` while only forwarding was announced.
    pub fn destination(&self) -> Option<&Bind> {
        let last = self.binds.last();
        last.filter(|bind| !bind.is_for_forwarding && !self.failed)
    }

    fn try_bind(&mut self, message: &Message<'_>) -> Result<(), BindError> {
        if self.unproved.is_some() || self.binds.iter().any(|bind| !bind.is_for_forwarding) {
            return Err(BindError::BoundAlready);
        }
        // a server with a host certificate binds with that; its own key made the signature
        let host_key = HostKey::parse(message.host_key)?;
        let signed = host_key.has_signed(message.session_id, message.signature);
        if !signed.map_err(HostKeyError::from)? {
            return Err(BindError::Signature);
        }
        let mut known = self.binds.iter();
        match known.find(|bind| bind.session_id == message.session_id) {
            Some(bind) if bind.host_key.blob == host_key.blob => return Ok(()),
            Some(_) => return Err(BindError::OtherKey),
            None if self.binds.len() == MAX_BINDS => return Err(BindError::TooMany),
            None => {}
        }
        self.binds.push(Bind {
            host_key,
            session_id: message.session_id.to_vec(),
            is_for_forwarding: message.is_for_forwarding,
        });
        Ok(())
    }
}

impl<'a> Message<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, BindError> {
        let mut reader = Reader::new(body);
        let message = Self {
            host_key: reader.string()?,
            session_id: reader.string()?,
            signature: reader.string()?,
            is_for_forwarding: reader.bool()?,
        };
        reader.end()?;
        match message.session_id.len() {
            1..=MAX_SESSION_ID => Ok(message),
            _ => Err(Malformed.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, Certificate, Key};
    use super::super::signature::Unverifiable;
    use super::*;

    const SESSION: &[u8] = b"session";

    #[test]
    fn a_host_certificate_binds_with_the_certified_key_s_signature() {
        let (key, authority) = (Key::ed25519(), Key::p256());
        let certificate = Certificate::new(&key, &authority, &["web1"]).blob();
        let mut bindings = Bindings::default();
        let bound = bindings.bind(&made::bind(&certificate, &key, SESSION, false));
        assert_eq!(bound, Ok(()));
        assert!(bindings.is_bound() && !bindings.is_forwarded());
        let destination = bindings.destination().unwrap();
        assert_eq!(destination.host_key.blob, certificate);
        assert_eq!(destination.session_id, SESSION);
    }

    #[test]
    fn a_bind_that_does_not_verify_makes_the_connection_forwarded() {
        let (key, authority) = (Key::ed25519(), Key::ed25519());
        let certificate = Certificate::new(&key, &authority, &["web1"]);
        let mut forged = Certificate::new(&key, &authority, &["web1"]);
        forged.signer = Some(&key);
        let other = HostKeyError::Signature;
        for (blob, signer, error) in [
            (certificate.blob(), &authority, BindError::Signature),
            (key.blob(), &authority, BindError::Signature),
            (forged.blob(), &key, BindError::HostKey(other)),
        ] {
            let mut bindings = Bindings::default();
            let bound = bindings.bind(&made::bind(&blob, signer, SESSION, false));
            assert_eq!(bound, Err(error));
            assert!(bindings.is_forwarded() && !bindings.is_bound());
            // for good
            let again = made::bind(&certificate.blob(), &key, SESSION, false);
            assert_eq!(bindings.bind(&again), Ok(()));
            assert!(bindings.is_forwarded() && bindings.destination().is_none());
        }
    }

    #[test]
    fn a_bind_that_cannot_be_checked_is_to_a_server_without_a_name() {
        let key = Key::ed25519();
        let unknown = made::strings(&[b"unknown@example.com", b"key"]);
        let bind = |forwarding| made::bind(&unknown, &key, SESSION, forwarding);
        let why = BindError::HostKey(Unverifiable::KeyType.into());

        let mut bindings = Bindings::default();
        assert_eq!(bindings.bind(&bind(false)), Err(why.clone()));
        assert!(bindings.is_bound() && !bindings.is_forwarded() && bindings.unproved().is_some());
        assert!(bindings.destination().is_none());
        // the next is one too many
        let next = made::bind(&key.blob(), &key, b"2", false);
        assert_eq!(bindings.bind(&next), Err(BindError::BoundAlready));
        assert!(bindings.is_forwarded() && bindings.unproved().is_none());

        let mut bindings = Bindings::default();
        assert_eq!(bindings.bind(&bind(true)), Err(why.clone()));
        assert!(bindings.is_forwarded() && !bindings.is_bound());

        // nor does it take a connection back from another machine
        let mut bindings = Bindings::default();
        let hop = made::bind(&key.blob(), &key, b"1", true);
        assert_eq!(bindings.bind(&hop), Ok(()));
        assert_eq!(bindings.bind(&bind(false)), Err(why));
        assert!(bindings.is_forwarded() && bindings.unproved().is_none());
        assert!(bindings.destination().is_none());
    }

    #[test]
    fn binds_follow_one_another_to_the_destination() {
        let (hop, server) = (Key::ed25519(), Key::p256());
        let to_hop = made::bind(&hop.blob(), &hop, b"1", true);
        let to_server = made::bind(&server.blob(), &server, b"2", false);
        let mut bindings = Bindings::default();
        assert_eq!(bindings.bind(&to_hop), Ok(()));
        assert_eq!(bindings.bind(&to_hop), Ok(()), "said twice");
        assert!(bindings.is_forwarded() && bindings.destination().is_none());
        assert_eq!(bindings.bind(&to_server), Ok(()));
        let destination = bindings.destination().unwrap();
        assert_eq!(destination.host_key.blob, server.blob());
        let further = made::bind(&hop.blob(), &hop, b"3", false);
        assert_eq!(bindings.bind(&further), Err(BindError::BoundAlready));
        let mut bindings = Bindings::default();
        assert_eq!(bindings.bind(&to_hop), Ok(()));
        let other = made::bind(&server.blob(), &server, b"1", false);
        assert_eq!(bindings.bind(&other), Err(BindError::OtherKey));
    }
}
