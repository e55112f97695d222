use std::fs;
use std::os::unix::fs::{chown, symlink};

use super::*;

fn mode(file: &Path) -> u32 {
    file.metadata().unwrap().mode() & 0o7777
}

fn names(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

/// A program that has the old file open goes on reading the old text: it was not written over.
#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    Writer::private().replace(&file, b"first").unwrap();
    assert_eq!(mode(&file), 0o600);
    let before = File::open(&file).unwrap();
    Writer::exact(0o666).replace(&file, b"second").unwrap();
    assert_eq!(io::read_to_string(before).unwrap(), "first");
    assert_eq!(fs::read(&file).unwrap(), b"second");
    assert_eq!(mode(&file), 0o666, "whatever the umask");
    Writer::less_umask(0o644).replace(&file, b"third").unwrap();
    assert_eq!(mode(&file) & !0o644, 0);
    assert_eq!(names(directory.path()), 1);
}

#[test]
fn what_is_there_is_never_written_over_by_create() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    Writer::exact(0o640).create(&file, b"first").unwrap();
    assert_eq!(mode(&file), 0o640);
    let dangling = directory.path().join("dangling");
    symlink("gone", &dangling).unwrap();
    for there in [&file, &dangling] {
        let error = Writer::private().create(there, b"second").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
    assert_eq!(fs::read(&file).unwrap(), b"first");
    assert_eq!(names(directory.path()), 2);
}

#[test]
fn a_symlink_is_replaced_followed_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (real, link) = (directory.path().join("real"), directory.path().join("link"));
    fs::write(&real, "before").unwrap();
    symlink(&real, &link).unwrap();
    let refused = Writer::private().refusing_symlinks();
    let error = refused.replace(&link, b"after").unwrap_err();
    assert!(error.to_string().contains("symlink"), "{error}");
    assert_eq!(fs::read(&real).unwrap(), b"before");
    let follows = Writer::dotfile();
    follows.replace(&link, b"through").unwrap();
    assert!(link.is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"through");
    let dangling = directory.path().join("dangling");
    symlink("gone", &dangling).unwrap();
    follows.replace(&dangling, b"x").unwrap();
    assert_eq!(mode(&dangling), 0o600, "not the link's");
    Writer::private().replace(&link, b"instead").unwrap();
    assert!(!link.is_symlink());
    assert_eq!(fs::read(&real).unwrap(), b"through");
}

#[test]
fn mode_and_owner_of_the_earlier_file_can_be_kept() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    let keeps = Writer::private().keeping_mode_and_owner();
    keeps.replace(&file, b"first").unwrap();
    assert_eq!(mode(&file), 0o600, "there was none");
    fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
    // only root can give a file away
    let is_root = chown(&file, Some(54_321), Some(54_322)).is_ok();
    keeps.replace(&file, b"second").unwrap();
    assert_eq!(mode(&file), 0o664);
    let made = file.metadata().unwrap();
    assert!(!is_root || (made.uid(), made.gid()) == (54_321, 54_322));
    Writer::dotfile().replace(&file, b"third").unwrap();
    assert_eq!(mode(&file), 0o664);
    assert!(!is_root || file.metadata().unwrap().uid() == 0);
}

#[test]
fn a_new_file_has_the_owner_that_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let ours = directory.path().metadata().unwrap();
    let file = directory.path().join("file");
    let owned = Writer::exact(0o440).owned_by(ours.uid(), ours.gid());
    owned.create(&file, b"ours").unwrap();
    assert_eq!(mode(&file), 0o440);
    if ours.uid() == 0 {
        let given = Writer::exact(0o440).owned_by(54_321, 54_322);
        given.replace(&file, b"given").unwrap();
        let made = file.metadata().unwrap();
        assert_eq!((made.uid(), made.gid()), (54_321, 54_322));
    }
}

#[test]
fn what_is_removed_may_be_gone_already() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    Writer::private().create(&file, b"").unwrap();
    remove(&file).unwrap();
    remove(&file).unwrap();
    remove(&directory.path().join("no/directory")).unwrap();
    assert!(remove(directory.path()).is_err());
}
