//! The control socket: one request a connection, answered by events. Hanging up cancels.

mod status;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use interprocess::local_socket::tokio::Stream;
use interprocess::local_socket::traits::StreamCommon as _;
use opkssh_protocol::control::{
    AccountView, Event, Failure, JumpHost, LockedPart, MAX_FRAME, Request, VERSION, Versioned,
    WhichAccount,
};
use opkssh_protocol::printable::quoted;
use opkssh_protocol::time::UnixTime;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use self::status::{host_view, status};
use super::RunArgs;
use super::account_views::AccountViews;
use crate::accounts::default_account::{choose_default, default_account};
use crate::accounts::move_to_file_store::move_to_file_store;
use crate::accounts::store::password::PasswordError;
use crate::accounts::{Accounts, EnsureError, Joined, LogInError};
use crate::desktop::surroundings::Surroundings;
use crate::serving::frame::{self, FRAME_TIMEOUT};
use crate::serving::{PERSON_TIMEOUT, Serving};

/// A client that connects sends its request at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the control socket steers.
pub struct Control {
    pub accounts: Arc<Accounts>,
    pub surroundings: Arc<Surroundings>,
    pub stop: watch::Sender<bool>,
    pub started: UnixTime,
    pub agent_socket: PathBuf,
    pub control_socket: PathBuf,
    pub args: RunArgs,
    /// The file that this process was started from.
    pub program: Option<PathBuf>,
    pub serving: Arc<Serving>,
    pub views: AccountViews,
}

