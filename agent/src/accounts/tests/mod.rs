//! Accounts under a clock that the test sets, at a provider that mints by the same time.

mod go_verify;
mod lifetime;
mod locked;
mod refused_renewals;
mod side_by_side;
mod thirty_days;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

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

use super::lifecycle::{self, wake};
use super::material::AccountFacts;
use super::owner::Published;
use super::provider::Http;
use super::{Accounts, Clock, Joined, Records, StoreChoice, status};
use crate::audit::Audit;
use crate::desktop::surroundings::Surroundings;
use crate::serving::added::AddedKeys;

/// 2026-06-01, a Monday, 09:00 UTC.
const START: UnixTime = UnixTime(1_780_304_400);
/// An agent that does something comes to rest within this.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A provider, a person with an agent, and the time.
struct World {
    accounts: Accounts,
    provider: MintingProvider,
    expiration: ExpirationPolicy,
    request: LoginRequest,
    lifetime: Option<Duration>,
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
        let store = StoreChoice::Memory;
        Self::with_store(store, start, on_refresh, id_token_ttl, expiration)
    }

    fn with_store(
        store: StoreChoice,
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
        let accounts = start_agent(&places, &clock, store, None);
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
            accounts,
            provider,
            lifetime: None,
            expiration,
            request,
            clock,
            time: AtomicI64::new(start.0),
            places,
            _home: home,
        }
    }

    /// Another daemon takes over.
    fn restart(&mut self, store: StoreChoice) {
        self.accounts = start_agent(&self.places, &self.clock, store, self.lifetime);
    }

    /// Returns when the agent has done what there is to do now.
    async fn rest(&self) {
        let owner = &self.accounts.owner;
        owner.apply(lifecycle::Event::TimePassed).await;
        let at_rest = |published: &Published| published.is_at_rest().then_some(());
        owner.wait_for(TIMEOUT, at_rest).await.expect("it rests");
    }

    /// Returns when the agent will look again by itself.
    fn next_work(&self) -> Option<UnixTime> {
        wake(&self.accounts.owner.now().facts, self.clock.now())
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
        self.log_in_while(|| ()).await
    }

    /// The same; `opened` runs when the browser is opened.
    async fn log_in_while(&self, opened: impl Fn()) -> (AccountStatus, usize) {
        let (events, mut shown) = mpsc::channel(8);
        let login = async {
            let joined = self.accounts.logins.log_in(&self.request, &events).await;
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
                    opened();
                    let http = Http::new(Arc::new(Surroundings::of_process(false)));
                    tokio::spawn(async move { http.get(&url).await });
                }
            }
            openings
        };
        tokio::join!(login, person)
    }

    /// Returns the names of the accounts in memory.
    fn held(&self) -> Vec<String> {
        let published = self.accounts.owner.now();
        let held = published
            .facts
            .accounts
            .iter()
            .filter(|one| one.item().is_some());
        held.map(|account| account.name.clone()).collect()
    }

    /// Looks at the only account.
    fn account<T>(&self, look: impl FnOnce(&AccountFacts) -> T) -> T {
        let published = self.accounts.owner.now();
        let [account] = &published.facts.accounts[..] else {
            panic!("there is not one account");
        };
        look(account)
    }

    fn status(&self) -> AccountStatus {
        let published = self.accounts.owner.now();
        let now = self.clock.now();
        self.account(|account| {
            let item = account.item().expect("in memory");
            status::of_item(&published, account, item, now)
        })
    }

    /// Fails if a server with this expiration policy would refuse what ssh sees in the agent now.
    fn server_accepts(&self) -> Result<(), String> {
        let identities = self.accounts.owner.now().identities(self.clock.now());
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

fn start_agent(
    places: &Places,
    clock: &Clock,
    store: StoreChoice,
    lifetime: Option<Duration>,
) -> Accounts {
    std::fs::create_dir_all(places.accounts_file().unwrap().parent().unwrap()).unwrap();
    let surroundings = Arc::new(Surroundings::of_process(false));
    let records = Records {
        notices: Arc::default(),
        audit: Arc::new(Audit::off()),
    };
    Accounts::start(
        clock.clone(),
        places,
        store,
        lifetime,
        surroundings,
        records,
        Arc::new(AddedKeys::new(None)),
    )
    .unwrap()
}
