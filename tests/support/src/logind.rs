//! A machine's screen and sleep: org.freedesktop.login1 on a private system bus.

use std::io::{PipeReader, Read as _};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use zbus::blocking::{Connection, connection};
use zbus::interface;
use zbus::zvariant::{ObjectPath, OwnedFd, OwnedObjectPath};

use crate::Home;
use crate::bus::start_system_bus;
use crate::run::Running;
use crate::wait::wait_until;

const LOGIND: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
/// The session of the user, and that of another one.
const OWN: &str = "/org/freedesktop/login1/session/_31";
const OTHER: &str = "/org/freedesktop/login1/session/_32";
const NOBODY: u32 = 65534;

/// A system bus with nobody on it yet.
pub struct SystemBus {
    address: String,
    _bus: Running,
}

/// logind, with one session of this user and one of another.
pub struct Logind {
    inhibitors: Arc<Mutex<Vec<PipeReader>>>,
    connection: Connection,
}

impl SystemBus {
    /// Sets `DBUS_SYSTEM_BUS_ADDRESS` in `home`.
    pub fn start(home: &Home) -> Self {
        let bus = start_system_bus(home);
        let address = home.var("DBUS_SYSTEM_BUS_ADDRESS").expect("a bus");
        Self {
            address: address.into_string().expect("an address"),
            _bus: bus,
        }
    }

    /// Gone when the value is dropped.
    pub fn logind(&self) -> Logind {
        let inhibitors = Arc::default();
        let manager = Manager {
            inhibitors: Arc::clone(&inhibitors),
        };
        let session = |user| Session {
            user,
            locked: false,
        };
        let own = session(rustix::process::getuid().as_raw());
        let connection = connection::Builder::address(&*self.address)
            .and_then(|builder| builder.serve_at(PATH, manager))
            .and_then(|builder| builder.serve_at(OWN, own))
            .and_then(|builder| builder.serve_at(OTHER, session(NOBODY)))
            .and_then(|builder| builder.name(LOGIND))
            .and_then(connection::Builder::build)
            .expect("a logind");
        Logind {
            inhibitors,
            connection,
        }
    }

    /// What any program may say: a signal of this name about the user's session.
    pub fn pretend(&self, to: &str, signal: &str) {
        let connection = connection::Builder::address(&*self.address)
            .and_then(connection::Builder::build)
            .expect("a connection");
        connection
            .emit_signal(Some(to), OWN, SESSION, signal, &())
            .expect("a signal");
        // the bus answers when it has passed the signal on
        names(&connection);
    }

    /// The names of all connections of this bus.
    pub fn everybody(&self) -> Vec<String> {
        let connection = connection::Builder::address(&*self.address)
            .and_then(connection::Builder::build)
            .expect("a connection");
        names(&connection)
    }
}

impl Logind {
    /// The session is told to lock or to unlock, as `loginctl` does it.
    pub fn ask_to_lock(&self, lock: bool) {
        self.emit(OWN, SESSION, if lock { "Lock" } else { "Unlock" }, &());
    }

    /// Likewise another user's session.
    pub fn ask_other_to_lock(&self, lock: bool) {
        self.emit(OTHER, SESSION, if lock { "Lock" } else { "Unlock" }, &());
    }

    /// The screen locker says what it did, without having been asked.
    pub fn set_locked(&self, locked: bool) {
        let session = self
            .connection
            .object_server()
            .interface::<_, Session>(OWN)
            .expect("the session");
        session.get_mut().locked = locked;
        zbus::block_on(session.get().locked_hint_changed(session.signal_emitter()))
            .expect("a signal");
    }

    /// The machine is about to sleep, or awake again.
    pub fn prepare_for_sleep(&self, sleep: bool) {
        self.emit(PATH, MANAGER, "PrepareForSleep", &sleep);
    }

    /// Waits until the machine may sleep: who holds that off has let go. False: nobody did.
    pub fn may_sleep(&self) -> bool {
        let inhibitors = std::mem::take(&mut *self.inhibitors());
        let is_held = !inhibitors.is_empty();
        for mut inhibitor in inhibitors {
            let mut nothing = Vec::new();
            inhibitor.read_to_end(&mut nothing).expect("its end");
        }
        is_held
    }

    /// Waits until somebody holds off sleep.
    pub fn wait_for_inhibitor(&self) {
        wait_until("somebody holds off sleep", || {
            (!self.inhibitors().is_empty()).then_some(())
        });
    }

    fn inhibitors(&self) -> MutexGuard<'_, Vec<PipeReader>> {
        self.inhibitors.lock()
    }

    fn emit<B: zbus::export::serde::Serialize + zbus::zvariant::DynamicType>(
        &self,
        path: &str,
        interface: &str,
        signal: &str,
        body: &B,
    ) {
        self.connection
            .emit_signal(None::<&str>, path, interface, signal, body)
            .expect("a signal");
    }
}

fn names(connection: &Connection) -> Vec<String> {
    let (bus, path) = ("org.freedesktop.DBus", "/org/freedesktop/DBus");
    let names = connection.call_method(Some(bus), path, Some(bus), "ListNames", &());
    let names = names.expect("names");
    names.body().deserialize().expect("names")
}

struct Manager {
    inhibitors: Arc<Mutex<Vec<PipeReader>>>,
}

#[interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let session = |id: &str, user, path| {
            let path = ObjectPath::from_static_str_unchecked(path);
            (id.into(), user, "me".into(), "seat0".into(), path.into())
        };
        vec![
            session("2", NOBODY, OTHER),
            session("1", rustix::process::getuid().as_raw(), OWN),
        ]
    }

    fn inhibit(
        &self,
        what: String,
        _who: String,
        _why: String,
        mode: String,
    ) -> zbus::fdo::Result<OwnedFd> {
        if (&*what, &*mode) != ("sleep", "delay") {
            return Err(zbus::fdo::Error::AccessDenied(what));
        }
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut inhibitors = self.inhibitors.lock();
        inhibitors.push(reader);
        Ok(std::os::fd::OwnedFd::from(writer).into())
    }
}

struct Session {
    user: u32,
    locked: bool,
}

#[interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn user(&self) -> (u32, OwnedObjectPath) {
        let path = "/org/freedesktop/login1/user/_1";
        (
            self.user,
            ObjectPath::from_static_str_unchecked(path).into(),
        )
    }

    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.locked
    }
}
