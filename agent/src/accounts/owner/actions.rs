//! Runs the lifecycle's actions: files, stores and the provider.

use std::path::PathBuf;
use std::sync::Arc;

use opkssh_protocol::secret::Secret;
use opkssh_protocol::time::UnixTime;

use super::said::Heard;
use crate::accounts::clock::Clock;
use crate::accounts::credentials::Credentials;
use crate::accounts::lifecycle::{
    Action, Asked, Event, FileFailed, Loaded, Outcome, Revocation, SealedInStore, Step,
    StoreFailure,
};
use crate::accounts::material::{IndexEntry, Item, Real};
use crate::accounts::provider::{Effect, ProviderClient};
use crate::accounts::renewal::exchange::{self, AskError};
use crate::accounts::settings::Settings;
use crate::accounts::shared::Shared;
use crate::accounts::store::index::IndexFile;
use crate::accounts::store::record;
use crate::accounts::store::seal::{Lid, SealKey, is_sealed};
use crate::accounts::store::seal_file::SealFile;
use crate::accounts::store::{StoreError, StoreKind, Stores, private_file};
use crate::desktop::surroundings::Surroundings;
use crate::failpoint;

/// What actions are run with.
pub struct Actions {
    pub stores: Arc<Stores>,
    pub index: Arc<IndexFile>,
    pub seal_file: PathBuf,
    pub surroundings: Arc<Surroundings>,
    pub clock: Clock,
    pub settings: Arc<Settings>,
}

/// Why a load gave no item.
enum NotLoaded {
    /// What the store has is of no use.
    Damaged(String),
    Store(StoreError),
}

impl From<StoreError> for NotLoaded {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unreadable => Self::Damaged(error.to_string()),
            error => Self::Store(error),
        }
    }
}

/// An action's end.
pub struct Ended {
    pub event: Event<Real>,
    pub heard: Heard,
}

impl Actions {
    /// Runs an action to its end, which comes in any case.
    pub async fn run(self: Arc<Self>, action: Action<Real>) -> Ended {
        let broken = broken(&action);
        let running = tokio::spawn(async move { self.perform(action).await });
        running.await.unwrap_or(broken)
    }

    async fn perform(&self, action: Action<Real>) -> Ended {
        match action {
            Action::WriteSealFile { key, password } => {
                let written = SealFile::write(self.seal_file.clone(), key, password).await;
                Ended {
                    event: Event::SealFileWritten(
                        written.as_ref().map_err(|_| FileFailed).copied(),
                    ),
                    heard: Heard::file(written.err()),
                }
            }
            Action::RemoveSealFile => {
                let removed = private_file::remove(&self.seal_file);
                if let Err(error) = &removed {
                    tracing::warn!("{}: {error}", self.seal_file.display());
                }
                Ended {
                    event: Event::SealFileRemoved(removed.map_err(|_| FileFailed)),
                    heard: Heard::Nothing,
                }
            }
            Action::Account(name, step) => {
                let (outcome, heard) = self.step(&name, step).await;
                Ended {
                    event: Event::Ended(name, outcome),
                    heard,
                }
            }
        }
    }

    async fn step(&self, name: &str, step: Step<Real>) -> (Outcome<Real>, Heard) {
        match step {
            Step::WriteIndex(entry) => self.write_index(name, entry).await,
            Step::Load { store, key } => self.load(name, store, key).await,
            Step::LoadAndSeal { store, recipient } => {
                let sealed = self.load_and_seal(name, store, &recipient).await;
                let (sealed, heard) = failed(sealed);
                (Outcome::SealedInStore(sealed), heard)
            }
            Step::Save { store, item } => {
                let (saved, heard) = failed(self.save(name, store, &item).await);
                saved_in_store(&item, saved);
                (Outcome::Saved(saved), heard)
            }
            Step::SaveSealed { store, text, .. } => {
                let saved = self.stores.save(store, name, Secret::new((*text).clone()));
                let (saved, heard) = failed(saved.await);
                (Outcome::Saved(saved), heard)
            }
            Step::Delete { store } => {
                let (deleted, heard) = failed(self.stores.delete(store, name).await);
                failpoint::reached("logout: secret deleted");
                (Outcome::Deleted(deleted), heard)
            }
            Step::Seal { item, recipient } => {
                let text = record::write(name, &item).ok();
                let text = text.and_then(|text| recipient.seal(&text).ok());
                (Outcome::Sealed(text.map(Shared::new)), Heard::Nothing)
            }
            Step::Unseal { text, key } => {
                let opened = key.open(&text).map_err(|error| error.to_string());
                let read = |text: Secret| {
                    record::read(&text, self.clock.now()).map_err(|error| error.to_string())
                };
                let (item, heard) = Heard::item(opened.and_then(read));
                (Outcome::Unsealed(item), heard)
            }
            Step::Ask {
                token, credentials, ..
            } => {
                let answer = exchange::ask(&self.surroundings, &credentials, &token).await;
                asked(answer, &credentials, self.clock.now())
            }
            Step::Verify {
                credentials,
                answer,
            } => {
                failpoint::reached("renewal: new refresh token stored");
                let verified = exchange::verify(&credentials, &answer, self.clock.now());
                let (verified, heard) = Heard::refresh(verified);
                if verified.is_some() {
                    tracing::info!(account = name, "renewed");
                }
                (Outcome::Verified(verified.map(Shared::new)), heard)
            }
            Step::Revoke { token, credentials } => {
                let (revocation, heard) = self.revoke(credentials.provider(), &token).await;
                failpoint::reached("logout: token revoked");
                (Outcome::Revoked(revocation), heard)
            }
        }
    }

