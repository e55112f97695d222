//! One connection to the agent: reads requests, dispatches them, keeps what is known of the peer.

mod audited;
mod listing;
mod signing;

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use interprocess::local_socket::tokio::Stream;
use opkssh_protocol::audit::AuditEvent;
use opkssh_protocol::control::MAX_FRAME;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_string};

use self::audited::SessionAudit;
use super::Serving;
use super::added::KeyChangeError;
use super::connections::Place;
use super::destination::{BindError, Bindings};
use super::frame::{self, FRAME_TIMEOUT};
use super::host_key::HostKeyError;
use super::hosts::Names;
use super::message::*;
use super::source::IdentitySource;
use super::upstream::UpstreamConnection;
use crate::notices::Cause;

pub struct Session {
    serving: Arc<Serving>,
    upstreams: Vec<UpstreamConnection>,
    bindings: Bindings,
    audit: SessionAudit,
    /// The process at the other end.
    process: Option<u32>,
    /// True once it has asked for a list or a signature.
    has_asked: bool,
}

impl Session {
    pub fn new(serving: Arc<Serving>, process: Option<u32>) -> Self {
        Self {
            upstreams: serving.connect_upstreams(process),
            audit: SessionAudit::new(serving.clone(), process),
            serving,
            process,
            bindings: Bindings::default(),
            has_asked: false,
        }
    }

