//! What logind says of the person's screen and of the machine's sleep (org.freedesktop.login1(5)),
//! over the system bus. Only what the owner of its name says counts, about sessions of this user:
//! any program may send signals.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use opkssh_protocol::config::LockOn;
use zbus::export::futures_core::Stream as _;
use zbus::export::serde::Serialize;
use zbus::fdo::DBusProxy;
use zbus::message::Type;
use zbus::zvariant::{DynamicType, OwnedFd, OwnedObjectPath, OwnedValue};
use zbus::{Connection, MatchRule, Message, MessageStream, connection};

const LOGIND: &str = "org.freedesktop.login1";
const MANAGER_PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// The signals that are listened to: always, or to lock on something.
const SIGNALS: [(Option<LockOn>, &str); 5] = [
    (
        None,
        "sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.freedesktop.login1'",
    ),
    (
        Some(LockOn::Sleep),
        "sender='org.freedesktop.login1',member='PrepareForSleep'",
    ),
    (
        Some(LockOn::Screen),
        "sender='org.freedesktop.login1',interface='org.freedesktop.login1.Session',member='Lock'",
    ),
    (
        Some(LockOn::Screen),
        "sender='org.freedesktop.login1',interface='org.freedesktop.login1.Session',member='Unlock'",
    ),
    (
        Some(LockOn::Screen),
        "sender='org.freedesktop.login1',interface='org.freedesktop.DBus.Properties',\
         member='PropertiesChanged',path_namespace='/org/freedesktop/login1/session',\
         arg0='org.freedesktop.login1.Session'",
    ),
];
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

    /// logind is followed, perhaps again.
    fn follows(&self);

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
        let builder = connection::Builder::system()?.method_timeout(TIMEOUT);
        let connection = builder.build().await?;
        let messages = MessageStream::from(&connection);
        let bus = DBusProxy::new(&connection).await?;
        for (what, signal) in SIGNALS {
            if what.is_none_or(|what| lock_on.contains(&what)) {
                let rule = format!("type='signal',{signal}");
                let added = bus.add_match_rule(MatchRule::try_from(rule.as_str())?);
                added.await.map_err(zbus::Error::from)?;
            }
        }
        let owner = bus.get_name_owner(LOGIND.try_into().map_err(zbus::Error::from)?);
        Ok(Self {
            owner: owner.await.ok().map(|owner| owner.to_string()),
            follower,
            lock_on,
            messages,
            connection,
            inhibitor: None,
        })
    }

    /// Asks logind, which is there now, for what it does not repeat.
    async fn ask_state(&mut self) {
        self.follower.follows();
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
        let sender = header.sender().map(|sender| sender.as_str());
        let interface = header.interface().map_or("", |name| name.as_str());
        let member = header.member().map_or("", |name| name.as_str());
        let path = header.path().map_or("", |path| path.as_str());
        if sender == Some(BUS) && member == "NameOwnerChanged" {
            return self.owner_changed(message).await;
        }
        if sender.is_none() || self.owner.as_deref() != sender {
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
                    self.ask_state().await;
                    self.follower.handle(SessionEvent::WokeUp).await;
                    tracing::info!("awake again");
                }
                Err(_) => {}
            },
            (SESSION, "Lock") => self.screen(path, SessionEvent::ScreenLocked).await,
            (SESSION, "Unlock") => self.screen(path, SessionEvent::ScreenUnlocked).await,
            (PROPERTIES, "PropertiesChanged") => match locked_hint(message) {
                Some(true) => self.screen(path, SessionEvent::ScreenLocked).await,
                Some(false) => self.screen(path, SessionEvent::ScreenUnlocked).await,
                None => {}
            },
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

    /// Tells the follower. The last signal of any of the user's sessions counts: not all of them
    /// have a screen, and those that have none are never unlocked.
    async fn screen(&self, session: &str, event: SessionEvent) {
        let user = self.property::<(u32, OwnedObjectPath)>(session, "User");
        if user.await.is_some_and(|(user, _)| user == own_user()) {
            self.follower.handle(event).await;
        }
    }

    async fn inhibit(&mut self) {
        if !self.lock_on.contains(&LockOn::Sleep) {
            return;
        }
        let what = ("sleep", "opkssh", "Keys are taken out of memory", "delay");
        let inhibitor = self.call(MANAGER_PATH, MANAGER, "Inhibit", &what).await;
        match inhibitor.and_then(|reply| reply.body().deserialize()) {
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
        let sessions = self.call(MANAGER_PATH, MANAGER, "ListSessions", &()).await;
        let sessions = sessions.and_then(|reply| reply.body().deserialize::<Vec<Session>>());
        let sessions = sessions.unwrap_or_else(|error| {
            tracing::warn!("logind does not say whether the screen is locked: {error}");
            Vec::new()
        });
        for (_, user, _, _, path) in sessions {
            if user == own_user() && self.property(&path, "LockedHint").await == Some(true) {
                return self.follower.handle(SessionEvent::ScreenLocked).await;
            }
        }
    }

    async fn property<T: TryFrom<OwnedValue>>(&self, session: &str, name: &str) -> Option<T> {
        let wanted = (SESSION, name);
        let reply = self.call(session, PROPERTIES, "Get", &wanted).await;
        let value: OwnedValue = reply.ok()?.body().deserialize().ok()?;
        T::try_from(value).ok()
    }

    async fn call(
        &self,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl Serialize + DynamicType),
    ) -> zbus::Result<Message> {
        self.connection
            .call_method(Some(LOGIND), path, Some(interface), method, body)
            .await
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
