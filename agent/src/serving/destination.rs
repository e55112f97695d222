//! The server that a connection is for: the session binds that ssh sends before it asks for anything
//! (PROTOCOL.agent section 1, `session-bind@openssh.com`).

use std::sync::Arc;

use opkssh_protocol::wire::{Malformed, Reader};

use super::host_key::{HostKey, HostKeyError, UnprovedHostKey};

/// As OpenSSH's agent.
pub const MAX_BINDS: usize = 16;
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
    pub host_key: Arc<HostKey>,
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
    /// Returns the bindings of a connection to a server that has proved this key. For predictions
    /// only: nothing is signed for it.
    pub fn predicted(host_key: HostKey) -> Self {
        Self {
            binds: vec![Bind {
                host_key: Arc::new(host_key),
                session_id: Vec::new(),
                is_for_forwarding: false,
            }],
            ..Self::default()
        }
    }

    /// Returns the bindings of a connection to a server whose key type the agent cannot verify.
    pub fn predicted_unproved(shown: UnprovedHostKey) -> Self {
        Self {
            unproved: Some(shown),
            ..Self::default()
        }
    }

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

    /// Returns all binds, in their order; `None` if one has failed.
    pub fn chain(&self) -> Option<&[Bind]> {
        (!self.failed && self.unproved.is_none()).then_some(&self.binds)
    }

    /// Returns the machines that the agent is forwarded to, from one to the next.
    pub fn forwarded_to(&self) -> impl Iterator<Item = &Bind> {
        self.binds.iter().filter(|bind| bind.is_for_forwarding)
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
            host_key: Arc::new(host_key),
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
mod tests;
