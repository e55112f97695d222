//! What logind says of the person's screen and of the machine's sleep (org.freedesktop.login1(5)),
//! over the system bus. Only what the owner of its name says counts, about sessions of this user:
//! any program may send signals.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use opkssh_protocol::config::LockOn;
use zbus::export::futures_core::Stream as _;
use zbus::export::serde::{Serialize, de::DeserializeOwned};
use zbus::message::Type;
use zbus::zvariant::{DynamicType, OwnedFd, OwnedObjectPath, OwnedValue, Type as Signature};
use zbus::{Connection, Message, MessageStream, connection};

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER_PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// logind answers at once, or is not there.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What logind says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEvent {
    ScreenLocked,
    ScreenUnlocked,
    GoesToSleep,
    WokeUp,
}

/// Handles what logind says.
pub trait SessionFollower: Clone + Send + Sync + 'static {
    /// Returns when nothing is shown any more that should not be: sleep waits for this.
    fn handle(&self, event: SessionEvent) -> impl Future<Output = ()> + Send;

    /// logind cannot be followed, or not any more.
    fn cannot_follow(&self, why: &str);
}

/// Follows logind for as long as the daemon runs, if there is anything to lock on. Returns when it
/// is known whether the screen is locked now, or that logind does not tell.
pub async fn follow<F: SessionFollower>(follower: F, lock_on: BTreeSet<LockOn>) {
    if lock_on.is_empty() {
        return;
    }
    let opened = tokio::time::timeout(TIMEOUT, Listener::open(follower.clone(), lock_on));
    match opened.await.unwrap_or(Err(OpenError::Timeout)) {
        Ok(mut listener) => {
            match listener.owner {
                Some(_) => listener.ask_state().await,
                None => {
                    follower.cannot_follow("logind is not there; it will do so when logind comes")
                }
            }
            tokio::spawn(listener.listen());
        }
        Err(error) => follower.cannot_follow(&error.to_string()),
    }
}

#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("the system bus is not there ({0}); try again: opkssh agent restart")]
    Bus(#[from] zbus::Error),
    #[error("the system bus does not answer; try again: opkssh agent restart")]
    Timeout,
}

struct Listener<F> {
    follower: F,
    lock_on: BTreeSet<LockOn>,
    connection: Connection,
    /// All that comes; what is not logind's is passed over.
    messages: MessageStream,
    /// logind's own name on the bus; `None`: it is not there now.
    owner: Option<String>,
    /// While it is held, sleep waits for us (for 5 seconds, where nothing else is configured).
    inhibitor: Option<OwnedFd>,
}

impl<F: SessionFollower> Listener<F> {
    async fn open(follower: F, lock_on: BTreeSet<LockOn>) -> Result<Self, OpenError> {
        let connection = connection::Builder::system()?.build().await?;
        let mut listener = Self {
            follower,
            messages: MessageStream::from(&connection),
            owner: None,
            inhibitor: None,
            lock_on,
            connection,
        };
        let owner = format!("sender='{BUS}',member='NameOwnerChanged',arg0='{LOGIND}'");
        listener.add_match(&owner).await?;
        if listener.lock_on.contains(&LockOn::Sleep) {
            let sleep = format!("sender='{LOGIND}',member='PrepareForSleep'");
            listener.add_match(&sleep).await?;
        }
        if listener.lock_on.contains(&LockOn::Screen) {
            for member in ["Lock", "Unlock"] {
                let rule = format!("sender='{LOGIND}',interface='{SESSION}',member='{member}'");
                listener.add_match(&rule).await?;
            }
            let hints = format!(
                "sender='{LOGIND}',interface='{PROPERTIES}',member='PropertiesChanged',\
                 path_namespace='{MANAGER_PATH}/session',arg0='{SESSION}'"
            );
            listener.add_match(&hints).await?;
        }
        let owner = listener.call(BUS, BUS_PATH, BUS, "GetNameOwner", &LOGIND);
        listener.owner = owner.await.ok();
        Ok(listener)
    }

    async fn add_match(&self, rule: &str) -> zbus::Result<()> {
        let rule = format!("type='signal',{rule}");
        self.call(BUS, BUS_PATH, BUS, "AddMatch", &rule).await
    }

    /// Asks logind, which is there now, for what it does not repeat.
    async fn ask_state(&mut self) {
        self.inhibit().await;
        self.ask_whether_locked().await;
    }

    async fn listen(mut self) {
        while let Some(Ok(message)) =
            poll_fn(|context| Pin::new(&mut self.messages).poll_next(context)).await
        {
            if message.message_type() == Type::Signal {
                self.signal(&message).await;
            }
        }
        self.follower
            .cannot_follow("the system bus is gone; go on with: opkssh agent restart");
    }

