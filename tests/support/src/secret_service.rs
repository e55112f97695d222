//! A keyring of one's own: gnome-keyring, or oo7, on a private D-Bus.

use std::cell::RefCell;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::Home;
use crate::bus::start_bus;
use crate::parts::part;
use crate::run::Running;
use crate::wait::wait_until;

/// Not empty: an empty one leaves the keyring's file unencrypted.
const PASSWORD: &str = "a keyring password of the tests";
const SERVICE: &str = "org.freedesktop.secrets";

/// Which Secret Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyring {
    Gnome,
    /// The crate `oo7-daemon`.
    Oo7,
}

/// A D-Bus session for [`Home`] with an unlocked default keyring. Nothing can be
/// started through this bus: what is not there stays away, and nobody answers
/// a request to unlock.
pub struct SecretService<'a> {
    home: &'a Home,
    kind: Keyring,
    // Dropped in this order: the keyring goes before its bus.
    keyring: RefCell<Option<Running>>,
    _bus: Running,
}

impl<'a> SecretService<'a> {
    /// GNOME's. Sets `DBUS_SESSION_BUS_ADDRESS` in `home`.
    pub fn start(home: &'a Home) -> Self {
        Self::start_kind(home, Keyring::Gnome)
    }

    pub fn start_kind(home: &'a Home, kind: Keyring) -> Self {
        let bus = start_bus(home);
        // Else the first store would ask, on a screen, which keyring is the default.
        home.write(".local/share/keyrings/default", "login");
        let mut service = Self {
            home,
            kind: Keyring::Gnome,
            keyring: RefCell::new(None),
            _bus: bus,
        };
        service.start_keyring();
        if kind == Keyring::Oo7 {
            // oo7 makes a new keyring locked, and asks on a screen: it takes over GNOME's
            let file = home.dir().join(".local/share/keyrings/login.keyring");
            wait_until("GNOME's keyring", || file.exists().then_some(()));
            service.kill();
            service.kind = kind;
            service.start_keyring();
        }
        service
    }

    /// Locks the keyring, as a screen saver may.
    pub fn lock(&self) {
        let locked = self
            .home
            .command("dbus-send")
            .args([
                "--session",
                "--print-reply",
                &format!("--dest={SERVICE}"),
                "/org/freedesktop/secrets",
            ])
            .args([
                "org.freedesktop.Secret.Service.Lock",
                &format!("array:objpath:{}", self.login_collection()),
            ])
            .run();
        locked.stdout();
    }

    fn login_collection(&self) -> &'static str {
        match self.kind {
            Keyring::Gnome => "/org/freedesktop/secrets/collection/login",
            Keyring::Oo7 => "/org/freedesktop/secrets/collection/Login",
        }
    }

    /// Unlocks it with the password, as the next login of the person does: by
    /// the message that PAM sends to the keyring's control socket.
    pub fn unlock(&self) {
        if self.kind == Keyring::Oo7 {
            // it takes the password at its start only
            self.end_keyring();
            self.start_keyring();
            return;
        }
        const UNLOCK: u32 = 1;
        let length = u32::try_from(PASSWORD.len()).expect("a short password");
        // A byte that carries the sender's credentials; then the length of all,
        // the operation and its argument.
        let mut message = vec![0];
        for number in [12 + length, UNLOCK, length] {
            message.extend(number.to_be_bytes());
        }
        message.extend(PASSWORD.as_bytes());

        let socket = self.home.runtime_dir().join("keyring/control");
        let mut control = UnixStream::connect(socket).expect("the keyring's control socket");
        control.write_all(&message).expect("ask the keyring");
        let mut answer = [0; 8];
        control
            .read_exact(&mut answer)
            .expect("the keyring's answer");
        assert_eq!(answer, [0, 0, 0, 8, 0, 0, 0, 0], "the keyring stays locked");
    }

    /// Leaves the service on the bus, but it answers no more until [`SecretService::thaw`].
    pub fn freeze(&mut self) {
        self.signal(Signal::STOP);
    }

    pub fn thaw(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Ends the keyring; the bus stays.
    pub fn kill(&mut self) {
        self.end_keyring();
    }

    fn end_keyring(&self) {
        if let Some(mut keyring) = self.keyring.take() {
            keyring.kill();
        }
        wait_until("the keyring leaves the bus", || {
            (!self.is_on_bus()).then_some(())
        });
    }

    /// After [`SecretService::kill`]: the keyring comes back, unlocked, with what was stored.
    pub fn restart(&mut self) {
        self.kill();
        self.start_keyring();
    }

    fn start_keyring(&self) {
        let mut keyring = match self.kind {
            Keyring::Gnome => self
                .home
                .command("gnome-keyring-daemon")
                .args(["--foreground", "--components=secrets", "--unlock"])
                .stdin(PASSWORD)
                .start(),
            Keyring::Oo7 => self.start_oo7(),
        };
        wait_until("the keyring is on the bus", || {
            assert!(
                !keyring.has_ended(),
                "the keyring ended: {}",
                keyring.stderr_so_far()
            );
            self.is_on_bus().then_some(())
        });
        self.keyring.replace(Some(keyring));
    }

    fn start_oo7(&self) -> Running {
        let program = part("oo7/bin/oo7-daemon");
        let run = if rustix::process::geteuid().is_root() {
            // with root's capabilities it locks all its memory, also where the limit for that is
            // too low to run
            self.home
                .command("setpriv")
                .args([
                    "--bounding-set=-all",
                    "--inh-caps=-all",
                    "--ambient-caps=-all",
                ])
                .arg(program)
        } else {
            self.home.command(program)
        };
        let run = run.env("OO7_PAM_SOCKET", self.home.beside("oo7-pam"));
        let mut keyring = run.arg("--login").stdin(PASSWORD).start();
        // a call that comes earlier is never answered
        keyring.wait_for("Starting PAM listener");
        keyring
    }

    fn is_on_bus(&self) -> bool {
        let asked = self
            .home
            .command("dbus-send")
            .args([
                "--session",
                "--print-reply",
                "--dest=org.freedesktop.DBus",
                "/org/freedesktop/DBus",
            ])
            .args([
                "org.freedesktop.DBus.NameHasOwner",
                &format!("string:{SERVICE}"),
            ])
            .run();
        asked.stdout().contains("boolean true")
    }

    fn signal(&mut self, signal: Signal) {
        self.keyring
            .get_mut()
            .as_mut()
            .expect("the keyring was killed")
            .signal(signal);
    }
}
