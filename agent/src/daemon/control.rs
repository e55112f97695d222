//! The control socket: one request a connection, answered by events. Hanging up cancels.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Listener as _;
use opkssh_protocol::control::{
    AgentStatus, Event, Failure, LockedPart, MAX_FRAME, Request, StatusReport, VERSION, Versioned,
    WhichAccount,
};
use opkssh_protocol::time::UnixTime;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use zeroize::Zeroizing;

use super::log::LogLevel;
use super::memory_lock::MemoryLock;
use super::program::Program;
use super::sockets::{Admit, admits};
use crate::accounts::store::StoreWish;
use crate::accounts::store::password::PasswordError;
use crate::accounts::{Accounts, EnsureError, Ensured, Joined, LogInError};
use crate::desktop::surroundings::Surroundings;
use crate::serving::usage::Usage;
use crate::serving::{PERSON_TIMEOUT, Serving};

/// A client that connects sends its request at once.
const REQUEST_PATIENCE: Duration = Duration::from_secs(10);

/// What the control socket steers.
pub struct Control {
    pub accounts: Arc<Accounts>,
    pub surroundings: Arc<Surroundings>,
    pub stop: watch::Sender<bool>,
    pub started: UnixTime,
    pub agent_socket: PathBuf,
    pub control_socket: PathBuf,
    pub store_wish: StoreWish,
    pub memory_lock: MemoryLock,
    pub idle_stop: Option<Duration>,
    pub lifetime: Option<Duration>,
    pub log_level: LogLevel,
    pub program: Option<Program>,
    pub usage: Arc<Usage>,
    pub serving: Arc<Serving>,
}

