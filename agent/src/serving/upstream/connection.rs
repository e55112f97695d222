//! A connection to an upstream agent, for one connection here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ToFsName as _, tokio::Stream};
use opkssh_protocol::control::MAX_FRAME;
use opkssh_protocol::wire::{Malformed, Reader, put_string};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Silent;
use crate::notices::Notices;
use crate::serving::added::fingerprint;
use crate::serving::destination::MAX_BINDS;
use crate::serving::frame;
use crate::serving::message::{
    EXTENSION, IDENTITIES_ANSWER, MAX_LISTED, REQUEST_IDENTITIES, SESSION_BIND, SIGN_REQUEST,
    SIGN_RESPONSE, SUCCESS,
};
use crate::serving::source::{Identity, IdentitySource, Terms};

/// How long an answer may take that needs no person.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long one may take for which a person may be asked, or has to touch a key.
const PERSON_TIMEOUT: Duration = Duration::from_secs(120);

pub struct UpstreamConnection {
    socket: PathBuf,
    silent: Arc<Silent>,
    notices: Arc<Notices>,
    /// Session binds, to be repeated before anything else is asked. `None`: too many.
    binds: parking_lot::Mutex<Option<Vec<Vec<u8>>>>,
    state: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    NotOpened,
    Open(Open),
    /// It failed, or did not make sense, and is not asked again on this connection.
    Gone,
}

struct Open {
    stream: Stream,
    /// How many of the binds were repeated.
    repeated: usize,
    listed: Arc<Vec<Identity>>,
}

#[derive(Debug, thiserror::Error)]
enum UpstreamError {
    #[error("it cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("it does not answer: {0}")]
    Io(#[from] io::Error),
    #[error("it does not answer in time")]
    Silent,
    #[error("its answer is malformed")]
    Malformed(#[from] Malformed),
    #[error("it is this agent itself")]
    Itself,
    #[error("there are too many session binds")]
    TooManyBinds,
}

impl UpstreamConnection {
    pub fn new(socket: PathBuf, silent: Arc<Silent>, notices: Arc<Notices>) -> Self {
        Self {
            socket,
            silent,
            notices,
            binds: parking_lot::Mutex::new(Some(Vec::new())),
            state: Mutex::default(),
        }
    }

    /// Asks the agent; `None` if it is gone.
    async fn ask(&self, request: &[u8], limit: Duration) -> Option<Vec<u8>> {
        let mut state = self.state.lock().await;
        let asked = self.try_ask(&mut state, request, limit).await;
        match asked {
            Ok(answer) => answer,
            Err(error) => {
                self.give_up(&mut state, &error);
                None
            }
        }
    }

    fn give_up(&self, state: &mut State, error: &UpstreamError) {
        *state = State::Gone;
        if matches!(error, UpstreamError::Silent) {
            self.silent.note(&self.socket);
        }
        let text = format!("upstream agent {}: {error}", self.socket.display());
        match error {
            // agents come and go
            UpstreamError::Unreachable(_) => tracing::debug!("{text}"),
            _ => self.notices.warn(&text),
        }
    }

    async fn try_ask(
        &self,
        state: &mut State,
        request: &[u8],
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, UpstreamError> {
        if matches!(state, State::NotOpened) {
            let opened = timeout(TIMEOUT, self.open()).await;
            *state = State::Open(opened.unwrap_or(Err(UpstreamError::Silent))?);
        }
        let State::Open(open) = state else {
            return Ok(None);
        };
        let binds = self.binds.lock().clone();
        let binds = binds.ok_or(UpstreamError::TooManyBinds)?;
        for bind in &binds[open.repeated..] {
            let mut request = vec![EXTENSION];
            put_string(&mut request, SESSION_BIND);
            request.extend_from_slice(bind);
            // an agent that does not know binds has no constraints that depend on them
            exchange(&mut open.stream, &request, TIMEOUT).await?;
            open.repeated += 1;
        }
        exchange(&mut open.stream, request, limit).await.map(Some)
    }

    async fn open(&self) -> Result<Open, UpstreamError> {
        let name = self.socket.as_path().to_fs_name::<GenericFilePath>();
        let connected = Stream::connect(name.map_err(UpstreamError::Unreachable)?).await;
        let stream = connected.map_err(UpstreamError::Unreachable)?;
        let peer = stream.peer_creds().ok().and_then(|peer| peer.pid());
        if peer.and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id()) {
            return Err(UpstreamError::Itself);
        }
        Ok(Open {
            stream,
            repeated: 0,
            listed: Arc::default(),
        })
    }
}

#[async_trait]
impl IdentitySource for UpstreamConnection {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        let Some(answer) = self.ask(&[REQUEST_IDENTITIES], TIMEOUT).await else {
            return Arc::default();
        };
        let mut state = self.state.lock().await;
        match (read_list(&answer), &mut *state) {
            (Ok(listed), State::Open(open)) => {
                open.listed = Arc::new(listed);
                open.listed.clone()
            }
            (Err(error), state) => {
                self.give_up(state, &error.into());
                Arc::default()
            }
            _ => Arc::default(),
        }
    }

    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let find = |listed: &[Identity]| listed.iter().find(|it| it.blob == blob).cloned();
        if let State::Open(open) = &*self.state.lock().await
            && let Some(found) = find(&open.listed)
        {
            return Some(found);
        }
        find(&self.identities().await)
    }

    async fn sign(&self, identity: &Identity, data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let mut request = vec![SIGN_REQUEST];
        put_string(&mut request, &identity.blob);
        put_string(&mut request, data);
        request.extend(flags.to_be_bytes());
        let answer = self.ask(&request, PERSON_TIMEOUT).await?;
        let body = answer.strip_prefix(&[SIGN_RESPONSE])?;
        let mut reader = Reader::new(body);
        let signature = reader.string().ok()?.to_vec();
        reader.end().ok()?;
        Some(signature)
    }

    fn bind(&self, body: &[u8]) {
        let mut binds = self.binds.lock();
        // one more than the agent takes, so that it sees what we saw
        match &mut *binds {
            Some(kept) if kept.len() <= MAX_BINDS => kept.push(body.to_vec()),
            _ => *binds = None,
        }
    }

    async fn pass_on(&self, request: &[u8]) -> bool {
        self.ask(request, PERSON_TIMEOUT).await == Some(vec![SUCCESS])
    }
}

async fn exchange(
    stream: &mut Stream,
    request: &[u8],
    limit: Duration,
) -> Result<Vec<u8>, UpstreamError> {
    let exchanged = async {
        frame::write(stream, request, limit).await?;
        let answer = frame::read(stream, 1..=MAX_FRAME, limit).await?;
        let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok::<_, io::Error>(answer.to_vec())
    };
    let exchanged = timeout(limit, exchanged).await;
    Ok(exchanged.map_err(|_| UpstreamError::Silent)??)
}

fn read_list(answer: &[u8]) -> Result<Vec<Identity>, Malformed> {
    let mut reader = Reader::new(answer);
    // a locked agent may refuse
    if reader.u8()? != IDENTITIES_ANSWER {
        return Ok(Vec::new());
    }
    let count = reader.u32()? as usize;
    if count > MAX_LISTED {
        return Err(Malformed);
    }
    let mut listed = Vec::new();
    for _ in 0..count {
        let blob = reader.string()?.to_vec();
        listed.push(Identity {
            name: fingerprint(&blob),
            comment: String::from_utf8_lossy(reader.string()?).into_owned(),
            blob,
            terms: Terms::Upstream,
        });
    }
    reader.end()?;
    Ok(listed)
}
