use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

#[test]
fn a_directory_of_its_own_is_made_once_and_judged_each_time() {
    let top = tempfile::tempdir().unwrap();
    let own = top.path().join("opkssh-1");
    let uid = rustix::process::geteuid().as_raw();
    make(&own, uid).unwrap();
    assert_eq!(own.metadata().unwrap().mode() & 0o7777, 0o700);
    make(&own, uid).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o770)).unwrap();
    assert!(matches!(make(&own, uid), Err(KeyStoreError::Mode { .. })));
    fs::remove_dir(&own).unwrap();
    fs::create_dir(top.path().join("elsewhere")).unwrap();
    symlink(top.path().join("elsewhere"), &own).unwrap();
    assert!(matches!(
        make(&own, uid),
        Err(KeyStoreError::NotADirectory(_))
    ));
}

#[test]
fn the_account_nobody_makes_none() {
    let top = tempfile::tempdir().unwrap();
    let own = top.path().join("opkssh-65534");
    assert!(matches!(make(&own, 65534), Err(KeyStoreError::Nobody)));
    assert!(!own.exists());
}

#[test]
fn what_is_named_comes_first_and_others_on_the_account_get_none() {
    let named = Path::new("/nonexistent/keys");
    assert_eq!(locate(Some(named), true), Ok(named.to_owned()));
    assert_eq!(find(Some(named), true), named);
    if !Path::new(etc::CACHE).exists() {
        let reason = locate(None, true).unwrap_err();
        assert!(reason.contains("server install"), "{reason}");
    }
}
