use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

async fn unlock(store: &FileStore, passphrase: &str) -> Result<(), PasswordError> {
    store.unlock(secret(passphrase)).await
}

#[tokio::test]
async fn it_is_new_then_open_then_locked_until_the_passphrase_is_said() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("store");
    let store = FileStore::new(directory.clone());
    assert!(matches!(store.check_open(), Err(StoreError::FileNew)));
    assert!(matches!(store.load("a").await, Err(StoreError::FileNew)));
    unlock(&store, "one two").await.unwrap();
    store.save("a", secret("a token")).await.unwrap();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let file = entry.unwrap().path();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!std::fs::read_to_string(file).unwrap().contains("token"));
    }
    let mode = directory.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    // the next daemon
    let store = FileStore::new(directory);
    assert!(matches!(store.check_open(), Err(StoreError::FileLocked)));
    assert!(matches!(store.load("a").await, Err(StoreError::FileLocked)));
    let refused = store.save("a", secret("b")).await;
    assert!(matches!(refused, Err(StoreError::FileLocked)));
    let refused = unlock(&store, "one tow").await;
    assert_eq!(refused, Err(PasswordError::Wrong));
    unlock(&store, "one two").await.unwrap();
    let loaded = store.load("a").await.unwrap().unwrap();
    assert_eq!(loaded.expose(), "a token");
    assert!(store.load("b").await.unwrap().is_none());
    store.delete("a").await.unwrap();
    store.delete("a").await.unwrap();
    assert!(store.load("a").await.unwrap().is_none());
}

#[tokio::test]
async fn a_damaged_entry_is_told_and_a_foreign_directory_refused() {
    let parent = tempfile::tempdir().unwrap();
    let store = FileStore::new(parent.path().join("store"));
    unlock(&store, "p").await.unwrap();
    store.save("a", secret("t")).await.unwrap();
    std::fs::write(store.file("a"), "half").unwrap();
    assert!(matches!(store.load("a").await, Err(StoreError::Unreadable)));

    // the passphrase that is there is not replaced, whatever made it look new
    let key = store.directory.join(KEY);
    let before = std::fs::read(&key).unwrap();
    assert!(make_key(&key, &secret("another")).is_err());
    assert_eq!(std::fs::read(&key).unwrap(), before);

    let link = parent.path().join("link");
    std::os::unix::fs::symlink(parent.path(), &link).unwrap();
    let refused = unlock(&FileStore::new(link), "p").await;
    assert!(matches!(refused, Err(PasswordError::File { .. })));
}
