//! Whom a connection talks to: the session binds that ssh sends before it asks for anything
//! (PROTOCOL.agent section 1, `session-bind@openssh.com`).

use ssh_agent_lib::proto::extension::SessionBind;
use ssh_agent_lib::ssh_encoding::Decode as _;
use ssh_agent_lib::ssh_key::Certificate;
use ssh_agent_lib::ssh_key::public::KeyData;

use super::wire::{Malformed, Reader};

/// As OpenSSH's agent.
const MAX_BINDS: usize = 16;
const MAX_SESSION_ID: usize = 128;

/// What a connection has said about itself.
#[derive(Default)]
pub struct Bindings {
    binds: Vec<Bind>,
    /// A bind that did not verify: whatever this connection is, it is not trusted with more than
    /// a forwarded one.
    failed: bool,
}

struct Bind {
    /// Key or certificate blob of the server.
    host_key: Vec<u8>,
    session_id: Vec<u8>,
    /// Made for forwarding the agent, not for authenticating.
    forwarding: bool,
}

/// A server that the connection authenticates to, proved by its host key's signature.
pub struct Destination<'a> {
    pub host_key: &'a [u8],
    pub session_id: &'a [u8],
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindError {
    #[error("it is malformed")]
    Malformed,
    #[error("its host key is of an unknown kind")]
    HostKey,
    #[error("the host key's signature does not verify")]
    Signature,
    #[error("the connection is bound for authentication already")]
    BoundAlready,
    #[error("the same session with another host key")]
    OtherKey,
    #[error("too many binds")]
    TooMany,
}

impl From<Malformed> for BindError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl Bindings {
    /// Records a bind; `body` is what follows the extension's name.
    pub fn bind(&mut self, body: &[u8]) -> Result<(), BindError> {
        let bound = self.try_bind(body);
        self.failed |= bound.is_err();
        bound
    }

    /// Has the peer said, and proved, whom it talks to?
    pub fn is_bound(&self) -> bool {
        !self.failed && !self.binds.is_empty()
    }

    /// Did the request come through somebody else's machine?
    pub fn is_forwarded(&self) -> bool {
        self.failed || self.binds.iter().any(|bind| bind.forwarding)
    }

    /// The server that is being authenticated to; `None` while only forwarding was announced.
    pub fn destination(&self) -> Option<Destination<'_>> {
        let last = self
            .binds
            .last()
            .filter(|bind| !bind.forwarding && !self.failed)?;
        Some(Destination {
            host_key: &last.host_key,
            session_id: &last.session_id,
        })
    }

    fn try_bind(&mut self, body: &[u8]) -> Result<(), BindError> {
        let mut reader = Reader::new(body);
        let (host_key, session_id, signature) =
            (reader.string()?, reader.string()?, reader.string()?);
        let forwarding = reader.bool()?;
        reader.end()?;
        if session_id.is_empty() || session_id.len() > MAX_SESSION_ID {
            return Err(BindError::Malformed);
        }
        verify(host_key, session_id, signature, forwarding)?;
        for bind in &self.binds {
            if !bind.forwarding {
                return Err(BindError::BoundAlready);
            }
            if bind.session_id == session_id {
                return if bind.host_key == host_key {
                    Ok(())
                } else {
                    Err(BindError::OtherKey)
                };
            }
        }
        if self.binds.len() == MAX_BINDS {
            return Err(BindError::TooMany);
        }
        self.binds.push(Bind {
            host_key: host_key.to_vec(),
            session_id: session_id.to_vec(),
            forwarding,
        });
        Ok(())
    }
}

fn verify(
    host_key: &[u8],
    session_id: &[u8],
    signature: &[u8],
    is_forwarding: bool,
) -> Result<(), BindError> {
    // a server with a host certificate binds with that; its own key made the signature
    let host_key = match KeyData::decode(&mut &*host_key) {
        Ok(key) => key,
        Err(_) => Certificate::from_bytes(host_key)
            .map_err(|_| BindError::HostKey)?
            .public_key()
            .clone(),
    };
    let bind = SessionBind {
        host_key,
        session_id: session_id.to_vec(),
        signature: signature.try_into().map_err(|_| BindError::Malformed)?,
        is_forwarding,
    };
    bind.verify_signature().map_err(|_| BindError::Signature)
}
