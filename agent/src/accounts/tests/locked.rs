//! What a lock, a restart and a store that is not what it was do to each other.

use std::fs;
use std::path::PathBuf;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::secret::Secret;

use super::*;
use crate::accounts::store::StoreKind;
use crate::accounts::store::password::PasswordError;
use crate::accounts::store::seal_file::SealFile;
use crate::accounts::store::state_file::StateFile;
use crate::seal::SealRecipient;
use crate::seal::is_sealed;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// An open file store and no account.
async fn with_file_store() -> World {
    let expiration = ExpirationPolicy::OidcRefreshed;
    let repeats = OnRefresh::RepeatsNonce;
    let world = World::with_store(StoreChoice::File, START, repeats, 3600, expiration);
    open_store(&world).await;
    world
}

pub(super) async fn open_store(world: &World) {
    let opened = world
        .accounts
        .passwords
        .unlock_store(secret("passphrase"))
        .await;
    opened.unwrap();
}

async fn lock(world: &World) {
    world.accounts.passwords.lock(secret("lock")).await.unwrap();
}

async fn unlock(world: &World) {
    world
        .accounts
        .passwords
        .unlock(secret("lock"))
        .await
        .unwrap();
}

async fn log_in_as(world: &mut World, name: &str) {
    world.request.account = Some(AccountName::existing(name));
    world.log_in().await;
}

/// The account's file in the store.
fn file(world: &World, alias: &str) -> PathBuf {
    let digest = ring::digest::digest(&ring::digest::SHA256, alias.as_bytes());
    let hex = digest.as_ref()[..16].iter().map(|b| format!("{b:02x}"));
    let name: String = hex.collect();
    world.places.store_dir().join(name + ".age")
}

async fn stored(world: &World, alias: &str) -> Secret {
    let stored = world.accounts.stores.load(StoreKind::File, alias).await;
    stored.unwrap().expect("an entry")
}

/// The names in the order of the alphabet.
fn held(world: &World) -> Vec<String> {
    let mut held = world.held();
    held.sort();
    held
}

/// Somebody says that the store answers again.
async fn asks_store_anew(world: &World) {
    let unlocked = lifecycle::Event::StoreUnlocked(StoreKind::File);
    world.accounts.owner.apply(unlocked).await;
    world.accounts.owner.bring_back(TIMEOUT).await;
    world.rest().await;
}

async fn notices(world: &World) -> Vec<String> {
    let (_, notices) = world.accounts.reports().await;
    notices.into_iter().map(|notice| notice.text).collect()
}

#[tokio::test]
async fn a_login_in_memory_only_is_at_risk_while_locked_too() {
    let world = World::new(OnRefresh::RepeatsNonce, 3600, ExpirationPolicy::Oidc);
    assert!(world.accounts.would_come_back());
    world.log_in().await;
    assert_eq!(world.accounts.at_risk(), ["test"]);
    lock(&world).await;
    assert!(held(&world).is_empty());
    assert_eq!(world.accounts.at_risk(), ["test"]);
    assert!(!world.accounts.would_come_back());
    unlock(&world).await;
    assert_eq!(held(&world), ["test"]);
    assert_eq!(world.accounts.at_risk(), ["test"]);

    let world = with_file_store().await;
    world.log_in().await;
    assert!(world.accounts.would_come_back());
    lock(&world).await;
    assert!(world.accounts.would_come_back());
}

#[tokio::test]
async fn a_passphrase_that_is_being_chosen_is_not_replaced_by_another() {
    let expiration = ExpirationPolicy::OidcRefreshed;
    let repeats = OnRefresh::RepeatsNonce;
    let mut world = World::with_store(StoreChoice::File, START, repeats, 3600, expiration);
    // who chose it has hung up, and goes on
    let mut chosen = Box::pin(world.accounts.passwords.unlock_store(secret("passphrase")));
    tokio::select! {
        biased;
        _ = &mut chosen => panic!("it takes its time"),
        () = std::future::ready(()) => {}
    }
    drop(chosen);
    let another = world
        .accounts
        .passwords
        .unlock_store(secret("another"))
        .await;
    assert_eq!(another, Err(PasswordError::NotLocked));
    world.restart(StoreChoice::File);
    let another = world
        .accounts
        .passwords
        .unlock_store(secret("another"))
        .await;
    assert_eq!(another, Err(PasswordError::Wrong));
    open_store(&world).await;
}

