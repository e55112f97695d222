//! Accounts under a clock that the test sets, at a provider that mints by the same time.

mod go_verify;
mod lifetime;
mod locked;
mod refused_renewals;
mod side_by_side;
mod thirty_days;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use opkssh_protocol::certificate::{self, UnverifiedCertificate};
use opkssh_protocol::control::{AccountStatus, Event, LoginRequest, WhichAccount};
use opkssh_protocol::key_set::KeySet;
use opkssh_protocol::pk_token::{self, ExpirationPolicy, TrustedProvider, UnverifiedPkToken};
use opkssh_protocol::places::{BaseDirectories, Places};
use opkssh_protocol::time::UnixTime;
use opkssh_test_support::{MintingProvider, OnRefresh, free_port};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::provider::Http;
use super::{Account, Accounts, Clock, Held, Joined, StoreWish};
use crate::desktop::surroundings::Surroundings;

/// 2026-06-01, a Monday, 09:00 UTC.
const START: UnixTime = UnixTime(1_780_304_400);

/// A provider, a person with an agent, and the time.
struct World {
    accounts: Arc<Accounts>,
    held: Arc<Held>,
    provider: MintingProvider,
    expiration: ExpirationPolicy,
    request: LoginRequest,
    /// What the agent reads. It may be wrong …
    clock: Clock,
    /// … and this is right.
    time: AtomicI64,
    places: Places,
    _home: TempDir,
}

impl World {
    fn new(on_refresh: OnRefresh, id_token_ttl: i64, expiration: ExpirationPolicy) -> Self {
        Self::at(START, on_refresh, id_token_ttl, expiration)
    }

    fn at(
        start: UnixTime,
        on_refresh: OnRefresh,
        id_token_ttl: i64,
        expiration: ExpirationPolicy,
    ) -> Self {
        let store = StoreWish::Memory;
        Self::with_store(store, start, on_refresh, id_token_ttl, expiration)
    }

    fn with_store(
        store: StoreWish,
        start: UnixTime,
        on_refresh: OnRefresh,
        id_token_ttl: i64,
        expiration: ExpirationPolicy,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let directory = |name: &str| home.path().join(name);
        let places = Places::new(BaseDirectories {
            home: home.path().to_owned(),
            runtime: Some(directory("run")),
            state: directory("state"),
            config: directory("config"),
        });
        let provider = MintingProvider::start(on_refresh, id_token_ttl, start.0);
        let clock = Clock::simulated(start);
        let held = Arc::new(Held::new(Arc::default()).0);
        let surroundings = Arc::new(Surroundings::of_process(false));
        let mut accounts = Accounts::new(&places, store, held.clone(), surroundings);
        accounts.clock = clock.clone();
        let request = json!({"providers": [{
            "aliases": ["test"],
            "issuer": provider.issuer(),
            "client_id": MintingProvider::CLIENT,
            "scopes": ["openid"],
            "access_type": "",
            "prompt": "",
            "redirect_uris": [format!("http://localhost:{}/login-callback", free_port())],
            "send_access_token": false,
            "expiration": expiration.to_string(),
        }]});
        let request = serde_json::from_value(request).unwrap();
        Self {
            accounts: Arc::new(accounts),
            held,
            provider,
            expiration,
            request,
            clock,
            time: AtomicI64::new(start.0),
            places,
            _home: home,
        }
    }

    /// Another daemon takes over.
    fn restart(&mut self, store: StoreWish) {
        self.held = Arc::new(Held::new(Arc::default()).0);
        let surroundings = Arc::new(Surroundings::of_process(false));
        let mut accounts = Accounts::new(&self.places, store, self.held.clone(), surroundings);
        accounts.clock = self.clock.clone();
        accounts.read_index().unwrap();
        self.accounts = Arc::new(accounts);
    }

    fn now(&self) -> UnixTime {
        UnixTime(self.time.load(Ordering::SeqCst))
    }

    /// How far the agent's clock is ahead of the time.
    fn ahead(&self) -> i64 {
        self.clock.now().since(self.now())
    }

    /// The time goes on for everybody, by the same seconds.
    fn set_time(&self, time: UnixTime) {
        let ahead = self.ahead();
        self.time.store(time.0, Ordering::SeqCst);
        self.provider.set_time(time.0);
        self.clock.set(time.plus(ahead));
    }

    /// Somebody sets the agent's clock: this many seconds from what is right.
    fn set_clock_wrong(&self, ahead: i64) {
        self.clock.set(self.now().plus(ahead));
    }

    /// A person logs in, in a browser; how often it was opened.
    async fn log_in(&self) -> (AccountStatus, usize) {
        let (events, mut shown) = mpsc::channel(8);
        let login = async {
            let joined = self.accounts.log_in(&self.request, &events).await;
            drop(events);
            match joined.map_err(|error| error.to_string()).unwrap() {
                Joined::LoggedIn(status) | Joined::Usable(status) => status,
            }
        };
        let person = async {
            let mut openings = 0;
            while let Some(event) = shown.recv().await {
                if let Event::OpenBrowser { url, .. } = event {
                    openings += 1;
                    let http = Http::new(Arc::new(Surroundings::of_process(false)));
                    tokio::spawn(async move { http.get(&url).await });
                }
            }
            openings
        };
        tokio::join!(login, person)
    }

    fn account(&self) -> Arc<Account> {
        let mut accounts = self.accounts.find(&WhichAccount::All);
        assert_eq!(accounts.len(), 1);
        accounts.remove(0)
    }

    fn status(&self) -> AccountStatus {
        self.accounts.report(&self.account())
    }

    /// Would a server with this expiration policy let us in now, by what ssh sees in the agent?
    fn server_accepts(&self) -> Result<(), String> {
        let identities = self.held.listed();
        let shown = UnverifiedCertificate::parse(&identities[0].blob).unwrap();
        let shown = certificate::verify(shown, self.now()).map_err(|error| error.to_string())?;
        let provider = TrustedProvider {
            issuer: self.provider.issuer().to_owned(),
            client_ids: vec![MintingProvider::CLIENT.to_owned()],
            expiration: self.expiration,
        };
        let keys = KeySet::parse(self.provider.key_set().as_bytes()).unwrap();
        let pk_token = UnverifiedPkToken::parse_compact(shown.pk_token()).unwrap();
        pk_token::verify(pk_token, &provider, &keys, self.now())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}
