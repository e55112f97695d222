use super::*;

fn item(path: PathBuf, kind: Kind, mode: u32) -> InstallItem {
    InstallItem {
        path,
        kind,
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        mode,
        owner: String::new(),
    }
}

fn ensure(item: &InstallItem) -> Result<bool, AdminError> {
    item.ensure(false, &mut |_| ())
}

fn has_wrong_type(item: &InstallItem) -> bool {
    let error = ensure(item).unwrap_err().to_string();
    error.ends_with("is not of the required type")
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[test]
fn what_is_missing_is_made_and_what_is_there_stays() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("providers");
    let given = item(file.clone(), Kind::Given("a row\n".into()), 0o640);
    assert!(given.ensure(true, &mut |_| ()).unwrap());
    assert!(!file.exists(), "a rehearsal");
    assert!(ensure(&given).unwrap());
    assert_eq!(mode(&file), 0o640);
    fs::write(&file, "the admin's").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert!(!ensure(&given).unwrap());
    assert_eq!(fs::read_to_string(&file).unwrap(), "the admin's");
    assert_eq!(mode(&file), 0o600);
    let sub = item(directory.path().join("d"), Kind::Directory, 0o750);
    assert!(ensure(&sub).unwrap());
    assert!(!ensure(&sub).unwrap());
    assert_eq!(mode(&sub.path), 0o750);
    assert!(has_wrong_type(&item(file, Kind::Directory, 0o750)));
}

#[test]
fn our_own_directory_is_set_right() {
    let directory = tempfile::tempdir().unwrap();
    let cache = item(directory.path().join("cache"), Kind::OwnDirectory, 0o700);
    assert!(ensure(&cache).unwrap());
    fs::set_permissions(&cache.path, Permissions::from_mode(0o777)).unwrap();
    assert!(ensure(&cache).unwrap());
    assert_eq!(mode(&cache.path), 0o700);
    assert!(!ensure(&cache).unwrap());
}

#[test]
fn only_our_own_files_are_replaced_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("60-opkssh.conf");
    let ours = |text: &str| {
        let text = Kind::Written(format!("{MARK}{text}"));
        item(path.clone(), text, 0o644)
    };
    assert!(ensure(&ours("a")).unwrap());
    assert!(!ensure(&ours("a")).unwrap());
    assert!(ensure(&ours("b")).unwrap());
    assert!(fs::read_to_string(&path).unwrap().ends_with("\nb"));
    assert!(remove_ours(&path, false, &mut |_| ()).unwrap());
    assert!(!remove_ours(&path, false, &mut |_| ()).unwrap());
    fs::write(&path, "the admin's").unwrap();
    assert!(has_wrong_type(&ours("a")));
    assert!(!remove_ours(&path, false, &mut |_| ()).unwrap());
    assert!(path.exists());
}

#[test]
fn an_admins_own_file_stays_and_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("opkssh");
    let offered = |row: &str| {
        let text = Kind::Offered(format!("{MARK}{row}\n"));
        item(path.clone(), text, 0o440)
    };
    assert!(ensure(&offered("a")).unwrap());
    assert!(ensure(&offered("b")).unwrap());
    assert!(!ensure(&offered("b")).unwrap());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "# an admin's\na\n").unwrap();
    for (row, lines) in [("a", 1), ("b", 2)] {
        let mut said = Vec::new();
        let changed = offered(row).ensure(false, &mut |line| said.push(line.to_owned()));
        assert!(!changed.unwrap());
        assert!(
            said[0].contains("was not written by opkssh and stays"),
            "{said:?}"
        );
        assert_eq!(said.len(), lines, "{said:?}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"# an admin's\na\n");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(has_wrong_type(&offered("a")));
}
