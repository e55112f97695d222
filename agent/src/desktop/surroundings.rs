//! The session of the person as far as the daemon knows it: its own environment, and what its
//! clients tell of theirs.

use opkssh_protocol::session_environment::SessionEnvironment;
use parking_lot::Mutex;

/// What is known now.
pub struct Surroundings {
    own: SessionEnvironment,
    told: Mutex<SessionEnvironment>,
    /// Started by systemd, in a sandbox that programs of the person's must not be in.
    pub is_service: bool,
}

impl Surroundings {
    pub fn new(own: SessionEnvironment, is_service: bool) -> Self {
        Self {
            own,
            told: Mutex::default(),
            is_service,
        }
    }

    /// Reads the environment of this process.
    pub fn of_process(is_service: bool) -> Self {
        let own = SessionEnvironment::pick(|name| std::env::var(name).ok());
        Self::new(own, is_service)
    }

    /// Takes over a client's session. The latest one counts, but none takes the place of one where the person
    /// can be shown more, nor an ssh login that of a session at this machine.
    pub fn tell(&self, session: SessionEnvironment) {
        let mut told = self.told.lock();
        if session.rank() >= told.rank() {
            *told = session;
        }
    }

    /// Returns the session in which to show something to the person.
    pub fn session(&self) -> SessionEnvironment {
        let told = self.told.lock();
        // never mixed: the display of one session with the authority of another opens nothing
        match told.rank() >= self.own.rank() {
            true => told.clone(),
            false => self.own.clone(),
        }
    }

    /// Returns the bus for notifications: the daemon's own, where clients tell of none.
    pub fn bus(&self) -> Option<String> {
        let session = self.session();
        session.bus().or(self.own.bus()).map(str::to_owned)
    }

    /// Returns the proxies to use, where the daemon has none of its own.
    pub fn proxies(&self) -> Option<Proxies> {
        match Proxies::of(&self.own) {
            Some(_) => None,
            None => Proxies::of(&self.told.lock()),
        }
    }
}

/// Proxy variables of a session, at least one of which names a proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxies {
    pub http: Option<String>,
    pub https: Option<String>,
    pub all: Option<String>,
    pub none_for: Option<String>,
}

impl Proxies {
    fn of(session: &SessionEnvironment) -> Option<Self> {
        let get = |name| session.proxy(name).map(str::to_owned);
        let proxies = Self {
            http: get("http_proxy"),
            https: get("https_proxy"),
            all: get("all_proxy"),
            none_for: get("no_proxy"),
        };
        let names_one = proxies.http.is_some() || proxies.https.is_some() || proxies.all.is_some();
        names_one.then_some(proxies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(variables: &[(&str, &str)]) -> SessionEnvironment {
        SessionEnvironment::pick(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_latest_desktop_counts() {
        let surroundings = Surroundings::new(session(&[]), true);
        assert!(surroundings.bus().is_none());
        surroundings.tell(session(&[("XAUTHORITY", "/a")]));
        surroundings.tell(session(&[("DISPLAY", ":1")]));
        surroundings.tell(session(&[("http_proxy", "http://p")]));
        assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));
        let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b");
        surroundings.tell(session(&[("WAYLAND_DISPLAY", "w"), bus]));
        assert_eq!(surroundings.session().get("DISPLAY"), None);
        assert_eq!(surroundings.bus().as_deref(), Some("unix:path=/b"));
    }

    #[test]
    fn an_ssh_login_does_not_take_the_place_of_the_desktop() {
        let over_ssh = ("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22");
        let text_browser = ("BROWSER", "w3m");
        let surroundings = Surroundings::new(session(&[]), true);
        surroundings.tell(session(&[over_ssh, ("DISPLAY", "localhost:10")]));
        assert_eq!(
            surroundings.session().get("DISPLAY"),
            Some("localhost:10"),
            "the only one there is"
        );
        surroundings.tell(session(&[("DISPLAY", ":0")]));
        for later in [
            &[text_browser][..],
            &[text_browser, over_ssh],
            &[("DISPLAY", "localhost:10"), over_ssh],
            &[over_ssh],
        ] {
            surroundings.tell(session(later));
            assert_eq!(surroundings.session().get("DISPLAY"), Some(":0"));
        }
        surroundings.tell(session(&[("DISPLAY", ":1")]));
        assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));

        let own = Surroundings::new(session(&[("DISPLAY", ":0")]), false);
        own.tell(session(&[text_browser, over_ssh]));
        assert_eq!(own.session().get("DISPLAY"), Some(":0"));
    }

    #[test]
    fn its_own_proxies_come_first_and_its_own_desktop_last() {
        let own = session(&[("DISPLAY", ":0"), ("ALL_PROXY", "http://own")]);
        let surroundings = Surroundings::new(own, false);
        assert_eq!(surroundings.session().get("DISPLAY"), Some(":0"));
        surroundings.tell(session(&[("DISPLAY", ":1"), ("https_proxy", "http://p")]));
        assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));
        assert!(surroundings.proxies().is_none());
        let none = Surroundings::new(session(&[("no_proxy", "x")]), false);
        assert!(none.proxies().is_none());
        none.tell(session(&[("https_proxy", "http://p")]));
        let proxies = none.proxies().unwrap();
        assert_eq!(proxies.https.as_deref(), Some("http://p"));
    }
}
