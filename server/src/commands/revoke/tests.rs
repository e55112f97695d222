use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_symlink_stays_and_its_target_keeps_its_mode() {
    let etc = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let real = elsewhere.path().join("list.yml");
    fs::write(&real, "").unwrap();
    fs::set_permissions(&real, Permissions::from_mode(0o600)).unwrap();
    let link = etc.path().join("revoked.yml");
    symlink(&real, &link).unwrap();
    let entry = Revocation {
        subject: Some("s".into()),
        issuer: Some("https://i.example".into()),
        ..Revocation::default()
    };
    assert!(add(&link, &entry).unwrap());
    assert!(!add(&link, &entry).unwrap());
    assert!(link.is_symlink());
    let mode = real.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::read_to_string(&real).unwrap().contains("i.example"));
    fs::remove_file(&real).unwrap();
    assert!(add(&link, &entry).is_err(), "it leads nowhere");
}
