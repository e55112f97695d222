//! Runs the lifecycle's actions: files, stores and the provider.

use std::sync::Arc;

use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use super::reasons::Reason;
use crate::accounts::clock::Clock;
use crate::accounts::credentials::Credentials;
use crate::accounts::lifecycle::{
    Action, Event, FileFailed, Loaded, Outcome, RefreshOutcome, Revocation, SealedInStore, Step,
    StoreFailure,
};
use crate::accounts::material::{IndexEntry, Item, Real};
use crate::accounts::provider::{self, Effect, ProviderClient};
use crate::accounts::renewal::refresh::{self, RefreshError};
use crate::accounts::settings::Settings;
use crate::accounts::shared::Shared;
use crate::accounts::store::index::IndexFile;
use crate::accounts::store::password::PasswordError;
use crate::accounts::store::record;
use crate::accounts::store::seal_file::SealFile;
use crate::accounts::store::state_file::StateFile;
use crate::accounts::store::{StoreError, StoreKind, Stores};
use crate::desktop::surroundings::Surroundings;
use crate::failpoint;
use crate::seal::{SealKey, SealRecipient, is_sealed};

/// What actions are run with.
pub struct Actions {
    pub stores: Arc<Stores>,
    pub index: Arc<IndexFile>,
    pub seal_file: Arc<StateFile>,
    pub surroundings: Arc<Surroundings>,
    pub clock: Clock,
    pub settings: Arc<Settings>,
}

/// How a step ended, and why it failed.
type Ending = (Outcome<Real>, Option<Reason>);

/// An action's end, and why it failed.
pub struct Ended {
    pub event: Event<Real>,
    pub reason: Option<Reason>,
}

impl Actions {
    /// Runs an action to its end, which comes in any case.
    pub async fn run(self: Arc<Self>, action: Action<Real>) -> Ended {
        let event = panicked(&action);
        let running = tokio::spawn(async move { self.perform(action).await });
        let broken = Ended {
            event,
            reason: None,
        };
        running.await.unwrap_or(broken)
    }

    async fn perform(&self, action: Action<Real>) -> Ended {
        match action {
            Action::WriteSealFile { key, password } => {
                let file = self.seal_file.clone();
                let write = move || SealFile::write(&file, &key, &password);
                let written = tokio::task::spawn_blocking(write).await;
                let written = written.unwrap_or(Err(PasswordError::Ending));
                let (written, reason) = file_written(written, Reason::SealFile);
                let event = Event::SealFileWritten(written);
                Ended { event, reason }
            }
            Action::RemoveSealFile => {
                let file = self.seal_file.clone();
                let removed = tokio::task::spawn_blocking(move || file.remove()).await;
                let removed = removed.unwrap_or_else(|error| Err(error.into()));
                if let Err(error) = &removed {
                    tracing::warn!("{}: {error}", self.seal_file);
                }
                let event = Event::SealFileRemoved(removed.map_err(|_| FileFailed));
                let reason = None;
                Ended { event, reason }
            }
            Action::Account(name, step) => {
                let (outcome, reason) = self.step(&name, step).await;
                let event = Event::Ended(name, outcome);
                Ended { event, reason }
            }
        }
    }

