//! The life of an identity: login, mint, store, renew, logout.
//!
//! What an account is and what follows from it is decided in [`lifecycle`]. Its facts have one
//! owner (`owner/`), which everything else here tells of events and reads from.

mod account_for_login;
mod audited;
mod clock;
mod credentials;
pub mod default_account;
mod ensure;
mod key_files;
pub mod lifecycle;
mod locked;
mod log_in;
mod log_in_error;
mod log_out;
mod login;
mod material;
mod mint;
pub mod move_to_file_store;
mod owner;
mod passwords;
mod prompt;
mod provider;
mod renewal;
mod screen;
mod select;
mod settings;
mod shared;
mod source;
mod status;
pub mod store;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opkssh_protocol::control::{AccountStatus, LockedPart, Notice};
use opkssh_protocol::places::Places;
use tokio::sync::watch;

use crate::audit::Audit;
use crate::desktop::logind;
use crate::desktop::logind::SessionFollower as _;
use crate::desktop::surroundings::Surroundings;
use crate::notices::Notices;
use crate::seal::{SealRecipient, SealedWithLock};
use crate::serving::host_view::UnavailableAccount;
use lifecycle::{Event, Leaving, Suspended, unfinished};
use material::Facts;
use owner::{Actions, Owner, Published};
use prompt::on_demand::{OnDemandLogin, Questions};
use prompt::reminder::Reminder;
use screen::Screen;
use settings::Settings;
use shared::Shared;
use source::{AccountSource, AgentLock};
use store::index::IndexFile;
use store::password::PasswordError;
use store::seal_file::SealFile;
use store::state_file::StateFile;
use store::{StoreChoice, StoreError, Stores};

pub use clock::Clock;
pub use ensure::EnsureError;
pub use key_files::{KeyTarget, WriteKeysError, WrittenKeys, login_to_files};
pub use log_in::{Joined, Logins};
pub use log_in_error::LogInError;
pub use login::awaited::{Awaited, NotAwaited};
pub use passwords::Passwords;
pub use renewal::alarm::Alarm;

/// Every account of this user, and what can be done with them.
pub struct Accounts {
    owner: Owner,
    settings: Arc<Settings>,
    index: Arc<IndexFile>,
    clock: Clock,
    notices: Arc<Notices>,
    pub stores: Arc<Stores>,
    pub screen: Screen,
    pub logins: Arc<Logins>,
    pub passwords: Arc<Passwords>,
    pub on_demand: Arc<OnDemandLogin>,
    pub source: Arc<AccountSource>,
}

/// Where it is told what happens to accounts.
pub struct Records {
    pub notices: Arc<Notices>,
    pub audit: Arc<Audit>,
}

impl Accounts {
    /// Reads what is known of the accounts, and starts what keeps them. Needs a runtime.
    pub fn start(
        clock: Clock,
        places: &Places,
        store_choice: StoreChoice,
        lifetime: Option<Duration>,
        surroundings: Arc<Surroundings>,
        records: Records,
        also: Arc<dyn SealedWithLock>,
    ) -> Result<Self, StoreError> {
        let Records { notices, audit } = records;
        let settings = Arc::new(Settings::new(places.config_files().to_vec()));
        let index = Arc::new(IndexFile::new(StateFile::new(places.accounts_file())));
        let seal_file = Arc::new(StateFile::new(places.seal_file()));
        let facts = known_facts(&seal_file, &index, &settings, lifetime, &clock)?;
        let stores = Arc::new(match places.separate_socket() {
            Some(_) => Stores::in_memory(),
            None => Stores::new(store_choice, places.store_dir()),
        });
        let actions = Actions {
            stores: stores.clone(),
            index: index.clone(),
            seal_file: seal_file.clone(),
            surroundings: surroundings.clone(),
            clock: clock.clone(),
            settings: settings.clone(),
        };
        let owner = Owner::start(
            facts,
            actions,
            clock.clone(),
            notices.clone(),
            audit.clone(),
        );
        let passwords = Passwords::new(owner.clone(), seal_file, stores.clone(), also);
        let logins = Logins::new(
            owner.clone(),
            stores.clone(),
            index.clone(),
            surroundings.clone(),
            clock.clone(),
            audit.clone(),
        );
        let logins = Arc::new(logins);
        let on_demand = Arc::new(OnDemandLogin {
            owner: owner.clone(),
            logins: logins.clone(),
            surroundings,
            notices: notices.clone(),
            audit,
            clock: clock.clone(),
            questions: Questions::default(),
        });
        let source = AccountSource {
            owner: owner.clone(),
            settings: settings.clone(),
            clock: clock.clone(),
            on_demand: on_demand.clone(),
            used: watch::Sender::default(),
        };
        Ok(Self {
            screen: Screen::new(owner.clone(), notices.clone()),
            passwords: Arc::new(passwords),
            source: Arc::new(source),
            owner,
            settings,
            index,
            stores,
            clock,
            notices,
            logins,
            on_demand,
        })
    }

    /// Follows the person's screen, if the configuration says so. Returns when it is known whether
    /// it is locked now.
    pub async fn follow_screen(&self) {
        match self.settings.lock_on() {
            Some(lock_on) => logind::follow(self.screen.clone(), lock_on).await,
            None => {
                self.screen
                    .cannot_follow("the client configuration cannot be read");
                tokio::spawn(self.follow_screen_later());
            }
        }
        self.screen.is_known().await;
    }

    /// Follows the screen once the configuration can be read.
    fn follow_screen_later(&self) -> impl Future<Output = ()> + use<> {
        let (screen, settings) = (self.screen.clone(), self.settings.clone());
        let mut changes = self.owner.changes();
        async move {
            while changes.changed().await.is_ok() {
                let Some(lock_on) = settings.lock_on() else {
                    continue;
                };
                if lock_on.is_empty() {
                    screen.is_not_wanted();
                }
                return logind::follow(screen, lock_on).await;
            }
        }
    }