    async fn write_index(&self, name: &str, entry: Option<IndexEntry>) -> (Outcome<Real>, Heard) {
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
        let outcome = written.as_ref().map_err(|_| FileFailed).copied();
        (Outcome::IndexWritten(outcome), Heard::index(written.err()))
    }

    async fn load(
        &self,
        name: &str,
        store: StoreKind,
        key: Option<Shared<SealKey>>,
    ) -> (Outcome<Real>, Heard) {
        let (loaded, heard) = match self.load_item(name, store, key).await {
            Ok(Some(found)) => (Ok(found), Heard::Nothing),
            Ok(None) => (Ok(Loaded::Nothing), Heard::Nothing),
            Err(NotLoaded::Damaged(reason)) => (Ok(Loaded::Damaged), Heard::Item(reason)),
            Err(NotLoaded::Store(error)) => failed(Err(error)),
        };
        (Outcome::Loaded(loaded), heard)
    }

    async fn load_item(
        &self,
        name: &str,
        store: StoreKind,
        key: Option<Shared<SealKey>>,
    ) -> Result<Option<Loaded<Real>>, NotLoaded> {
        let Some(text) = self.stores.load(store, name).await? else {
            return Ok(None);
        };
        let was_sealed = is_sealed(text.expose());
        let text = match (was_sealed, key) {
            (false, _) => text,
            (true, Some(key)) => key
                .open(text.expose())
                .map_err(|_| NotLoaded::Damaged("it is sealed with another password".to_owned()))?,
            (true, None) => {
                let file = self.seal_file.display();
                return Err(NotLoaded::Damaged(format!(
                    "it is sealed, and {file} is gone"
                )));
            }
        };
        match record::read(&text, self.clock.now()) {
            Ok(item) => {
                tracing::info!(account = name, "restored from the store");
                Ok(Some(Loaded::Found { item, was_sealed }))
            }
            Err(error) => {
                // nothing of it is kept sealed, so that it is not lost with the key
                if was_sealed {
                    self.stores.save(store, name, text).await?;
                }
                Err(NotLoaded::Damaged(error.to_string()))
            }
        }
    }

    /// What does not parse is sealed all the same: it may hold a token.
    async fn load_and_seal(
        &self,
        name: &str,
        store: StoreKind,
        recipient: &Lid,
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
    ) -> (Revocation, Heard) {
        let revoked = match ProviderClient::discover(&self.surroundings, provider).await {
            Ok(client) => client.revoke(token).await,
            Err(error) => Err(error),
        };
        match revoked {
            Ok(true) => (Revocation::Revoked, Heard::Nothing),
            Ok(false) => (Revocation::NotOffered, Heard::Nothing),
            Err(error) => (Revocation::Failed, Heard::Revocation(error.to_string())),
        }
    }
}

fn saved_in_store(item: &Item, saved: Result<(), StoreFailure>) {
    if saved.is_err() {
        return;
    }
    match (item.version.generation, item.intent) {
        (1, _) => failpoint::reached("login: stored"),
        (_, true) => failpoint::reached("renewal: intent stored"),
        (_, false) => {}
    }
}

fn asked(
    answer: Result<(Option<Secret>, exchange::Refreshed), AskError>,
    credentials: &Credentials,
    now: UnixTime,
) -> (Outcome<Real>, Heard) {
    let error = match answer {
        Ok((refresh_token, answer)) => {
            let asked = Asked::Answered {
                refresh_token: refresh_token.map(Shared::new),
                answer: Shared::new(answer),
            };
            return (Outcome::Asked(asked), Heard::Nothing);
        }
        Err(error) => error,
    };
    let asked = match error.effect {
        Effect::None => Asked::NotSent,
        Effect::InvalidGrant => Asked::InvalidGrant,
        Effect::NeedsPerson => match exchange::left_to_person(credentials, now) {
            Ok(credentials) => Asked::NeedsPerson(Shared::new(credentials)),
            Err(_) => Asked::Refused,
        },
        Effect::Refused => Asked::Refused,
        Effect::Unknown => Asked::NoAnswer,
    };
    (Outcome::Asked(asked), Heard::Refresh(error.to_string()))
}

fn failed<T>(result: Result<T, StoreError>) -> (Result<T, StoreFailure>, Heard) {
    match result {
        Ok(done) => (Ok(done), Heard::Nothing),
        Err(error) => (Err(failure(&error)), Heard::Store(error)),
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

/// The end of an action that panicked: how far it came is not known.
fn broken(action: &Action<Real>) -> Ended {
    let event = match action {
        Action::WriteSealFile { .. } => Event::SealFileWritten(Err(FileFailed)),
        Action::RemoveSealFile => Event::SealFileRemoved(Err(FileFailed)),
        Action::Account(name, step) => {
            let unclear = StoreFailure::Unclear;
            let outcome = match step {
                Step::WriteIndex(_) => Outcome::IndexWritten(Err(FileFailed)),
                Step::Load { .. } => Outcome::Loaded(Err(unclear)),
                Step::LoadAndSeal { .. } => Outcome::SealedInStore(Err(unclear)),
                Step::Save { .. } | Step::SaveSealed { .. } => Outcome::Saved(Err(unclear)),
                Step::Delete { .. } => Outcome::Deleted(Err(unclear)),
                Step::Seal { .. } => Outcome::Sealed(None),
                Step::Unseal { .. } => Outcome::Unsealed(None),
                Step::Ask { .. } => Outcome::Asked(Asked::NoAnswer),
                Step::Verify { .. } => Outcome::Verified(None),
                Step::Revoke { .. } => Outcome::Revoked(Revocation::Failed),
            };
            Event::Ended(name.clone(), outcome)
        }
    };
    Ended {
        event,
        heard: Heard::Nothing,
    }
}