#[tokio::test]
async fn of_two_locks_at_once_one_is_refused() {
    let world = World::new(OnRefresh::RepeatsNonce, 3600, ExpirationPolicy::Oidc);
    let passwords = &world.accounts.passwords;
    let (first, second) = tokio::join!(
        passwords.lock(secret("first")),
        passwords.lock(secret("second"))
    );
    let password = match (first, second) {
        (Ok(()), Err(PasswordError::LockedAlready)) => "first",
        (Err(PasswordError::LockedAlready), Ok(())) => "second",
        other => panic!("{other:?}"),
    };
    passwords.unlock(secret(password)).await.unwrap();
}

#[tokio::test]
async fn what_is_sealed_and_not_yet_stored_is_at_risk() {
    let world = with_file_store().await;
    world.log_in().await;
    let file = file(&world, "test");
    fs::remove_file(&file).unwrap();
    // nothing can be put in its place
    fs::create_dir(&file).unwrap();
    lock(&world).await;
    assert_eq!(world.accounts.at_risk(), ["test"]);
    assert!(!world.accounts.would_come_back());
    fs::remove_dir(&file).unwrap();
    asks_store_anew(&world).await;
    assert!(world.accounts.at_risk().is_empty());
}

#[tokio::test]
async fn what_a_store_sealed_although_it_failed_is_in_clear_before_the_key_goes() {
    let mut world = with_file_store().await;
    world.log_in().await;
    let record = stored(&world, "test").await;
    let file = file(&world, "test");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    lock(&world).await;
    // it was done all the same, as when a keyring ends before it answers
    fs::remove_dir(&file).unwrap();
    let seal_file = SealFile::read(&StateFile::new(world.places.seal_file()))
        .unwrap()
        .unwrap();
    let sealed = SealRecipient::parse(&seal_file.recipient)
        .unwrap()
        .seal(&record);
    let sealed = Secret::new(sealed.unwrap());
    let saved = world.accounts.stores.save(StoreKind::File, "test", sealed);
    saved.await.unwrap();
    unlock(&world).await;
    world.set_time(START.plus(60));
    world.rest().await;
    assert!(!world.places.seal_file().unwrap().exists());
    assert!(!is_sealed(stored(&world, "test").await.expose()));
    world.restart(StoreChoice::File);
    open_store(&world).await;
    assert_eq!(held(&world), ["test"]);
}

#[tokio::test]
async fn a_damaged_entry_takes_no_other_account_with_it() {
    let mut world = with_file_store().await;
    for name in ["first", "second", "third"] {
        log_in_as(&mut world, name).await;
    }
    world.restart(StoreChoice::File);
    fs::write(file(&world, "first"), "half").unwrap();
    open_store(&world).await;
    assert_eq!(held(&world), ["second", "third"]);
    let why = "account first is not usable: the store's entry for this account is not readable";
    assert_eq!(notices(&world).await, [why]);

    lock(&world).await;
    for name in ["second", "third"] {
        assert!(is_sealed(stored(&world, name).await.expose()));
    }
    world.restart(StoreChoice::File);
    open_store(&world).await;
    assert!(world.places.seal_file().unwrap().exists());
    unlock(&world).await;
    assert_eq!(held(&world), ["second", "third"]);
    assert!(
        !world.places.seal_file().unwrap().exists(),
        "nothing waits for it"
    );
}

#[tokio::test]
async fn the_key_stays_until_what_was_sealed_is_back_or_given_up() {
    for is_given_up in [false, true] {
        let mut world = with_file_store().await;
        log_in_as(&mut world, "first").await;
        log_in_as(&mut world, "second").await;
        lock(&world).await;
        world.restart(StoreChoice::File);
        open_store(&world).await;
        // another keyring would answer like this
        let file = file(&world, "first");
        let aside = file.with_extension("aside");
        fs::rename(&file, &aside).unwrap();
        unlock(&world).await;
        assert_eq!(held(&world), ["second"]);
        assert!(!is_sealed(stored(&world, "second").await.expose()));
        let notices = notices(&world).await;
        let why = "but had it sealed: the password counts until it is back, or given up: opkssh \
                   logout first";
        assert!(notices[0].contains(why), "{notices:?}");
        assert!(world.places.seal_file().unwrap().exists());

        if is_given_up {
            let first = WhichAccount::Named("first".to_owned());
            world.accounts.log_out(&first, false).await.unwrap();
        } else {
            // the next daemon needs the password again, and has it all
            world.restart(StoreChoice::File);
            fs::rename(&aside, &file).unwrap();
            open_store(&world).await;
            assert!(held(&world).is_empty());
            unlock(&world).await;
            assert_eq!(held(&world), ["first", "second"]);
            assert!(!is_sealed(stored(&world, "first").await.expose()));
        }
        assert!(!world.places.seal_file().unwrap().exists());
    }
}