    /// Reminds of logins that end, for as long as the daemon runs.
    pub fn reminder(&self) -> Reminder {
        Reminder {
            owner: self.owner.clone(),
            on_demand: self.on_demand.clone(),
            notices: self.notices.clone(),
            clock: self.clock.clone(),
            used: self.source.used.subscribe(),
        }
    }

    /// Follows which accounts there are. One that is being logged out of is none. Needs a runtime.
    pub fn names(&self) -> watch::Receiver<BTreeSet<String>> {
        let names = |published: &Published| -> BTreeSet<String> {
            let accounts = published.facts.accounts.iter();
            let stay = accounts.filter(|account| account.leaving == Leaving::No);
            stay.map(|account| account.name.clone()).collect()
        };
        let mut changes = self.owner.changes();
        let (followed, follower) = watch::channel(names(&changes.borrow_and_update()));
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let now = names(&changes.borrow_and_update());
                followed.send_if_modified(|known| std::mem::replace(known, now.clone()) != now);
            }
        });
        follower
    }

    /// Returns true if there is an account of this name.
    pub fn has(&self, name: &str) -> bool {
        self.owner.now().account(name).is_some()
    }

    /// Returns what reads `agent.upstream` of the configuration, as it is at each call.
    pub fn upstream_setting(&self) -> impl Fn() -> Option<Vec<String>> + use<> {
        let settings = self.settings.clone();
        move || settings.look().upstream()
    }

    /// Returns the agent protocol's lock.
    pub fn agent_lock(&self) -> AgentLock {
        AgentLock {
            owner: self.owner.clone(),
            passwords: self.passwords.clone(),
            notices: self.notices.clone(),
        }
    }

    /// Drops every account from memory (SIGUSR1). What no store has yet goes as soon as one has it.
    pub fn drop_memory(&self) {
        self.owner.tell(Event::MemoryDropped);
        tracing::info!("identities dropped from memory (SIGUSR1)");
    }

    /// Somebody asks on the control socket: what SIGUSR1 dropped may come back.
    pub async fn wake(&self) {
        if self.owner.now().facts.agent.dropped {
            self.owner.apply(Event::ControlRequested).await;
        }
    }

    /// Returns every account, and what else the person should know.
    pub async fn reports(&self) -> (Vec<AccountStatus>, Vec<Notice>) {
        if self.settings.lock_on().is_some_and(|on| on.is_empty()) {
            self.screen.is_not_wanted();
        }
        let (reports, now) = status::reports(&self.owner, &self.settings, &self.clock).await;
        let now = now.into_iter().map(|text| Notice { at: None, text });
        (reports, now.chain(self.notices.list()).collect())
    }

    /// Returns the accounts that no server sees now.
    pub fn unavailable(&self) -> Vec<UnavailableAccount> {
        status::unavailable(&self.owner.now(), self.clock.now())
    }

    /// Returns what waits for a person, in the order in which to unlock it.
    pub fn locked_parts(&self) -> Vec<LockedPart> {
        locked::parts(&self.owner.now().facts, &self.stores)
    }

    /// Returns the accounts of which something is in memory only, locked or not.
    pub fn at_risk(&self) -> Vec<String> {
        self.owner.now().at_risk()
    }

    /// Returns true if all would be as it is now after a restart. Not while something is going on,
    /// nor while something is in memory only, nor while a person is asked or must not be asked, nor
    /// if that brought back what SIGUSR1 has dropped or a locked screen has put away.
    pub fn would_come_back(&self) -> bool {
        let published = self.owner.now();
        let agent = &published.facts.agent;
        !agent.dropped
            && !agent.suspended.any()
            && !self.on_demand.questions.matter(Instant::now())
            && self.logins.is_idle()
            && published.is_at_rest()
            && published.at_risk().is_empty()
    }

    /// Lets nothing new begin, and waits until nothing is half-way any more, for so long at most.
    /// Returns the accounts of which something is left to do.
    pub async fn finish(&self, limit: Duration) -> Vec<String> {
        let end = Instant::now() + limit;
        self.owner.apply(Event::Ending).await;
        self.logins.finish(limit).await;
        let at_rest = |published: &Published| published.is_at_rest().then_some(());
        let left = end.saturating_duration_since(Instant::now());
        self.owner.wait_for(left, at_rest).await;
        unfinished(&self.owner.now().facts)
    }
}

/// Reads what is known before any store was asked.
fn known_facts(
    seal_file: &StateFile,
    index: &IndexFile,
    settings: &Settings,
    lifetime: Option<Duration>,
    clock: &Clock,
) -> Result<Facts, StoreError> {
    let parse = |file: SealFile| {
        SealRecipient::parse(&file.recipient).map_err(|error| PasswordError::file(seal_file, error))
    };
    let recipient = SealFile::read(seal_file)?.map(parse).transpose()?;
    let entries = index.read()?.accounts.into_iter();
    // until logind says otherwise, the screen may be locked
    let screen = settings
        .lock_on()
        .is_some_and(|lock_on| !lock_on.is_empty());
    let suspended = Suspended {
        screen,
        sleep: false,
    };
    let lifetime = lifetime.map(|limit| i64::try_from(limit.as_secs()).unwrap_or(i64::MAX));
    Ok(Facts::at_start(
        entries.map(|named| (named.name, named.entry)),
        recipient.map(Shared::new),
        suspended,
        settings.look(),
        lifetime,
        clock.now(),
    ))
}