    async fn step(&self, name: &str, step: Step<Real>) -> Ending {
        match step {
            Step::WriteIndex(entry) => self.write_index(name, entry).await,
            Step::Load { store, key } => self.load(name, store, key).await,
            Step::LoadAndSeal { store, recipient } => {
                let sealed = self.load_and_seal(name, store, &recipient).await;
                let (sealed, reason) = store_answered(sealed);
                (Outcome::SealedInStore(sealed), reason)
            }
            Step::Save { store, item } => {
                let (saved, reason) = store_answered(self.save(name, store, &item).await);
                match (saved, item.version.generation, item.intent) {
                    (Err(_), _, _) => {}
                    (Ok(()), 1, _) => failpoint::reached("login: stored"),
                    (Ok(()), _, true) => failpoint::reached("renewal: intent stored"),
                    (Ok(()), _, false) => {}
                }
                (Outcome::Saved(saved), reason)
            }
            Step::SaveSealed { store, text, .. } => {
                let saved = self.stores.save(store, name, Secret::new((*text).clone()));
                let (saved, reason) = store_answered(saved.await);
                (Outcome::Saved(saved), reason)
            }
            Step::Delete { store } => {
                let (deleted, reason) = store_answered(self.stores.delete(store, name).await);
                failpoint::reached("logout: secret deleted");
                (Outcome::Deleted(deleted), reason)
            }
            Step::Seal { item, recipient } => {
                let text = record::write(name, &item).ok();
                let text = text.and_then(|text| recipient.seal(&text).ok());
                (Outcome::Sealed(text.map(Shared::new)), None)
            }
            Step::Unseal { text, key } => {
                let opened = key.open(&text).map_err(|error| error.to_string());
                let item = opened.and_then(|text| {
                    record::read(&text, self.clock.now()).map_err(|error| error.to_string())
                });
                match item {
                    Ok(item) => (Outcome::Unsealed(Some(item)), None),
                    Err(reason) => (Outcome::Unsealed(None), Some(Reason::Item(reason))),
                }
            }
            Step::Refresh {
                token, credentials, ..
            } => {
                let answer = refresh::send(&self.surroundings, &credentials, &token).await;
                let (asked, reason) = asked(answer, &credentials, self.clock.now());
                (Outcome::Refreshed(asked), reason)
            }
            Step::Verify {
                credentials,
                answer,
            } => {
                failpoint::reached("renewal: new refresh token stored");
                match refresh::verify(&credentials, &answer, self.clock.now()) {
                    Ok(verified) => {
                        tracing::info!(account = name, "renewed");
                        (Outcome::Verified(Some(Shared::new(verified))), None)
                    }
                    Err(error) => {
                        let reason = Reason::Refresh(error.to_string());
                        (Outcome::Verified(None), Some(reason))
                    }
                }
            }
            Step::Revoke { token, credentials } => {
                let (revocation, reason) = self.revoke(credentials.provider(), &token).await;
                failpoint::reached("logout: token revoked");
                (Outcome::Revoked(revocation), reason)
            }
        }
    }

    async fn write_index(&self, name: &str, entry: Option<IndexEntry>) -> Ending {
        let (index, account) = (self.index.clone(), name.to_owned());
        let kind = entry
            .as_ref()
            .map(|entry| (entry.leaving, entry.version.generation));
        let written = tokio::task::spawn_blocking(move || index.write(&account, entry))
            .await
            .unwrap_or_else(|_| Err(StoreError::Index("the agent ends".to_owned())));
        match kind {
            Some((true, _)) => failpoint::reached("logout: tombstone written"),
            Some((false, 0)) => failpoint::reached("login: index written"),
            Some((false, _)) => {}
            None => failpoint::reached("logout: tombstone removed"),
        }
        let (written, reason) = file_written(written, Reason::Index);
        (Outcome::IndexWritten(written), reason)
    }

    async fn load(&self, name: &str, store: StoreKind, key: Option<Shared<SealKey>>) -> Ending {
        let (loaded, reason) = match self.load_item(name, store, key).await {
            Ok(Ok(loaded)) => (Ok(loaded), None),
            Ok(Err(reason)) => (Ok(Loaded::Damaged), Some(Reason::Item(reason))),
            Err(error @ StoreError::Unreadable) => {
                (Ok(Loaded::Damaged), Some(Reason::Item(error.to_string())))
            }
            Err(error) => store_answered(Err(error)),
        };
        (Outcome::Loaded(loaded), reason)
    }

    /// Loads an item, or says why what the store has is of no use.
    async fn load_item(
        &self,
        name: &str,
        store: StoreKind,
        key: Option<Shared<SealKey>>,
    ) -> Result<Result<Loaded<Real>, String>, StoreError> {
        let Some(text) = self.stores.load(store, name).await? else {
            return Ok(Ok(Loaded::Nothing));
        };
        let was_sealed = is_sealed(text.expose());
        let text = match (was_sealed, key) {
            (false, _) => text,
            (true, Some(key)) => match key.open(text.expose()) {
                Ok(text) => text,
                Err(_) => return Ok(Err("it is sealed with another password".to_owned())),
            },
            (true, None) => {
                let file = &self.seal_file;
                return Ok(Err(format!("it is sealed, and {file} is gone")));
            }
        };
        match record::read(&text, self.clock.now()) {
            Ok(item) => {
                tracing::info!(account = name, "restored from the store");
                Ok(Ok(Loaded::Found { item, was_sealed }))
            }
            Err(error) => {
                // nothing of it is kept sealed, so that it is not lost with the key
                if was_sealed {
                    self.stores.save(store, name, text).await?;
                }
                Ok(Err(error.to_string()))
            }
        }
    }

