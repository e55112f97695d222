//! A desktop that shows notifications: org.freedesktop.Notifications on a private D-Bus.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use zbus::blocking::{Connection, connection};
use zbus::interface;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::OwnedValue;

use crate::Home;
use crate::bus::start_bus;
use crate::run::Running;
use crate::wait::wait_until;

const SERVER: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// What NotificationClosed says of a dismissal by the person, and of a call to close it.
const DISMISSED: u32 = 2;
const CLOSED: u32 = 3;

/// The desktop of a [`Home`]: its notifications, and the person's mouse.
pub struct Desktop {
    shown: Arc<Mutex<Vec<Notification>>>,
    connection: Connection,
    // Dropped last.
    _bus: Running,
}

/// A notification that a program showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    pub id: u32,
    pub summary: String,
    pub body: String,
    /// Pairs of key and label.
    pub actions: Vec<String>,
    /// No longer on the screen.
    pub closed: bool,
}

impl Desktop {
    /// Sets `DBUS_SESSION_BUS_ADDRESS` in `home`.
    pub fn start(home: &Home) -> Self {
        let bus = start_bus(home);
        let address = home.var("DBUS_SESSION_BUS_ADDRESS").expect("a bus");
        let shown = Arc::default();
        let server = Server {
            shown: Arc::clone(&shown),
        };
        let connection = connection::Builder::address(&*address.to_string_lossy())
            .and_then(|builder| builder.serve_at(PATH, server))
            .and_then(|builder| builder.name(SERVER))
            .and_then(connection::Builder::build)
            .expect("a notification server");
        Self {
            shown,
            connection,
            _bus: bus,
        }
    }

    /// Every notification so far, oldest first.
    pub fn shown(&self) -> Vec<Notification> {
        self.shown.lock().clone()
    }

    /// Waits until `count` notifications were shown; gives the last of them.
    pub fn wait_for(&self, count: usize) -> Notification {
        wait_until("a notification is shown", || {
            self.shown().into_iter().nth(count - 1)
        })
    }

    /// Waits until a notification is off the screen.
    pub fn wait_for_close(&self, id: u32) {
        wait_until("the notification is closed", || {
            let shown = self.shown();
            shown.iter().find(|one| one.id == id && one.closed).cloned()
        });
    }

    /// The person clicks on the button with this label, and the notification goes away.
    pub fn click(&self, notification: &Notification, label: &str) {
        let mut actions = notification.actions.chunks(2);
        let action = actions.find(|pair| pair[0] != "default" && pair[1] == label);
        let key = &action.unwrap_or_else(|| panic!("no button {label}: {notification:?}"))[0];
        self.emit("ActionInvoked", &(notification.id, key));
        self.dismiss(notification);
    }

    /// The person closes it.
    pub fn dismiss(&self, notification: &Notification) {
        close(&self.shown, notification.id);
        self.emit("NotificationClosed", &(notification.id, DISMISSED));
    }

    fn emit<B: zbus::export::serde::Serialize + zbus::zvariant::DynamicType>(
        &self,
        signal: &str,
        body: &B,
    ) {
        self.connection
            .emit_signal(None::<&str>, PATH, SERVER, signal, body)
            .expect("a signal");
    }
}

struct Server {
    shown: Arc<Mutex<Vec<Notification>>>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Server {
    #[allow(clippy::too_many_arguments, reason = "the specification's")]
    fn notify(
        &self,
        _app_name: String,
        _replaces_id: u32,
        _app_icon: String,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _expire_timeout: i32,
    ) -> u32 {
        let mut shown = self.shown.lock();
        let id = u32::try_from(shown.len()).expect("few") + 1;
        shown.push(Notification {
            id,
            summary,
            body,
            actions,
            closed: false,
        });
        id
    }

    async fn close_notification(
        &self,
        id: u32,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        close(&self.shown, id);
        Self::notification_closed(&emitter, id, CLOSED).await?;
        Ok(())
    }

    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let words = ["test", "test", "1", "1.2"].map(str::to_owned);
        words.into()
    }

    #[zbus(signal)]
    async fn notification_closed(
        emitter: &SignalEmitter<'_>,
        id: u32,
        reason: u32,
    ) -> zbus::Result<()>;
}

fn close(shown: &Mutex<Vec<Notification>>, id: u32) {
    for one in shown.lock().iter_mut().filter(|one| one.id == id) {
        one.closed = true;
    }
}