/// Accepts for as long as the daemon runs.
pub async fn accept(listener: Listener, control: Arc<Control>) {
    loop {
        match listener.accept().await {
            Ok(stream) if admits(Admit::User, &stream) => {
                let control = control.clone();
                let in_use = control.usage.begin();
                tokio::spawn(async move {
                    let _in_use = in_use;
                    if let Err(error) = converse(stream, &control).await {
                        tracing::debug!("control connection: {error}");
                    }
                });
            }
            Ok(_) => tracing::warn!("control connection of another user refused"),
            // out of file descriptors, most likely: let others finish first
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn converse(stream: Stream, control: &Control) -> io::Result<()> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let frame = tokio::time::timeout(REQUEST_PATIENCE, read_frame(&mut reader)).await??;
    let request = match parse(&frame) {
        Ok(versioned) => {
            if let Some(session) = versioned.session {
                control.surroundings.tell(session);
            }
            versioned.message
        }
        Err(failure) => return write_event(&mut writer, &Event::Failed { failure }).await,
    };
    drop(frame);
    let (events, mut outgoing) = mpsc::channel(16);
    let answering = answer(control, request, events);
    tokio::pin!(answering);
    let mut answered = false;
    loop {
        tokio::select! {
            biased;
            Some(event) = outgoing.recv() => {
                let written = write_event(&mut writer, &event).await;
                // not before the answer is out: the process may end at once
                if matches!(event, Event::Stopping) {
                    let _ = control.stop.send(true);
                }
                written?;
            }
            () = &mut answering, if !answered => answered = true,
            // the client sends nothing more; an end of file means that it is gone, and dropping
            // the answer cancels what it asked for
            _ = reader.read_u8(), if !answered => return Ok(()),
            else => return Ok(()),
        }
    }
}

/// Reads the version first: the rest may not be readable to us.
fn parse(frame: &[u8]) -> Result<Versioned<Request>, Failure> {
    #[derive(Deserialize)]
    struct Only {
        version: u32,
    }
    let version = serde_json::from_slice::<Only>(frame).map(|only| only.version);
    if let Ok(version) = version
        && version != VERSION
    {
        // so that an upgrade can end the daemon that it replaces, whichever is newer
        if is_stop(frame) {
            return Ok(Versioned::new(Request::Stop));
        }
        return Err(Failure {
            message: format!(
                "this command speaks version {version} to an agent of version {VERSION}"
            ),
            hint: Some("restart the agent: opkssh agent stop && opkssh agent start".to_owned()),
        });
    }
    serde_json::from_slice(frame).map_err(|_| Failure {
        message: "the agent does not understand the request".to_owned(),
        hint: None,
    })
}

fn is_stop(frame: &[u8]) -> bool {
    serde_json::from_slice::<Versioned<serde_json::Value>>(frame)
        .is_ok_and(|it| it.message.get("request").and_then(|name| name.as_str()) == Some("stop"))
}

async fn answer(control: &Control, request: Request, events: mpsc::Sender<Event>) {
    control.accounts.source.look_at_settings().await;
    if matches!(
        request,
        Request::Login(_)
            | Request::LoginAgain { .. }
            | Request::Logout { .. }
            | Request::Ensure { .. }
    ) {
        control.accounts.wake().await;
    }
    let last = match request {
        Request::Login(request) => {
            let joined = control.accounts.logins.log_in(&request, &events).await;
            logged_in(control, joined)
        }
        Request::LoginAgain {
            account,
            flow,
            asking,
            joining,
        } => {
            let logins = &control.accounts.logins;
            let joined = logins.log_in_again(&account, flow, asking, joining, &events);
            logged_in(control, joined.await)
        }
        Request::Logout { which, force } => match control.accounts.log_out(&which, force).await {
            Ok(accounts) => Event::LoggedOut { accounts },
            Err(error) => failed(error.to_string(), Some(error.hint())),
        },
        Request::Status => Event::Status {
            report: status(control).await,
        },
        Request::Ensure { which, ask_person } => ensure(control, &which, ask_person).await,
        Request::Lock { password } => {
            let locked = control.accounts.passwords.lock(password).await;
            after_password(control, locked)
        }
        Request::Unlock { part, password } => {
            let passwords = &control.accounts.passwords;
            let unlocked = match part {
                LockedPart::Screen => {
                    control.accounts.bring_back().await;
                    Ok(())
                }
                LockedPart::Agent => passwords.unlock(password).await,
                LockedPart::Store | LockedPart::NewStore => passwords.unlock_store(password).await,
            };
            after_password(control, unlocked)
        }
        Request::Redirected { url } => match control.accounts.logins.awaited.bring(&url) {
            Ok(()) => Event::RedirectTaken,
            Err(error) => Event::Failed {
                failure: error.into(),
            },
        },
        Request::Connecting(connecting) => {
            control.serving.announce(connecting);
            Event::Noted
        }
        Request::Stop => Event::Stopping,
    };
    let stop = matches!(last, Event::Stopping);
    let _ = events.send(last).await;
    if stop {
        // this connection ends with the process: that is how the client knows that all is tidied up
        std::future::pending::<()>().await;
    }
}

async fn ensure(control: &Control, which: &WhichAccount, ask_person: bool) -> Event {
    let accounts = &control.accounts;
    let mut ensured = accounts.ensure(which).await;
    if ask_person
        && let Err(EnsureError::LoginNeeded { account, .. }) = &ensured
        && let Some(alias) = account.clone()
    {
        let asked = accounts.on_demand.ask_person(std::slice::from_ref(&alias));
        let _ = tokio::time::timeout(PERSON_TIMEOUT, asked).await;
        ensured = accounts.ensure(which).await;
    }
    match ensured {
        Ok(Ensured(account)) => Event::Ready { account },
        Err(EnsureError::LoginNeeded { account, reason }) => Event::LoginNeeded { account, reason },
        Err(EnsureError::NotNow { reason, hint }) => failed(reason, hint),
        Err(EnsureError::Locked { part, reason }) => Event::Locked { part, reason },
    }
}

fn logged_in(control: &Control, joined: Result<Joined, Arc<LogInError>>) -> Event {
    match joined {
        Ok(Joined::LoggedIn(account)) => {
            let questions = &control.accounts.on_demand.questions;
            questions.forget_answer(&account.alias);
            Event::LoggedIn { account }
        }
        Ok(Joined::Usable(account)) => Event::Ready { account },
        Err(error) => not_logged_in(&error),
    }
}

fn not_logged_in(error: &LogInError) -> Event {
    match error.locked_part() {
        Some(part) => Event::Locked {
            part,
            reason: error.to_string(),
        },
        None => failed(error.to_string(), error.hint()),
    }
}

fn after_password(control: &Control, done: Result<(), PasswordError>) -> Event {
    match done {
        Ok(()) => Event::Unlockable {
            locked: control.accounts.locked_parts(),
        },
        Err(error) => failed(error.to_string(), error.hint()),
    }
}

fn failed(message: String, hint: Option<String>) -> Event {
    Event::Failed {
        failure: Failure { message, hint },
    }
}

async fn status(control: &Control) -> StatusReport {
    let store = control.accounts.store_choice().await;
    let (accounts, notices) = control.accounts.reports().await;
    StatusReport {
        agent: AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: control.started,
            agent_socket: control.agent_socket.display().to_string(),
            control_socket: control.control_socket.display().to_string(),
            store: store.kind.name().to_owned(),
            store_reason: store.reason,
            store_wish: control.store_wish.name().to_owned(),
            memory_lock: control.memory_lock.name().to_owned(),
            memory: control.memory_lock.in_force(),
            idle_stop: control.idle_stop.map(|limit| limit.as_secs()),
            lifetime: control.lifetime.map(|limit| limit.as_secs()),
            log_level: control.log_level.name().to_owned(),
            replaced: control.program.as_ref().is_some_and(Program::was_replaced),
            locked: control.accounts.locked_parts(),
            at_risk: control.accounts.at_risk(),
        },
        accounts,
        notices,
    }
}

async fn read_frame(
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
) -> io::Result<Zeroizing<Vec<u8>>> {
    let length = reader.read_u32().await? as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the frame is too large",
        ));
    }
    let mut frame = Zeroizing::new(vec![0; length]);
    reader.read_exact(&mut frame).await?;
    Ok(frame)
}

async fn write_event(
    writer: &mut (impl tokio::io::AsyncWrite + Unpin),
    event: &Event,
) -> io::Result<()> {
    // what a person is shown in a login is nobody else's business
    let json = Zeroizing::new(serde_json::to_vec(&Versioned::new(event))?);
    let length = u32::try_from(json.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut frame = Vec::with_capacity(4 + json.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&json);
    writer.write_all(&frame).await?;
    writer.flush().await
}