    /// What does not parse is sealed all the same: it may hold a token.
    async fn load_and_seal(
        &self,
        name: &str,
        store: StoreKind,
        recipient: &SealRecipient,
    ) -> Result<SealedInStore, StoreError> {
        let text = match self.stores.load(store, name).await {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(SealedInStore::Nothing),
            Err(StoreError::Unreadable) => return Ok(SealedInStore::Damaged),
            Err(error) => return Err(error),
        };
        if is_sealed(text.expose()) {
            return Ok(SealedInStore::Already);
        }
        let sealed = recipient.seal(&text).map_err(|_| StoreError::Unreadable)?;
        self.stores.save(store, name, Secret::new(sealed)).await?;
        Ok(match record::read_version(&text) {
            Ok(version) => SealedInStore::Done(version),
            Err(_) => SealedInStore::Damaged,
        })
    }

    async fn save(&self, name: &str, store: StoreKind, item: &Item) -> Result<(), StoreError> {
        let text = record::write(name, item).map_err(|_| StoreError::Unreadable)?;
        self.stores.save(store, name, text).await
    }

    async fn revoke(
        &self,
        provider: &opkssh_protocol::config::Provider,
        token: &Secret,
    ) -> (Revocation, Option<Reason>) {
        let revoked = match ProviderClient::discover(&self.surroundings, provider).await {
            Ok(client) => provider::revoke(&client, token).await,
            Err(error) => Err(error),
        };
        match revoked {
            Ok(true) => (Revocation::Revoked, None),
            Ok(false) => (Revocation::NotOffered, None),
            Err(error) => {
                let reason = Reason::Revocation(error.to_string());
                (Revocation::Failed, Some(reason))
            }
        }
    }
}

fn asked(
    answer: Result<(Option<Secret>, refresh::RefreshedTokens), RefreshError>,
    credentials: &Credentials,
    now: UnixTime,
) -> (RefreshOutcome<Real>, Option<Reason>) {
    let error = match answer {
        Ok((refresh_token, answer)) => {
            let asked = RefreshOutcome::Answered {
                refresh_token: refresh_token.map(Shared::new),
                answer: Shared::new(answer),
            };
            return (asked, None);
        }
        Err(error) => error,
    };
    let asked = match error.effect {
        Effect::None => RefreshOutcome::NotSent,
        Effect::InvalidGrant => RefreshOutcome::InvalidGrant,
        Effect::NeedsPerson => match refresh::left_to_person(credentials, now) {
            Ok(credentials) => RefreshOutcome::NeedsPerson(Shared::new(credentials)),
            Err(_) => RefreshOutcome::Refused,
        },
        Effect::Refused => RefreshOutcome::Refused,
        Effect::Unknown => RefreshOutcome::NoAnswer,
    };
    (asked, Some(Reason::Refresh(error.to_string())))
}

fn file_written<E>(
    written: Result<(), E>,
    reason: fn(E) -> Reason,
) -> (Result<(), FileFailed>, Option<Reason>) {
    match written {
        Ok(()) => (Ok(()), None),
        Err(error) => (Err(FileFailed), Some(reason(error))),
    }
}

fn store_answered<T>(answer: Result<T, StoreError>) -> (Result<T, StoreFailure>, Option<Reason>) {
    match answer {
        Ok(done) => (Ok(done), None),
        Err(error) => (Err(failure(&error)), Some(Reason::Store(error))),
    }
}

fn failure(error: &StoreError) -> StoreFailure {
    match error {
        StoreError::Unreadable => StoreFailure::Item,
        error if error.is_unclear() => StoreFailure::Unclear,
        error if error.is_locked() => StoreFailure::Locked,
        _ => StoreFailure::Unavailable,
    }
}

/// Returns the end of an action that panics: how far it came is not known.
fn panicked(action: &Action<Real>) -> Event<Real> {
    let (name, step) = match action {
        Action::WriteSealFile { .. } => return Event::SealFileWritten(Err(FileFailed)),
        Action::RemoveSealFile => return Event::SealFileRemoved(Err(FileFailed)),
        Action::Account(name, step) => (name.clone(), step),
    };
    let unclear = StoreFailure::Unclear;
    let outcome = match step {
        Step::WriteIndex(_) => Outcome::IndexWritten(Err(FileFailed)),
        Step::Load { .. } => Outcome::Loaded(Err(unclear)),
        Step::LoadAndSeal { .. } => Outcome::SealedInStore(Err(unclear)),
        Step::Save { .. } | Step::SaveSealed { .. } => Outcome::Saved(Err(unclear)),
        Step::Delete { .. } => Outcome::Deleted(Err(unclear)),
        Step::Seal { .. } => Outcome::Sealed(None),
        Step::Unseal { .. } => Outcome::Unsealed(None),
        Step::Refresh { .. } => Outcome::Refreshed(RefreshOutcome::NoAnswer),
        Step::Verify { .. } => Outcome::Verified(None),
        Step::Revoke { .. } => Outcome::Revoked(Revocation::Failed),
    };
    Event::Ended(name, outcome)
}
