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
        let is_told = *told != SessionEnvironment::default();
        match is_told && told.rank() >= self.own.rank() {
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
mod tests;
