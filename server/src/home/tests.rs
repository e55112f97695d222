use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

fn account(home: &Path) -> Account {
    let uid = rustix::process::geteuid().as_raw();
    Account {
        name: "me".to_owned(),
        uid,
        home: home.to_owned(),
    }
}

#[test]
fn the_users_own_private_file() {
    let home = tempfile::tempdir().unwrap();
    let me = account(home.path());
    assert!(read(&me).unwrap_err().is_not_found());
    fs::create_dir(home.path().join(".opk")).unwrap();
    let path = path_of(&me);
    fs::write(&path, "rows").unwrap();
    for (mode, ok) in [(0o600, true), (0o400, true), (0o640, false), (0o644, false)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&me).is_ok(), ok, "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let other = Account {
        uid: me.uid + 1,
        ..me
    };
    assert!(matches!(read(&other), Err(FileError::Owner { .. })));
}
