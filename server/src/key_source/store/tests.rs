use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use opkssh_protocol::time::UnixTime;

use super::*;

const ISSUER: &str = "https://a.example";

fn directory(mode: u32) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
    directory
}

fn short_deadline() -> Deadline {
    Deadline::after(Duration::from_millis(1))
}

fn entry(issuer: &str) -> Entry {
    Entry {
        issuer: issuer.into(),
        fetched: UnixTime(1),
        max_age: None,
        document: r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#
            .into(),
    }
}

#[test]
fn only_a_directory_of_our_own() {
    for mode in [0o700, 0o500] {
        assert!(Store::open(directory(mode).path()).is_ok(), "{mode:o}");
    }
    for mode in [0o750, 0o755, 0o770, 0o707, 0o701, 0o777] {
        assert!(
            matches!(
                Store::open(directory(mode).path()),
                Err(KeyStoreError::Mode { .. })
            ),
            "{mode:o}"
        );
    }
    let good = directory(0o700);
    let link = good.path().join("link");
    symlink(directory(0o700).path(), &link).unwrap();
    assert!(matches!(
        Store::open(&link),
        Err(KeyStoreError::NotADirectory(_))
    ));
    fs::write(good.path().join("file"), "").unwrap();
    assert!(Store::open(&good.path().join("file")).is_err());
    assert!(matches!(
        Store::open(&good.path().join("none")),
        Err(KeyStoreError::Io { .. })
    ));
}

#[test]
fn nobody_and_other_owners_are_refused() {
    let directory = directory(0o700);
    let mut stat = rustix::fs::stat(directory.path()).unwrap();
    stat.st_uid = 1000;
    assert!(check_owner_and_mode(&stat, directory.path(), 1000).is_ok());
    for other in [0, 1001] {
        assert!(matches!(
            check_owner_and_mode(&stat, directory.path(), other),
            Err(KeyStoreError::Owner { .. })
        ));
    }
    stat.st_uid = 65534;
    assert!(matches!(
        check_owner_and_mode(&stat, directory.path(), 65534),
        Err(KeyStoreError::Nobody)
    ));
}

#[test]
fn entries_come_back_and_go() {
    let directory = directory(0o700);
    let store = Store::open(directory.path()).unwrap();
    assert_eq!(store.entry(ISSUER).unwrap().map(|(entry, _)| entry), None);
    store.keep(&entry(ISSUER)).unwrap();
    store.keep(&entry("https://b")).unwrap();
    assert_eq!(store.entry(ISSUER).unwrap().unwrap().0, entry(ISSUER));
    for file in directory.path().read_dir().unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let attempt = Attempt {
        issuer: ISSUER.into(),
        asked: UnixTime(2),
        failure: Some("refused".into()),
    };
    store.note_userinfo(&attempt).unwrap();
    assert_eq!(store.userinfo_attempt(ISSUER), Some(attempt));
    assert_eq!(store.attempt(ISSUER), None);
    store.forget(ISSUER).unwrap();
    store.forget(ISSUER).unwrap();
    assert!(store.entry(ISSUER).unwrap().is_none());
    assert_eq!(store.userinfo_attempt(ISSUER), None);
    assert_eq!(store.forget_all().unwrap(), 1);
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn an_entry_that_was_put_under_anothers_name_is_refused() {
    let directory = directory(0o700);
    let store = Store::open(directory.path()).unwrap();
    store.keep(&entry("https://evil.example")).unwrap();
    fs::rename(
        directory.path().join(name("https://evil.example", "keys")),
        directory.path().join(name(ISSUER, "keys")),
    )
    .unwrap();
    let error = store.entry(ISSUER).map(|_| ()).unwrap_err();
    assert!(error.contains("evil.example"), "{error}");
}

#[test]
fn a_file_that_others_may_write_or_that_is_a_link_is_refused() {
    let directory = directory(0o700);
    let store = Store::open(directory.path()).unwrap();
    store.keep(&entry(ISSUER)).unwrap();
    let file = directory.path().join(name(ISSUER, "keys"));
    fs::set_permissions(&file, Permissions::from_mode(0o620)).unwrap();
    assert!(store.entry(ISSUER).is_err());
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert!(store.entry(ISSUER).is_ok());
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert!(store.entry(ISSUER).is_err());
    // a link is replaced, not followed
    store.keep(&entry(ISSUER)).unwrap();
    assert!(!fs::symlink_metadata(&file).unwrap().is_symlink());
}

#[test]
fn one_at_a_time_and_an_end_of_waiting() {
    let directory = directory(0o700);
    let store = Store::open(directory.path()).unwrap();
    let lock = store.lock_issuer(ISSUER, short_deadline()).unwrap();
    assert!(matches!(
        store.lock_issuer(ISSUER, short_deadline()),
        Err(NoIssuerLock::OthersAreAsking(_))
    ));
    assert!(store.lock_issuer("https://b", short_deadline()).is_ok());
    drop(lock);
    assert!(
        store
            .lock_issuer(ISSUER, Deadline::after(Duration::from_secs(60)))
            .is_ok()
    );
}

#[test]
fn a_lock_that_cannot_be_opened_is_nobody_who_asks() {
    let directory = directory(0o700);
    let store = Store::open(directory.path()).unwrap();
    fs::create_dir(directory.path().join(name(ISSUER, "lock"))).unwrap();
    match store.lock_issuer(ISSUER, Deadline::after(Duration::from_secs(60))) {
        Err(NoIssuerLock::NoLock(KeyStoreError::Io { error, .. })) => {
            assert_eq!(error.kind(), std::io::ErrorKind::IsADirectory);
        }
        other => panic!("{:?}", other.err()),
    }
}