    async fn signal(&mut self, message: &Message) {
        let header = message.header();
        let Some(sender) = header.sender().map(|sender| sender.as_str()) else {
            return;
        };
        let interface = header.interface().map_or("", |name| name.as_str());
        let member = header.member().map_or("", |name| name.as_str());
        let path = header.path().map_or("", |path| path.as_str());
        if sender == BUS {
            if member == "NameOwnerChanged" {
                self.owner_changed(message).await;
            }
            return;
        }
        if self.owner.as_deref() != Some(sender) {
            return;
        }
        match (interface, member) {
            (MANAGER, "PrepareForSleep") => match message.body().deserialize() {
                Ok(true) => {
                    self.follower.handle(SessionEvent::GoesToSleep).await;
                    // done: it may sleep
                    self.inhibitor = None;
                }
                Ok(false) => {
                    self.inhibit().await;
                    self.ask_whether_locked().await;
                    self.follower.handle(SessionEvent::WokeUp).await;
                    tracing::info!("awake again");
                }
                Err(_) => {}
            },
            (SESSION, "Lock") => self.screen(path, true).await,
            (SESSION, "Unlock") => self.screen(path, false).await,
            (PROPERTIES, "PropertiesChanged") => {
                if let Some(locked) = locked_hint(message) {
                    self.screen(path, locked).await;
                }
            }
            _ => {}
        }
    }

    async fn owner_changed(&mut self, message: &Message) {
        let body = message.body();
        let Ok((LOGIND, _, new)) = body.deserialize::<(&str, &str, &str)>() else {
            return;
        };
        self.inhibitor = None;
        self.owner = (!new.is_empty()).then(|| new.to_owned());
        match self.owner {
            Some(_) => self.ask_state().await,
            None => tracing::warn!("logind is gone"),
        }
    }

    /// Tells the follower. The last signal of any of the user's sessions counts: not all of them have a screen, and
    /// those that have none are never unlocked.
    async fn screen(&self, session: &str, locked: bool) {
        if !self.is_own(session).await {
            return;
        }
        self.follower
            .handle(match locked {
                true => SessionEvent::ScreenLocked,
                false => SessionEvent::ScreenUnlocked,
            })
            .await;
    }

    async fn inhibit(&mut self) {
        if !self.lock_on.contains(&LockOn::Sleep) {
            return;
        }
        let what = ("sleep", "opkssh", "Keys are taken out of memory", "delay");
        let inhibitor = self.call(LOGIND, MANAGER_PATH, MANAGER, "Inhibit", &what);
        match inhibitor.await {
            Ok(inhibitor) => self.inhibitor = Some(inhibitor),
            // it is told all the same, if not in time perhaps
            Err(error) => tracing::warn!("sleep will not wait for the agent: {error}"),
        }
    }

    async fn ask_whether_locked(&self) {
        if !self.lock_on.contains(&LockOn::Screen) {
            return;
        }
        // id, user, name, seat, path
        type Session = (String, u32, String, String, OwnedObjectPath);
        let sessions = self.call(LOGIND, MANAGER_PATH, MANAGER, "ListSessions", &());
        let sessions: Vec<Session> = sessions.await.unwrap_or_else(|error| {
            tracing::warn!("logind does not say whether the screen is locked: {error}");
            Vec::new()
        });
        for (_, user, _, _, path) in sessions {
            if user == own_user() && self.property(&path, "LockedHint").await == Some(true) {
                return self.follower.handle(SessionEvent::ScreenLocked).await;
            }
        }
    }

    async fn is_own(&self, session: &str) -> bool {
        let user = self.property::<(u32, OwnedObjectPath)>(session, "User");
        user.await.is_some_and(|(user, _)| user == own_user())
    }

    async fn property<T: TryFrom<OwnedValue>>(&self, session: &str, name: &str) -> Option<T> {
        let wanted = (SESSION, name);
        let value = self.call(LOGIND, session, PROPERTIES, "Get", &wanted);
        let value: OwnedValue = value.await.ok()?;
        T::try_from(value).ok()
    }

    async fn call<B, R>(
        &self,
        to: &str,
        path: &str,
        interface: &str,
        method: &str,
        body: &B,
    ) -> zbus::Result<R>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Signature,
    {
        let reply = self
            .connection
            .call_method(Some(to), path, Some(interface), method, body);
        let timeout = |_| zbus::Error::Failure("no answer".to_owned());
        let reply = tokio::time::timeout(TIMEOUT, reply).await;
        reply.map_err(timeout)??.body().deserialize()
    }
}

fn own_user() -> u32 {
    rustix::process::getuid().as_raw()
}

fn locked_hint(message: &Message) -> Option<bool> {
    let body = message.body();
    let (_, changed, _) = body
        .deserialize::<(String, HashMap<String, OwnedValue>, Vec<String>)>()
        .ok()?;
    bool::try_from(changed.get("LockedHint")?).ok()
}
