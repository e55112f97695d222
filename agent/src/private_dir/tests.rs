use super::*;

#[test]
fn a_directory_others_could_enter_is_closed() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    make_private(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    make_private(&path).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_link_or_a_file_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(parent.path(), &link).unwrap();
    assert!(matches!(
        make_private(&link),
        Err(DirectoryError::NotADirectory(_))
    ));
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(make_private(&file).is_err());
}
