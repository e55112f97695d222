use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::*;

/// A store that takes new accounts, or says why it does not.
struct Fake {
    kind: StoreKind,
    refuses: Option<StoreError>,
    is_open: AtomicBool,
}

#[async_trait]
impl Backend for Fake {
    fn kind(&self) -> StoreKind {
        self.kind
    }

    async fn probe(&self) -> Result<String, StoreError> {
        match &self.refuses {
            Some(error) if !self.is_open.load(Ordering::SeqCst) => Err(error.clone()),
            _ => Ok(format!("{} takes it", self.kind.name())),
        }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        let locked = self.refuses.clone();
        match locked.filter(|error| error.locked_part().is_some()) {
            Some(error) if !self.is_open.load(Ordering::SeqCst) => Err(error),
            _ => Ok(()),
        }
    }

    async fn load(&self, _id: &str) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    async fn save(&self, _id: &str, _secret: Secret) -> Result<(), StoreError> {
        Ok(())
    }

    async fn delete(&self, _id: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn unlock(&self, passphrase: Secret) -> Result<(), PasswordError> {
        if passphrase.expose() != "right" {
            return Err(PasswordError::Wrong);
        }
        self.is_open.store(true, Ordering::SeqCst);
        Ok(())
    }
}

/// The keyring, the file and memory, as they answer.
fn stores(choice: StoreChoice, keyring: Option<StoreError>, file: Option<StoreError>) -> Stores {
    let store = |kind, refuses| {
        Box::new(Fake {
            kind,
            refuses,
            is_open: AtomicBool::new(false),
        }) as Box<dyn Backend>
    };
    let backends = vec![
        store(StoreKind::SecretService, keyring),
        store(StoreKind::File, file),
        Box::new(Memory),
    ];
    Stores::of(backends, Arc::default(), choice)
}

async fn unlock(stores: &Stores, passphrase: &str) -> Result<(), PasswordError> {
    let attempt = stores.next_attempt().await;
    let passphrase = Secret::new(passphrase.to_owned());
    stores.unlock_file(attempt, passphrase).await
}

fn unavailable() -> Option<StoreError> {
    Some(StoreError::Unavailable("no bus".to_owned()))
}

#[tokio::test]
async fn the_first_store_that_takes_new_accounts_is_chosen_and_why_not_those_before_is_told() {
    use StoreKind::{File, Memory, SecretService};
    let (locked, new) = (Some(StoreError::FileLocked), Some(StoreError::FileNew));
    let (auto, no) = (StoreChoice::Auto, "the keyring cannot be used: no bus; ");
    for (choice, keyring, file, kind, reason) in [
        (auto, None, None, SecretService, "secret-service takes it"),
        (auto, None, locked, SecretService, "secret-service takes it"),
        (
            auto,
            unavailable(),
            None,
            File,
            &format!("{no}file takes it"),
        ),
        (
            auto,
            unavailable(),
            new,
            Memory,
            &format!("{no}logins last"),
        ),
        (
            StoreChoice::File,
            None,
            None,
            File,
            "asked for with --store file",
        ),
        (
            StoreChoice::Memory,
            None,
            None,
            Memory,
            "asked for with --store memory",
        ),
    ] {
        let chosen = stores(choice, keyring, file).choose().await.unwrap();
        assert_eq!(chosen.kind, kind);
        assert!(chosen.reason.starts_with(reason), "{}", chosen.reason);
    }
}

#[tokio::test]
async fn a_store_that_a_person_set_up_or_asked_for_is_not_passed_over() {
    let locked = stores(
        StoreChoice::Auto,
        unavailable(),
        Some(StoreError::FileLocked),
    );
    assert!(matches!(locked.choose().await, Err(StoreError::FileLocked)));
    assert!(matches!(
        locked.is_ready().await,
        Err(StoreError::FileLocked)
    ));
    let shown = locked.chosen().await;
    assert_eq!(shown.kind, StoreKind::File);
    assert!(shown.reason.contains("opkssh agent unlock"), "{shown:?}");
    let new = stores(StoreChoice::File, None, Some(StoreError::FileNew));
    assert!(matches!(new.is_ready().await, Err(StoreError::FileNew)));
    let none = stores(StoreChoice::Keyring, unavailable(), None);
    assert!(matches!(
        none.choose().await,
        Err(StoreError::Unavailable(_))
    ));
    assert!(
        none.is_ready().await.is_ok(),
        "it is not known without asking"
    );
}

#[tokio::test]
async fn what_has_to_be_unlocked_depends_on_what_is_wanted_and_used() {
    use LockedPart::{NewStore, Store};
    let (locked, new) = (StoreError::FileLocked, StoreError::FileNew);
    for (choice, file, is_used, part) in [
        (StoreChoice::Auto, Some(locked.clone()), false, Some(Store)),
        (StoreChoice::Memory, Some(locked.clone()), false, None),
        (StoreChoice::Memory, Some(locked), true, Some(Store)),
        (StoreChoice::Auto, Some(new.clone()), false, None),
        (StoreChoice::File, Some(new), false, Some(NewStore)),
        (StoreChoice::File, None, true, None),
    ] {
        assert_eq!(stores(choice, None, file).locked_part(is_used), part);
    }
}

#[tokio::test]
async fn the_store_that_asks_for_a_passphrase_is_the_one_that_is_unlocked() {
    let stores = stores(StoreChoice::Auto, unavailable(), Some(StoreError::FileNew));
    assert_eq!(stores.chosen().await.kind, StoreKind::Memory);
    assert_eq!(unlock(&stores, "").await, Err(PasswordError::Empty));
    assert_eq!(unlock(&stores, "wrong").await, Err(PasswordError::Wrong));
    unlock(&stores, "right").await.unwrap();
    assert_eq!(
        unlock(&stores, "right").await,
        Err(PasswordError::NotLocked)
    );
    assert!(stores.is_open(StoreKind::File).is_ok());
    assert_eq!(stores.chosen().await.kind, StoreKind::File);
}

#[tokio::test]
async fn a_store_that_this_program_does_not_have_is_told() {
    let stores = Stores::of(vec![Box::new(Memory)], Arc::default(), StoreChoice::Auto);
    let refused = stores.load(StoreKind::File, "a").await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
}
