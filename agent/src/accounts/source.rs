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
use super::owner::Owner;
use super::passwords::Passwords;
use super::prompt::on_demand::OnDemandLogin;
use super::settings::Settings;
use crate::notices::Notices;
use crate::serving::sign::key_of;
use crate::serving::source::{Identity, IdentitySource, LoginSource, PasswordLock, Terms};

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
        published.identities(now)
    }

    /// By the key, too: a certificate that was renewed since it was listed names the same one.
    async fn find(&self, blob: &[u8]) -> Option<Identity> {
        let identities = self.identities().await;
        let listed = identities.iter().find(|it| it.blob == blob);
        let found = listed.or_else(|| {
            let key = key_of(blob)?;
            identities.iter().find(
                |it| matches!(&it.terms, Terms::Account { public_key, .. } if *public_key == key),
            )
        });
        found.cloned()
    }

    async fn sign(&self, identity: &Identity, data: &[u8], _flags: u32) -> Option<Vec<u8>> {
        let (published, now) = (self.owner.now(), self.clock.now());
        let name = &identity.name;
        let account = published.account(name)?;
        let item = published.shown(account, now).ok()?;
        let signature = item.credentials.sign(data);
        self.used
            .send_modify(|used| *used.entry(name.clone()).or_default() += 1);
        Some(signature)
    }
}

#[async_trait]
impl LoginSource for AccountSource {
    async fn bring_up_to_date(&self, names: &[String], end: Instant) {
        if locked::part(&self.owner.now().facts).is_some() {
            return;
        }
        let left = || end.saturating_duration_since(Instant::now());
        // who sees more after this asks for that, too
        self.owner.bring_back(left()).await;
        self.owner.want(names, left()).await;
    }

    async fn ask_person(&self, names: &[String], end: Instant) {
        if locked::part(&self.owner.now().facts).is_some() {
            return;
        }
        let left = end.saturating_duration_since(Instant::now());
        let asking = self.on_demand.ask_person(names);
        let _ = tokio::time::timeout(left, asking).await;
    }
}

/// The agent protocol's lock and unlock (RFC 9987 section 3.7).
pub struct AgentLock {
    pub owner: Owner,
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

    fn is_locked(&self) -> bool {
        locked::part(&self.owner.now().facts).is_some()
    }
}
