//! One connection to the agent: reads requests, dispatches them, keeps what is known of the peer.

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use interprocess::local_socket::tokio::Stream;
use opkssh_protocol::control::MAX_FRAME;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader, put_string};

use super::confirm::question;
use super::connections::Place;
use super::destination::{BindError, Bindings};
use super::frame::{self, FRAME_TIMEOUT};
use super::host_key::HostKeyError;
use super::hosts::Names;
use super::refusal::Refusal;
use super::source::{Identity, IdentitySource, Terms};
use super::{PERSON_TIMEOUT, RENEW_TIMEOUT, Serving, list, sign};
use crate::notices::Cause;

// RFC 9987 section 6.1
const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
/// What `ssh-add -D` still sends for keys of SSH 1.
const REMOVE_ALL_RSA_IDENTITIES: u8 = 9;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const ADD_IDENTITY: u8 = 17;
const REMOVE_IDENTITY: u8 = 18;
const REMOVE_ALL_IDENTITIES: u8 = 19;
const LOCK: u8 = 22;
const UNLOCK: u8 = 23;
const ADD_ID_CONSTRAINED: u8 = 25;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;

/// As many entries as ssh takes in a list.
const MAX_LISTED: u32 = 2048;

const SESSION_BIND: &[u8] = b"session-bind@openssh.com";

pub struct Session {
    serving: Arc<Serving>,
    bindings: Bindings,
    /// The process at the other end.
    process: Option<u32>,
    /// True once it has asked for a list or a signature.
    has_asked: bool,
}

impl Session {
    pub fn new(serving: Arc<Serving>, process: Option<u32>) -> Self {
        Self {
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
            ADD_IDENTITY | ADD_ID_CONSTRAINED | REMOVE_IDENTITY | REMOVE_ALL_IDENTITIES
            | REMOVE_ALL_RSA_IDENTITIES => self.change_keys(kind, body).await,
            LOCK => self.password(true, body).await,
            UNLOCK => self.password(false, body).await,
            EXTENSION => self.extension(body),
            _ => Ok(vec![FAILURE]),
        };
        answer.unwrap_or_else(|Malformed| vec![FAILURE])
    }

    async fn list(&self) -> Vec<u8> {
        let server = self.server();
        // Only a session of this machine that says whom it talks to is worth a renewal, or a look
        // into the store: `ssh-add -l` never causes traffic, and another machine causes none here.
        if let Some(server) = &server
            && !self.bindings.is_forwarded()
        {
            let since = Instant::now();
            for source in &self.serving.sources {
                self.freshen(&**source, server, since).await;
            }
        }
        let (mut listed, mut count) = (Vec::new(), 0_u32);
        let sources = match self.serving.lock.is_locked() {
            true => &[],
            false => &self.serving.sources[..],
        };
        for source in sources {
            for identity in source.identities().await.iter() {
                let checked = self.check(identity, server.as_ref());
                if checked.is_ok() && count < MAX_LISTED {
                    put_string(&mut listed, &identity.blob);
                    put_string(&mut listed, identity.comment.as_bytes());
                    count += 1;
                }
                if server.is_some() && matches!(identity.terms, Terms::Account { .. }) {
                    self.note_listed(&identity.name, checked);
                }
            }
        }
        [&[IDENTITIES_ANSWER][..], &count.to_be_bytes(), &listed].concat()
    }

    /// Looks up the server that this connection is bound to.
    fn server(&self) -> Option<Names> {
        let announced = |pid| self.serving.announced.of(pid);
        let mut ssh = self.process.map(announced).unwrap_or_default();
        let known_hosts = &self.serving.known_hosts;
        if let Some(shown) = self.bindings.unproved() {
            return Some(known_hosts.look_up_unproved(shown, ssh));
        }
        let destination = self.bindings.destination()?;
        // a forwarded request is the other machine's, not that of the ssh it came through
        if self.bindings.is_forwarded() {
            ssh.names.clear();
        }
        Some(known_hosts.look_up(&destination.host_key, ssh))
    }

    /// Has all of a source that this session will see brought up to date. What comes back from the
    /// store only meanwhile is asked for in its turn. Where that does not help, and accounts name
    /// this server, the person is asked.
    async fn freshen(&self, source: &dyn IdentitySource, server: &Names, since: Instant) {
        let mut asked: Option<Vec<String>> = None;
        loop {
            let identities = source.identities().await;
            let wanted = identities.iter();
            let wanted = wanted.filter(|identity| self.check(identity, Some(server)).is_ok());
            let mut next: Vec<_> = wanted.map(|identity| identity.name.clone()).collect();
            if let Some(asked) = &asked {
                next.retain(|name| !asked.contains(name));
                if next.is_empty() {
                    break;
                }
            }
            source.freshen(&next, since + RENEW_TIMEOUT).await;
            asked.get_or_insert_default().extend(next);
        }
        let meant = list::meant(&source.identities().await, server);
        if !meant.is_empty() {
            source.ask_person(&meant, since + PERSON_TIMEOUT).await;
        }
    }