#[tokio::test]
async fn what_cannot_be_used_is_in_clear_before_the_key_goes() {
    let mut world = with_file_store().await;
    world.log_in().await;
    let record = stored(&world, "test").await;
    let mut record: serde_json::Value = serde_json::from_str(record.expose()).unwrap();
    record["version"] = json!(99);
    let record = record.to_string();
    lock(&world).await;
    let file = SealFile::read(&StateFile::new(world.places.seal_file()))
        .unwrap()
        .unwrap();
    let sealed = SealRecipient::parse(&file.recipient)
        .unwrap()
        .seal(&secret(&record));
    let sealed = Secret::new(sealed.unwrap());
    let saved = world.accounts.stores.save(StoreKind::File, "test", sealed);
    saved.await.unwrap();
    world.restart(StoreChoice::File);
    open_store(&world).await;
    unlock(&world).await;
    assert!(held(&world).is_empty());
    assert_eq!(stored(&world, "test").await.expose(), record);
    assert!(!world.places.seal_file().unwrap().exists());
}

#[tokio::test]
async fn what_was_dropped_from_memory_is_sealed_when_the_store_answers() {
    let world = with_file_store().await;
    world.log_in().await;
    world.accounts.drop_memory();
    world.rest().await;
    assert!(held(&world).is_empty());
    let file = file(&world, "test");
    let aside = file.with_extension("aside");
    fs::rename(&file, &aside).unwrap();
    fs::create_dir(&file).unwrap();
    lock(&world).await;
    fs::remove_dir(&file).unwrap();
    fs::rename(&aside, &file).unwrap();
    asks_store_anew(&world).await;
    assert!(is_sealed(stored(&world, "test").await.expose()));
}

#[tokio::test]
async fn an_account_that_was_dropped_is_not_renewed() {
    let world = with_file_store().await;
    let (first, _) = world.log_in().await;
    let asked = world.provider.refreshes();
    world.accounts.drop_memory();
    world.set_time(first.usable_until.unwrap());
    world.rest().await;
    assert_eq!(world.provider.refreshes(), asked);
    // until somebody asks
    world.accounts.wake().await;
    world.rest().await;
    assert_eq!(world.provider.refreshes(), asked + 1);
}

#[tokio::test]
async fn a_locked_agent_logs_out_of_what_is_meant() {
    let mut world = with_file_store().await;
    for name in ["first", "second", "third"] {
        log_in_as(&mut world, name).await;
    }
    lock(&world).await;
    // the provider's name
    let test = WhichAccount::Named("test".to_owned());
    let refused = world.accounts.log_out(&test, false).await.unwrap_err();
    let why = "test may be any of the accounts first, second, third";
    assert_eq!(refused.to_string(), why);

    let config = &world.places.config_files()[0];
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(config, "agent:\n  default_account: second\n").unwrap();
    world.accounts.source.look_at_settings().await;
    let default = WhichAccount::Default;
    let refused = world.accounts.log_out(&default, false).await.unwrap_err();
    let why = "second stays logged in: the agent is locked";
    assert_eq!(refused.to_string(), why);
    let (default, _) = world.accounts.log_out(&default, true).await.unwrap();
    assert_eq!(default.len(), 1);
    assert_eq!(default[0].alias, "second");
    let first = WhichAccount::Named("first".to_owned());
    world.accounts.log_out(&first, true).await.unwrap();
    // though it is the only one there
    let refused = world.accounts.log_out(&test, true).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no account test");
    assert_eq!(refused.hint(), "name one: opkssh logout third");
}
