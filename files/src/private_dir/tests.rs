use super::*;

#[test]
fn a_directory_others_could_enter_is_closed() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a/b");
    make_private(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    make_private(&path).unwrap();
    assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_link_or_a_file_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(parent.path(), &link).unwrap();
    let error = make_private(&link).unwrap_err();
    assert!(matches!(error.problem, DirectoryProblem::NotADirectory));
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(make_private(&file).is_err());
}

#[test]
fn a_directory_that_others_can_write_to_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(parent.path(), Permissions::from_mode(mode)).unwrap();
        let error = make_private(parent.path()).unwrap_err();
        assert!(
            matches!(error.problem, DirectoryProblem::Writable),
            "{error}"
        );
    }
}

#[test]
fn a_directory_in_which_others_could_replace_files_is_not_closed() {
    let parent = tempfile::tempdir().unwrap();
    for (mode, is_closed) in [
        (0o755, true),
        (0o1777, true),
        (0o775, false),
        (0o777, false),
    ] {
        fs::set_permissions(parent.path(), Permissions::from_mode(mode)).unwrap();
        assert_eq!(check_closed(parent.path()).is_ok(), is_closed, "{mode:o}");
    }
    let below = parent.path().join("below");
    fs::create_dir(&below).unwrap();
    let error = check_closed(&below).unwrap_err();
    assert!(
        error.path.ends_with(parent.path().file_name().unwrap()),
        "{error}"
    );
    fs::set_permissions(parent.path(), Permissions::from_mode(0o755)).unwrap();
    check_closed(&below).unwrap();
    assert!(check_closed(Path::new("/")).is_ok(), "root's");
    assert!(check_closed(&parent.path().join("none")).is_err());
}
