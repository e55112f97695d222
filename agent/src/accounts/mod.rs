//! The life of an identity: login, mint, store, renew, logout.

mod adopt;
mod away;
mod clock;
mod ensure;
mod forget;
pub mod held;
mod key_files;
pub mod lifecycle;
mod lifetime;
mod lock;
mod login;
mod logout;
mod mint;
mod missing;
mod prompt;
mod provider;
mod publish;
mod renewal;
mod report;
mod restore;
mod settings;
mod source;
pub mod store;
mod whose;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use opkssh_protocol::control::{AccountState, WhichAccount};
use opkssh_protocol::places::Places;
use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;
use tokio::sync::{Notify, watch};

use crate::desktop::surroundings::Surroundings;
use crate::serving::hosts::host_matches;
use away::Away;
use clock::Clock;
use held::Held;
use lock::Lock;
use login::shared_login::SharedLogins;
use missing::Missing;
use prompt::on_demand::Questions;
use provider::Http;
use renewal::plan::{Plan, plan};
use settings::Settings;
use store::index::{Entry, IndexFile};
use store::record::{Credentials, Record};
use store::{StoreError, StoreKind, StoreWish, Stores};

pub use adopt::{AdoptError, Joined};
pub use away::Word;
pub use ensure::{EnsureError, Ensured};
pub use key_files::{KeyFileError, KeyTarget, WrittenKeys, login_to_files};
pub use login::awaited::{Awaited, NotAwaited};

/// Every account of this user.
pub struct Accounts {
    accounts: Mutex<BTreeMap<String, Arc<Account>>>,
    /// One lock an account's name, which outlives logins and logouts under that name.
    turns: Mutex<BTreeMap<String, Turn>>,
    /// Held for reading by whatever must not be cut off; see [`Accounts::finish`].
    busy: Arc<tokio::sync::RwLock<()>>,
    /// In the index, but not read from the store yet.
    missing: Mutex<Vec<Missing>>,
    /// Held while the store is asked for them; says when it was asked last.
    restoring: tokio::sync::Mutex<Option<Instant>>,
    /// Dropped from memory by a signal; see [`Accounts::forget_all`]. Changed under the table's lock.
    asleep: AtomicBool,
    /// See [`Accounts::hear`].
    away: Away,
    held: Arc<Held>,
    stores: Stores,
    /// See [`Accounts::lock_up`].
    lock: Lock,
    index: IndexFile,
    settings: Settings,
    /// The settings' version that the serving wing was shown.
    published: Mutex<u64>,
    logins: SharedLogins<Result<Joined, Arc<AdoptError>>>,
    http: Http,
    questions: Questions,
    surroundings: Arc<Surroundings>,
    clock: Clock,
    /// In seconds from the login on; see [`Accounts::limit_lifetime`].
    lifetime: Option<i64>,
    awaited: Awaited,
    /// Rung when a planned renewal may have moved.
    replan: Notify,
    /// Told whenever an account came, went or was made usable.
    changed: watch::Sender<()>,
}

/// One account. Whoever changes its tokens holds its turn; `state` is held for moments only.
pub struct Account {
    pub alias: String,
    turn: Turn,
    state: Mutex<State>,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

struct State {
    record: Record,
    credentials: Credentials,
    store: StoreKind,
    /// The store does not have the newest record.
    store_error: Option<StoreError>,
    /// What the store has may be sealed still, with the key of a lock that is over.
    may_be_sealed: bool,
    /// When the clockwork asks the store again.
    save_at: Option<UnixTime>,
    last_error: Option<String>,
    /// Renewals that failed in a row, when the last was tried, and when the clockwork tries next.
    failures: u32,
    tried_at: Option<UnixTime>,
    retry_at: Option<UnixTime>,
    /// The provider answered the last renewal with a refusal, not with a failure.
    refused: bool,
    /// See [`plan()`].
    early: u8,
    /// Logged out: nothing may bring it back.
    gone: bool,
}

impl Accounts {
    pub fn new(
        places: &Places,
        wish: StoreWish,
        held: Arc<Held>,
        surroundings: Arc<Surroundings>,
    ) -> Self {
        Self {
            accounts: Mutex::default(),
            turns: Mutex::default(),
            busy: Arc::default(),
            missing: Mutex::default(),
            restoring: tokio::sync::Mutex::default(),
            asleep: AtomicBool::new(false),
            away: Away::default(),
            held,
            stores: Stores::new(wish, places.store_dir()),
            lock: Lock::new(places.seal_file()),
            index: IndexFile::new(places.accounts_file()),
            settings: Settings::new(places.config_files().to_vec()),
            published: Mutex::default(),
            logins: SharedLogins::default(),
            http: Http::new(surroundings.clone()),
            questions: Questions::default(),
            surroundings,
            clock: Clock::system(),
            lifetime: None,
            awaited: Awaited::default(),
            replan: Notify::new(),
            changed: watch::Sender::new(()),
        }
    }

