//! A connection to an upstream agent, for one connection here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use interprocess::local_socket::traits::StreamCommon as _;
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{GenericFilePath, ToFsName as _, tokio::Stream};
use opkssh_protocol::control::MAX_FRAME;
use opkssh_protocol::wire::{Malformed, Reader, put_string};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::timeout;

use super::UpstreamState;
use crate::serving::added::fingerprint_of;
use crate::serving::destination::MAX_BINDS;
use crate::serving::frame;
use crate::serving::message::{
    EXTENSION, IDENTITIES_ANSWER, MAX_LISTED, REQUEST_IDENTITIES, SESSION_BIND, SIGN_REQUEST,
    SIGN_RESPONSE, SUCCESS,
};
use crate::serving::source::{Identity, IdentitySource, Terms};

/// Bytes of a session bind: a host certificate and a signature fit many times.
const MAX_BIND: usize = 16 * 1024;
/// How long opening may take, with all that is repeated; then again an answer that needs no person.
const TIMEOUT: Duration = Duration::from_secs(2);
/// How long one may take for which a person may be asked, or has to touch a key.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(120);

pub struct UpstreamConnection {
    socket: PathBuf,
    shared: Arc<UpstreamState>,
    /// Session binds, to be repeated before anything else is asked. `None`: too many, or too large.
    binds: parking_lot::Mutex<Option<Vec<Arc<[u8]>>>>,
    stage: Mutex<Stage>,
}

#[derive(Default)]
enum Stage {
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
    _place: OwnedSemaphorePermit,
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
    #[error("there are too many session binds, or one is too large")]
    TooManyBinds,
    #[error("too many connections to upstream agents are open")]
    TooManyConnections,
}

impl UpstreamConnection {
    pub(super) fn new(socket: PathBuf, shared: Arc<UpstreamState>) -> Self {
        Self {
            socket,
            shared,
            binds: parking_lot::Mutex::new(Some(Vec::new())),
            stage: Mutex::default(),
        }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Notes a session bind of the connection here, good or not (PROTOCOL.agent section 1).
    pub fn bind(&self, body: &[u8]) {
        let mut binds = self.binds.lock();
        match &mut *binds {
            // one more than an agent takes, so that it sees what we saw
            Some(kept) if kept.len() <= MAX_BINDS && body.len() <= MAX_BIND => {
                kept.push(body.into());
            }
            _ => *binds = None,
        }
    }

    /// Passes on a request to add or remove a key that is not held here. Returns true if that was
    /// done.
    pub async fn pass_on(&self, request: &[u8]) -> bool {
        self.ask(request, CONFIRM_TIMEOUT).await == Some(vec![SUCCESS])
    }

    /// Asks the agent; `None` if it is gone.
    async fn ask(&self, request: &[u8], limit: Duration) -> Option<Vec<u8>> {
        let mut stage = self.stage.lock().await;
        let asked = self.try_ask(&mut stage, request, limit).await;
        asked.unwrap_or_else(|error| {
            self.give_up(&mut stage, &error);
            None
        })
    }

    fn give_up(&self, stage: &mut Stage, error: &UpstreamError) {
        *stage = Stage::Gone;
        if matches!(error, UpstreamError::Silent) {
            self.shared.note_silent(&self.socket);
        }
        let text = format!("upstream agent {}: {error}", self.socket.display());
        match error {
            // agents come and go
            UpstreamError::Unreachable(_) => tracing::debug!("{text}"),
            _ => self.shared.notices.warn(&text),
        }
    }

    async fn try_ask(
        &self,
        stage: &mut Stage,
        request: &[u8],
        limit: Duration,
    ) -> Result<Option<Vec<u8>>, UpstreamError> {
        let ready = timeout(TIMEOUT, self.make_ready(stage)).await;
        let Some(open) = ready.unwrap_or(Err(UpstreamError::Silent))? else {
            return Ok(None);
        };
        let asked = timeout(limit, exchange(&mut open.stream, request)).await;
        asked.unwrap_or(Err(UpstreamError::Silent)).map(Some)
    }

    /// Returns the connection, opened, and with all session binds repeated; `None` if it is gone.
    async fn make_ready<'a>(
        &self,
        stage: &'a mut Stage,
    ) -> Result<Option<&'a mut Open>, UpstreamError> {
        if matches!(stage, Stage::NotOpened) {
            *stage = Stage::Open(self.open().await?);
        }
        let Stage::Open(open) = stage else {
            return Ok(None);
        };
        loop {
            let next = match &*self.binds.lock() {
                Some(binds) => binds.get(open.repeated).cloned(),
                None => return Err(UpstreamError::TooManyBinds),
            };
            let Some(bind) = next else {
                return Ok(Some(open));
            };
            let mut request = vec![EXTENSION];
            put_string(&mut request, SESSION_BIND);
            request.extend_from_slice(&bind);
            // an agent that does not know binds has no constraints that depend on them
            exchange(&mut open.stream, &request).await?;
            open.repeated += 1;
        }
    }

    async fn open(&self) -> Result<Open, UpstreamError> {
        let place = self.shared.places.clone().try_acquire_owned();
        let place = place.map_err(|_| UpstreamError::TooManyConnections)?;
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
            _place: place,
        })
    }
}

#[async_trait]
impl IdentitySource for UpstreamConnection {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        let Some(answer) = self.ask(&[REQUEST_IDENTITIES], TIMEOUT).await else {
            return Arc::default();
        };
        let mut stage = self.stage.lock().await;
        match (read_list(&answer), &mut *stage) {
            (Ok(listed), Stage::Open(open)) => {
                open.listed = Arc::new(listed);
                open.listed.clone()
            }
            (Err(error), stage) => {
                self.give_up(stage, &error.into());
                Arc::default()
            }
            _ => Arc::default(),
        }
    }

    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let find = |listed: &[Identity]| listed.iter().find(|it| it.blob == blob).cloned();
        if let Stage::Open(open) = &*self.stage.lock().await
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
        let answer = self.ask(&request, CONFIRM_TIMEOUT).await?;
        let body = answer.strip_prefix(&[SIGN_RESPONSE])?;
        let mut reader = Reader::new(body);
        let signature = reader.string().ok()?.to_vec();
        reader.end().ok()?;
        Some(signature)
    }
}

async fn exchange(stream: &mut Stream, request: &[u8]) -> Result<Vec<u8>, UpstreamError> {
    frame::write(stream, request, CONFIRM_TIMEOUT).await?;
    let answer = frame::read(stream, 1..=MAX_FRAME, CONFIRM_TIMEOUT).await?;
    let answer = answer.ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?;
    Ok(answer.to_vec())
}

fn read_list(answer: &[u8]) -> Result<Vec<Identity>, Malformed> {
    let mut reader = Reader::new(answer);
    // a locked agent may refuse
    if reader.u8()? != IDENTITIES_ANSWER {
        return Ok(Vec::new());
    }
    let count = reader.u32()?;
    if count > MAX_LISTED {
        return Err(Malformed);
    }
    let mut listed = Vec::new();
    for _ in 0..count {
        let blob = reader.string()?.to_vec();
        listed.push(Identity {
            name: fingerprint_of(&blob),
            comment: String::from_utf8_lossy(reader.string()?).into_owned(),
            blob,
            terms: Terms::Upstream,
        });
    }
    reader.end()?;
    Ok(listed)
}
