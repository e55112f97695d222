use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

#[test]
fn a_new_file_is_of_the_group_that_reads_those_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let sibling = directory.path().join("auth_id");
    fs::write(&sibling, "").unwrap();
    fs::set_permissions(&sibling, Permissions::from_mode(0o640)).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&sibling, None, Some(54_321)).unwrap();
    }
    let path = directory.path().join("revoked.yml");
    replace(&path, b"x", NewFile::Shared).unwrap();
    let (made, known) = (path.metadata().unwrap(), sibling.metadata().unwrap());
    assert_eq!((made.gid(), made.mode() & 0o777), (known.gid(), 0o640));
    replace(&directory.path().join("home"), b"x", NewFile::Private).unwrap();
    let made = directory.path().join("home").metadata().unwrap();
    assert_eq!(made.mode() & 0o777, 0o600);
}

#[test]
fn a_symlink_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real"), directory.path().join("link"));
    fs::write(&real, "before").unwrap();
    symlink(&real, &link).unwrap();
    let error = replace(&link, b"after", NewFile::Shared).unwrap_err();
    assert!(error.to_string().contains("symlink"), "{error}");
    assert!(link.is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"before");
}

#[test]
fn who_can_only_list_the_directory_cannot_hold_anybody_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("revoked.yml");
    let theirs = File::open(directory.path()).unwrap();
    rustix::fs::flock(&theirs, FlockOperation::LockExclusive).unwrap();
    let held = lock_within(&path, Duration::ZERO).unwrap();
    let mode = directory.path().join(LOCK).metadata().unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    let error = lock_within(&path, Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains(LOCK), "{error}");
    drop(held);
    lock_within(&path, Duration::ZERO).unwrap();
}

#[test]
fn a_lock_that_others_can_hold_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join(LOCK);
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, Permissions::from_mode(0o644)).unwrap();
    let error = lock_within(&directory.path().join("x"), LOCK_TIMEOUT).unwrap_err();
    assert!(error.to_string().contains("remove it"), "{error}");
}