    fn check(&self, identity: &Identity, server: Option<&Names>) -> Result<(), Refusal> {
        list::check(identity, &self.bindings, server, now())
    }

    /// Notes for `status` why an identity was not listed, and clears the note of one that was.
    /// Without an identity ssh asks for no signature and just fails.
    fn note_listed(&self, name: &str, checked: Result<(), Refusal>) {
        let cause = Cause::NotOffered(name.to_owned());
        let notices = &self.serving.notices;
        match checked {
            Ok(()) => notices.clear(&cause),
            Err(why) if why.is_plain() => {}
            Err(why) => notices.tell(cause, format!("not offered: {name}: {why}")),
        }
    }

    async fn sign(&self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        let (key, data, flags) = (reader.string()?, reader.string()?, reader.u32()?);
        reader.end()?;
        let Serving {
            sources, notices, ..
        } = &*self.serving;
        let mut identities = Vec::with_capacity(sources.len());
        for source in sources {
            identities.push(source.identities().await);
        }
        let is_forwarded = self.bindings.is_forwarded();
        // looked up for unknown keys, too: the time it takes must not tell which keys are held
        let server = match is_forwarded {
            true => self.server(),
            false => None,
        };
        let Some((source, identity)) = sign::find(&identities, key) else {
            // clients ask for keys of other agents all the time
            return Ok(vec![FAILURE]);
        };
        let identity = identity.clone();
        // a lock may come while a person is asked, or the source signs
        drop(identities);
        let name = &identity.name;
        let refused = Cause::SignatureRefused(name.clone());
        if let Err(why) = self.allow(&identity, data, server.as_ref()).await {
            let text = format!("signature refused: {name}: {why}");
            match identity.terms {
                Terms::Account { .. } => notices.tell(refused, text),
                Terms::Added(_) => notices.warn(&text),
            }
            return Ok(vec![FAILURE]);
        }
        let is_locked = self.serving.lock.is_locked();
        let signature = match is_locked {
            true => None,
            false => sources[source].sign(&identity, data, flags).await,
        };
        let Some(signature) = signature else {
            tracing::info!(identity = name, forwarded = is_forwarded, "not signed");
            return Ok(vec![FAILURE]);
        };
        tracing::info!(identity = name, forwarded = is_forwarded, "signed");
        if is_forwarded {
            notices.clear(&refused);
        }
        let mut answer = vec![SIGN_RESPONSE];
        put_string(&mut answer, &signature);
        Ok(answer)
    }

    /// Fails if this connection may not have `data` signed, or the person does not want it.
    async fn allow(
        &self,
        identity: &Identity,
        data: &[u8],
        server: Option<&Names>,
    ) -> Result<(), Refusal> {
        sign::check(identity, data, &self.bindings, server, now())?;
        match &identity.terms {
            Terms::Added(constraints) if constraints.confirm => {
                let question = question(identity, data, self.process);
                let confirmed = self.serving.confirm.confirm(question).await;
                confirmed.then_some(()).ok_or(Refusal::NotConfirmed)
            }
            _ => Ok(()),
        }
    }

    /// `ssh-add` with and without `-d` and `-D` (sections 3.2 to 3.4). Not for other machines.
    async fn change_keys(&self, kind: u8, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let (added, notices) = (&self.serving.added, &self.serving.notices);
        if self.bindings.is_forwarded() {
            notices.warn("a forwarded connection may not add or remove keys");
            return Ok(vec![FAILURE]);
        }
        if self.serving.lock.is_locked() {
            return Ok(vec![FAILURE]);
        }
        let done = match kind {
            ADD_IDENTITY | ADD_ID_CONSTRAINED => match added.add(body).await {
                Ok(()) => true,
                Err(why) => {
                    notices.warn(&format!("key not added: {why}"));
                    false
                }
            },
            REMOVE_IDENTITY => {
                let mut reader = Reader::new(body);
                let blob = reader.string()?;
                reader.end()?;
                added.remove(blob)
            }
            _ => {
                added.remove_all();
                true
            }
        };
        Ok(vec![if done { SUCCESS } else { FAILURE }])
    }

    /// `ssh-add -x` and `-X` (section 3.7). Not for other machines: who locks can keep the person
    /// out, and who tries passwords slows the person's own tries down.
    async fn password(&self, lock: bool, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        let password = reader.string()?.to_vec();
        reader.end()?;
        if self.bindings.is_forwarded() {
            let notices = &self.serving.notices;
            notices.warn("a forwarded connection may not lock or unlock the agent");
            return Ok(vec![FAILURE]);
        }
        let password = Secret::new(String::from_utf8(password).map_err(|_| Malformed)?);
        let done = self.serving.lock.set(lock, password).await;
        Ok(vec![if done { SUCCESS } else { FAILURE }])
    }

    fn extension(&mut self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut reader = Reader::new(body);
        match reader.string()? {
            SESSION_BIND => Ok(match self.bindings.bind(reader.rest()) {
                Ok(()) => vec![SUCCESS],
                Err(error) => {
                    self.note_refused_bind(&error);
                    vec![EXTENSION_FAILURE]
                }
            }),
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