impl Control {
    /// Answers the request of one connection.
    pub async fn serve(self: Arc<Self>, stream: Stream) -> io::Result<()> {
        let peer = stream.peer_creds().ok().and_then(|creds| creds.pid());
        let (mut reader, mut writer) = tokio::io::split(stream);
        let frame = frame::read(&mut reader, 0..=MAX_FRAME, REQUEST_TIMEOUT);
        let Some(frame) = timeout(REQUEST_TIMEOUT, frame).await?? else {
            return Ok(());
        };
        let parsed = parse(&frame);
        // it may hold a password, and the answer may take minutes
        drop(frame);
        let request = match parsed {
            Ok(versioned) => {
                if let Some(session) = versioned.session {
                    self.surroundings.tell(session);
                }
                versioned.message
            }
            Err(failure) => return write_event(&mut writer, &Event::Failed { failure }).await,
        };
        if let Request::AccountView(view) = &request
            && peer.is_some_and(|pid| u32::try_from(pid) != Ok(view.process.pid))
        {
            let failure = other_namespace();
            return write_event(&mut writer, &Event::Failed { failure }).await;
        }
        let (events, mut outgoing) = mpsc::channel(16);
        let answering = answer(&self, request, events);
        tokio::pin!(answering);
        let mut answered = false;
        loop {
            tokio::select! {
                biased;
                Some(event) = outgoing.recv() => {
                    let written = write_event(&mut writer, &event).await;
                    // not before the answer is out: the process may end at once
                    if matches!(event, Event::Stopping) {
                        let _ = self.stop.send(true);
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
}

/// Reads the version first: the rest may not be readable to us.
fn parse(request: &[u8]) -> Result<Versioned<Request>, Failure> {
    #[derive(Deserialize)]
    struct AnyVersion {
        version: u32,
    }
    match serde_json::from_slice(request) {
        // so that an upgrade can end the daemon that it replaces, whichever is newer
        Ok(AnyVersion { version }) if version != VERSION && is_stop(request) => {
            Ok(Versioned::new(Request::Stop))
        }
        Ok(AnyVersion { version }) if version != VERSION => Err(Failure {
            message: format!(
                "this command speaks version {version} to an agent of version {VERSION}"
            ),
            hint: Some("restart the agent: opkssh agent restart".to_owned()),
            inconclusive: true,
            ..Failure::default()
        }),
        _ => serde_json::from_slice(request).map_err(|_| Failure {
            message: "the agent does not understand the request".to_owned(),
            ..Failure::default()
        }),
    }
}

fn is_stop(request: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(request)
        .is_ok_and(|any| any["message"]["request"] == "stop")
}

async fn answer(control: &Control, request: Request, events: mpsc::Sender<Event>) {
    let accounts = &control.accounts;
    accounts.source.look_at_settings().await;
    if matches!(
        request,
        Request::Login(_)
            | Request::LoginAgain { .. }
            | Request::Logout { .. }
            | Request::Ensure { .. }
    ) {
        accounts.wake().await;
    }
    let last = match request {
        Request::Login(request) => {
            logged_in(accounts, accounts.logins.log_in(&request, &events).await)
        }
        Request::LoginAgain {
            account,
            flow,
            asking,
            joining,
        } => {
            let joined = accounts
                .logins
                .log_in_again(&account, flow, asking, joining, &events);
            logged_in(accounts, joined.await)
        }
        Request::Logout { which, force } => match accounts.log_out(&which, force).await {
            Ok((accounts, failures)) => Event::LoggedOut {
                accounts,
                failures: (failures.iter())
                    .map(|error| Failure {
                        message: error.to_string(),
                        hint: Some(error.hint()),
                        ..Failure::default()
                    })
                    .collect(),
            },
            Err(error) => failed(&error, Some(error.hint())),
        },
        Request::Default { account } => {
            let chosen = match account {
                Some(word) => choose_default(accounts, word).await,
                None => default_account(accounts),
            };
            match chosen {
                Ok(account) => Event::DefaultAccount { account },
                Err(error) => failed(&error, error.hint()),
            }
        }
        Request::Status => Event::Status {
            report: status(control).await,
        },
        Request::Ensure { which, ask_person } => ensure(control, &which, ask_person).await,
        Request::Lock { password } => {
            after_password(accounts, accounts.passwords.lock(password).await)
        }
        Request::Unlock { part, password } => {
            let passwords = &accounts.passwords;
            let unlocked = match part {
                LockedPart::Screen => {
                    accounts.screen.bring_back().await;
                    Ok(())
                }
                LockedPart::Agent => passwords.unlock(password).await,
                LockedPart::Store | LockedPart::NewStore => passwords.unlock_store(password).await,
            };
            after_password(accounts, unlocked)
        }
        Request::Distrust { host, account } => distrust(control, host, account).await,
        Request::MoveToFileStore => match move_to_file_store(accounts).await {
            Ok(accounts) => Event::Moved { accounts },
            Err(error) => match error.locked_part() {
                Some(part) => Event::Locked {
                    part,
                    reason: error.to_string(),
                },
                None => failed(&error, Some("see what is wrong: opkssh status".to_owned())),
            },
        },
        Request::Redirected { url } => match accounts.logins.awaited.bring(&url) {
            Ok(()) => Event::RedirectTaken,
            Err(error) => Event::Failed {
                failure: error.into(),
            },
        },
        Request::Connecting(connecting) => {
            let account = connecting.account.clone().map(WhichAccount::Named);
            let visible = account.and_then(|account| accounts.visible(&account));
            let not_shown = visible.and_then(|visible| {
                let (names, serving) = (&connecting.names, &control.serving);
                serving.not_shown(&visible, names, Some(&connecting))
            });
            control.serving.announced.add(connecting);
            Event::Noted { not_shown }
        }
        Request::HostView(query) => Event::HostView {
            view: host_view(control, &query).await,
        },
        Request::AccountView(view) => open_view(control, view),
        Request::Stop => Event::Stopping,
    };
    let stop = matches!(last, Event::Stopping);
    let _ = events.send(last).await;
    if stop {
        // this connection ends with the process: that is how the client knows that all is tidied up
        std::future::pending::<()>().await;
    }
}

/// The view would end with whichever process has that number here.
fn other_namespace() -> Failure {
    Failure {
        message:
            "the command's process has another number here: it is in a PID namespace of its own"
                .to_owned(),
        hint: Some("run opkssh run --account where the agent runs".to_owned()),
        ..Failure::default()
    }
}

fn open_view(control: &Control, view: AccountView) -> Event {
    let AccountView {
        account: word,
        socket,
        process,
        lifetime,
    } = view;
    let which = WhichAccount::Named(word.clone());
    let Some((account, _)) = control.accounts.visible(&which) else {
        let hint = "show the accounts: opkssh status".to_owned();
        return failed(format!("there is no account {word}"), Some(hint));
    };
    match control.views.open(account, socket, process, lifetime) {
        Ok(()) => Event::AccountViewOpened,
        Err(error) => failed(&error, error.hint()),
    }
}

async fn ensure(control: &Control, which: &WhichAccount, ask_person: bool) -> Event {
    let accounts = &control.accounts;
    if let WhichAccount::MeantForHost(host) = which
        && let Some(visible) = accounts.visible(which)
        && let Some(not_shown) =
            control
                .serving
                .not_shown(&visible, std::slice::from_ref(host), None)
    {
        return Event::LoginNeeded {
            account: None,
            reason: not_shown.message,
            hint: not_shown.hint,
            unknown: false,
        };
    }
    let mut ensured = accounts.ensure(which).await;
    if ask_person
        && let Err(EnsureError::LoginNeeded { account, .. }) = &ensured
        && let Some(alias) = account.clone()
    {
        let asked = accounts.on_demand.ask_person(std::slice::from_ref(&alias));
        let _ = timeout(PERSON_TIMEOUT, asked).await;
        ensured = accounts.ensure(which).await;
    }
    match ensured {
        Ok(account) => Event::Ready { account },
        Err(EnsureError::LoginNeeded { account, reason }) => Event::LoginNeeded {
            account,
            reason,
            hint: None,
            unknown: false,
        },
        Err(EnsureError::Unknown { reason }) => Event::LoginNeeded {
            account: None,
            reason,
            hint: None,
            unknown: true,
        },
        Err(EnsureError::NotMeant { reason, hint }) => Event::LoginNeeded {
            account: None,
            reason,
            hint: Some(hint),
            unknown: false,
        },
        Err(EnsureError::NotNow { reason, hint }) => failed(reason, hint),
        Err(EnsureError::Locked { part, reason }) => Event::Locked { part, reason },
    }
}

async fn distrust(control: &Control, host: Option<String>, account: Option<String>) -> Event {
    let confirmations = &control.serving.confirmations;
    if let Some(name) = &account
        && !control.accounts.has(name)
    {
        let see = Some("see the accounts: opkssh status".to_owned());
        return failed(format!("there is no account {}", quoted(name)), see);
    }
    let is_meant = |it: &JumpHost| {
        let is_host = |host: &String| host.eq_ignore_ascii_case(&it.name) || *host == it.host_key;
        account.as_ref().is_none_or(|name| *name == it.account) && host.as_ref().is_none_or(is_host)
    };
    match confirmations.distrust(is_meant).await {
        Ok(jump_hosts) => Event::Distrusted { jump_hosts },
        Err(error) => failed(
            format!("no longer trusted, but only until the agent ends: {error}"),
            Some("make the state directory writable, and repeat the command".to_owned()),
        ),
    }
}

fn logged_in(accounts: &Accounts, joined: Result<Joined, Arc<LogInError>>) -> Event {
    match joined {
        Ok(Joined::LoggedIn(account)) => {
            accounts.on_demand.questions.forget_answer(&account.alias);
            Event::LoggedIn { account }
        }
        Ok(Joined::Usable(account)) => Event::Ready { account },
        Err(error) => match error.locked_part() {
            Some(part) => Event::Locked {
                part,
                reason: error.to_string(),
            },
            None => failed(&error, error.hint()),
        },
    }
}

fn after_password(accounts: &Accounts, done: Result<(), PasswordError>) -> Event {
    match done {
        Ok(()) => Event::Unlockable {
            locked: accounts.locked_parts(),
        },
        Err(error) => Event::Failed {
            failure: Failure {
                message: error.to_string(),
                hint: error.hint(),
                wrong_password: error == PasswordError::Wrong,
                ..Failure::default()
            },
        },
    }
}

fn failed(message: impl ToString, hint: Option<String>) -> Event {
    let message = message.to_string();
    Event::Failed {
        failure: Failure {
            message,
            hint,
            ..Failure::default()
        },
    }
}

async fn write_event(writer: &mut (impl AsyncWrite + Unpin), event: &Event) -> io::Result<()> {
    // what a person is shown in a login is nobody else's business
    let json = Zeroizing::new(serde_json::to_vec(&Versioned::new(event))?);
    frame::write(writer, &json, FRAME_TIMEOUT).await
}