    /// Answers requests in their order until the peer hangs up.
    pub async fn serve(&mut self, stream: Stream, place: &Place) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        while let Some(request) = frame::read(&mut reader, 1..=MAX_FRAME, FRAME_TIMEOUT).await? {
            place.mark_busy();
            let answer = self.answer(&request).await;
            let is_local = self.has_asked || self.bindings.is_bound();
            place.mark_idle(is_local && !self.bindings.is_forwarded());
            frame::write(&mut writer, &answer, FRAME_TIMEOUT).await?;
        }
        Ok(())
    }

    /// Unknown and malformed requests get a failure; the connection stays (RFC 9987 section 3.1).
    async fn answer(&mut self, request: &[u8]) -> Vec<u8> {
        let (kind, body) = (request[0], &request[1..]);
        self.has_asked |= matches!(kind, REQUEST_IDENTITIES | SIGN_REQUEST);
        let answer = match kind {
            REQUEST_IDENTITIES => Ok(self.list().await),
            SIGN_REQUEST => self.sign(body).await,
            ADD_IDENTITY
            | ADD_ID_CONSTRAINED
            | REMOVE_IDENTITY
            | REMOVE_ALL_IDENTITIES
            | REMOVE_ALL_RSA_IDENTITIES
            | ADD_SMARTCARD_KEY
            | ADD_SMARTCARD_KEY_CONSTRAINED
            | REMOVE_SMARTCARD_KEY => Ok(self.change_keys(request).await),
            LOCK => self.password(true, body).await,
            UNLOCK => self.password(false, body).await,
            EXTENSION => self.extension(body),
            _ => Ok(vec![FAILURE]),
        };
        answer.unwrap_or_else(|Malformed| vec![FAILURE])
    }

    /// Returns where identities come from, in the order in which they are listed.
    fn sources(&self) -> impl Iterator<Item = &dyn IdentitySource> {
        let ours: [&dyn IdentitySource; 2] = [&*self.serving.accounts, &*self.serving.added];
        let upstreams = self.upstreams.iter();
        ours.into_iter()
            .chain(upstreams.map(|upstream| upstream as &dyn IdentitySource))
    }

    /// Looks up the server that this connection is bound to.
    fn server(&self) -> Option<Names> {
        let announced = |pid| self.serving.announced.of(pid);
        let ssh = self.process.map(announced).unwrap_or_default();
        self.serving.known_hosts.look_up_bound(&self.bindings, ssh)
    }

    /// `ssh-add` with and without `-d` and `-D` (sections 3.2 to 3.4). Not for other machines.
    async fn change_keys(&self, request: &[u8]) -> Vec<u8> {
        if self.bindings.is_forwarded() {
            return self.change_refused("a forwarded connection may not add or remove keys");
        }
        if self.serving.is_read_only {
            let why = "a socket of opkssh run --account may not add or remove keys";
            return self.change_refused(why);
        }
        if self.serving.lock.is_locked() {
            return vec![FAILURE];
        }
        match self.try_change_keys(request).await {
            Ok(()) => vec![SUCCESS],
            Err(why) => {
                let notices = &self.serving.notices;
                notices.warn(&format!("keys not changed: {why}"));
                vec![FAILURE]
            }
        }
    }

    /// Refuses what this connection may not do.
    fn change_refused(&self, why: &str) -> Vec<u8> {
        self.serving.notices.warn(why);
        let event = AuditEvent::ChangeRefused;
        self.audit.refused(event, &self.bindings, why.to_owned());
        vec![FAILURE]
    }

    async fn try_change_keys(&self, request: &[u8]) -> Result<(), KeyChangeError> {
        let added = &self.serving.added;
        let (kind, body) = (request[0], &request[1..]);
        let mut upstreams = self.upstreams.iter();
        let done = match kind {
            ADD_IDENTITY | ADD_ID_CONSTRAINED => added.add(body).await,
            REMOVE_IDENTITY => {
                let mut reader = Reader::new(body);
                let blob = reader.string()?;
                reader.end()?;
                if added.remove(blob) {
                    return Ok(());
                }
                match self.serving.accounts.find(blob).await {
                    Some(account) => Err(KeyChangeError::Account(account.name)),
                    None => Err(KeyChangeError::Unknown),
                }
            }
            REMOVE_ALL_IDENTITIES | REMOVE_ALL_RSA_IDENTITIES => {
                added.remove_all();
                Ok(())
            }
            // with a PIN, which a second agent must not spend a try on, nor see
            _ => match upstreams.next() {
                Some(first) if first.pass_on(request).await => Ok(()),
                _ => return Err(KeyChangeError::SecurityKey),
            },
        };
        // what is not for us may be for an upstream agent
        match done {
            Err(why @ (KeyChangeError::Unknown | KeyChangeError::SecurityKey)) => {
                for upstream in upstreams {
                    if upstream.pass_on(request).await {
                        return Ok(());
                    }
                }
                Err(why)
            }
            done => done,
        }
    }

    /// `ssh-add -x` and `-X` (section 3.7). Not for other machines: who locks can keep the person
    /// out, and who tries passwords slows the person's own tries down.
    async fn password(&self, lock: bool, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        let password = reader.string()?.to_vec();
        reader.end()?;
        if self.bindings.is_forwarded() {
            let why = "a forwarded connection may not lock or unlock the agent";
            return Ok(self.change_refused(why));
        }
        if self.serving.is_read_only {
            let why = "a socket of opkssh run --account may not lock or unlock the agent";
            return Ok(self.change_refused(why));
        }
        let password = Secret::new(String::from_utf8(password).map_err(|_| Malformed)?);
        let done = self.serving.lock.set(lock, password).await;
        Ok(vec![if done { SUCCESS } else { FAILURE }])
    }

    fn extension(&mut self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        match reader.string()? {
            SESSION_BIND => {
                let body = reader.rest();
                for upstream in &self.upstreams {
                    upstream.bind(body);
                }
                Ok(match self.bindings.bind(body) {
                    Ok(()) => vec![SUCCESS],
                    Err(error) => {
                        self.note_refused_bind(&error);
                        vec![EXTENSION_FAILURE]
                    }
                })
            }
            b"query" => {
                let mut answer = vec![EXTENSION_RESPONSE];
                put_string(&mut answer, b"query");
                put_string(&mut answer, SESSION_BIND);
                Ok(answer)
            }
            _ => Ok(vec![FAILURE]),
        }
    }

    /// Logs a refused bind. One that the agent cannot check is also noted for `status`, because the
    /// login may fail for it.
    fn note_refused_bind(&self, error: &BindError) {
        let notices = &self.serving.notices;
        let event = AuditEvent::BindRefused;
        self.audit.refused(event, &self.bindings, error.to_string());
        let counts = match error {
            BindError::HostKey(HostKeyError::Unverifiable(_))
                if self.bindings.unproved().is_some() =>
            {
                "the server counts as one without a name, which sees no account with `hosts:`"
            }
            BindError::HostKey(HostKeyError::Unverifiable(_)) => {
                "the connection counts as forwarded"
            }
            _ => return notices.warn(&format!("session-bind refused: {error}")),
        };
        let text = format!("session-bind not verified: {error}; {counts}");
        notices.tell(Cause::BindNotVerified, text);
    }
}

fn now() -> UnixTime {
    UnixTime::from(SystemTime::now())
}

#[cfg(test)]
mod tests;