    /// The accounts that `which` names: for a default or a host, at most one; for a provider's
    /// name, all that are there.
    fn find(&self, which: &WhichAccount) -> Vec<Arc<Account>> {
        let accounts: Vec<_> = self.lock().values().cloned().collect();
        let default = || match self.settings.default_account() {
            Some(name) => accounts.iter().find(|account| account.alias == name),
            None => accounts
                .iter()
                .max_by_key(|account| account.state().record.logged_in_at),
        };
        match which {
            WhichAccount::All => accounts,
            WhichAccount::Default => default().cloned().into_iter().collect(),
            WhichAccount::Named(name) => {
                let mut found = accounts.clone();
                if accounts.iter().any(|account| account.alias == *name) {
                    found.retain(|account| account.alias == *name);
                } else {
                    found.retain(|account| account.state().record.provider.is_called(name));
                }
                found
            }
            WhichAccount::ForHost(host) | WhichAccount::MeantForHost(host) => {
                let default = default();
                let settings = |account: &Arc<Account>| self.settings.of(&account.state().record);
                let mut meant: Vec<_> = accounts
                    .iter()
                    .filter(|account| host_matches(host, &settings(account).visibility.hosts))
                    .collect();
                // else the default one: where an account must be meant, if every server is shown it
                if meant.is_empty() {
                    let any = matches!(which, WhichAccount::ForHost(_));
                    let fits =
                        |one: &&Arc<Account>| any || settings(one).visibility.hosts.is_empty();
                    meant.extend(default.filter(fits));
                }
                let rank = |one: &&Arc<Account>| {
                    let is_default = default.is_some_and(|default| default.alias == one.alias);
                    (is_default, one.state().record.logged_in_at)
                };
                let found = meant.into_iter().max_by_key(rank);
                found.cloned().into_iter().collect()
            }
        }
    }

    fn plan(&self, state: &State) -> Plan {
        plan(
            state.credentials.times(),
            self.settings.of(&state.record).expiration,
            state.record.renewal,
            state.record.refresh_token.is_some(),
            state.early,
        )
        .until(self.logs_out_at(&state.record))
    }

    /// As planned; past the deadline, a provider that refuses to renew leaves it to a person. (The
    /// clockwork goes on asking: a client may be registered again.)
    fn account_state(&self, state: &State) -> AccountState {
        let (plan, now) = (self.plan(state), self.clock.now());
        match state.refused && !plan.is_usable(now) {
            true => AccountState::LoginNeeded,
            false => plan.state(now),
        }
    }

    /// The lock of whoever logs in, renews or logs out under this name.
    fn turn(&self, alias: &str) -> Turn {
        let mut turns = self
            .turns
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        turns.entry(alias.to_owned()).or_default().clone()
    }

    /// Runs `work` to its end, whether anybody waits for it or not, and the daemon's end waits for
    /// it too: what a provider has given or been told must not be lost half-way.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let busy = self.busy.clone();
        tokio::spawn(async move {
            let _busy = busy.read_owned().await;
            work.await
        })
        .await
        .ok()
    }

    /// Brings the browser's answer to the login that waits for it.
    pub fn bring(&self, answer: &Secret) -> Result<(), NotAwaited> {
        self.awaited.bring(answer)
    }

    /// Waits until nothing is half-way any more, and lets nothing new begin.
    pub async fn finish(&self) {
        std::mem::forget(self.busy.clone().write_owned().await);
    }

    /// Is it this very account that the table has, and not one of its name that came later?
    fn is_held(&self, account: &Arc<Account>) -> bool {
        let accounts = self.lock();
        accounts
            .get(&account.alias)
            .is_some_and(|held| Arc::ptr_eq(held, account))
    }

    fn missing(&self) -> MutexGuard<'_, Vec<Missing>> {
        self.missing
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn is_missing(&self, alias: &str) -> bool {
        self.missing().iter().any(|one| one.entry.alias == alias)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Account>>> {
        self.accounts
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Account {
    fn new(
        alias: String,
        turn: Turn,
        record: Record,
        credentials: Credentials,
        store: StoreKind,
    ) -> Self {
        let mut early = [0];
        // without randomness all renew at the planned second, which is no harm
        let _ = getrandom::fill(&mut early);
        Self {
            alias,
            turn,
            state: Mutex::new(State {
                record,
                credentials,
                store,
                store_error: None,
                may_be_sealed: false,
                save_at: None,
                last_error: None,
                failures: 0,
                tried_at: None,
                retry_at: None,
                refused: false,
                early: early[0],
                gone: false,
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    /// What the index says of the account.
    fn entry(&self, alias: &str) -> Entry {
        Entry {
            sealed: self.may_be_sealed,
            ..Entry::new(alias, &self.record, self.store)
        }
    }
}
