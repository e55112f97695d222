//! The accounts as a source of identities for the serving wing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use opkssh_protocol::secret::Secret;
use tokio::sync::watch;

use super::clock::Clock;
use super::lifecycle::Event;
use super::locked;
use super::material::AccountFacts;
use super::owner::Owner;
use super::passwords::Passwords;
use super::prompt::on_demand::OnDemandLogin;
use super::settings::Settings;
use crate::notices::Notices;
use crate::serving::source::{Identity, IdentitySource, PasswordLock, SignError};

pub struct AccountSource {
    pub owner: Owner,
    pub settings: Arc<Settings>,
    pub clock: Clock,
    pub on_demand: Arc<OnDemandLogin>,
    /// How often each account has signed since the daemon's start.
    pub used: watch::Sender<BTreeMap<String, u64>>,
}

impl AccountSource {
    /// Brings the identities up to date with what the person has configured by now. (Asks for the
    /// time of a file or two: handing that to another thread would take longer.)
    pub async fn look_at_settings(&self) {
        let in_force = self.settings.look();
        if self.owner.now().facts.agent.settings != in_force {
            self.owner.apply(Event::SettingsChanged(in_force)).await;
        }
    }
}

#[async_trait]
impl IdentitySource for AccountSource {
    async fn identities(&self) -> Arc<Vec<Identity>> {
        self.look_at_settings().await;
        let (published, now) = (self.owner.now(), self.clock.now());
        let is_shown = |identity: &Identity| {
            let account = published.account(&identity.name);
            account.is_some_and(|account| published.hidden(account, now).is_none())
        };
        if published.identities.iter().all(is_shown) {
            return published.identities.clone();
        }
        // the end of a lifetime that the owner has not heard of yet
        let shown = published.identities.iter().filter(|one| is_shown(one));
        Arc::new(shown.cloned().collect())
    }

    async fn freshen(&self, names: &[String], end: Instant) {
        if locked::part(&self.owner.now().facts).is_some() {
            return;
        }
        let left = || end.saturating_duration_since(Instant::now());
        // who sees more after this asks for that, too
        self.owner.bring_back(left()).await;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.owner.want(&names, left()).await;
    }

    async fn ask_person(&self, names: &[String], end: Instant) {
        if locked::part(&self.owner.now().facts).is_some() {
            return;
        }
        let left = end.saturating_duration_since(Instant::now());
        let asking = self.on_demand.ask_person(names);
        let _ = tokio::time::timeout(left, asking).await;
    }

    async fn sign(&self, name: &str, data: &[u8], _flags: u32) -> Result<Vec<u8>, SignError> {
        let (published, now) = (self.owner.now(), self.clock.now());
        let account = published.account(name);
        let account = account.filter(|one| published.hidden(one, now).is_none());
        let item = account.and_then(AccountFacts::item);
        let item = item.ok_or(SignError::NotUsable)?;
        let signature = item.credentials.sign(data);
        self.used
            .send_modify(|used| *used.entry(name.to_owned()).or_default() += 1);
        Ok(signature)
    }
}

/// The agent protocol's lock and unlock (RFC 9987 section 3.7).
pub struct AgentLock {
    pub passwords: Arc<Passwords>,
    pub notices: Arc<Notices>,
}

#[async_trait]
impl PasswordLock for AgentLock {
    async fn set(&self, locked: bool, password: Secret) -> bool {
        let done = match locked {
            true => self.passwords.lock(password).await,
            false => self.passwords.unlock(password).await,
        };
        if let Err(error) = &done {
            self.notices
                .warn(&format!("lock or unlock refused: {error}"));
        }
        done.is_ok()
    }
}
