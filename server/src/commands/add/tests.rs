use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::*;

const ISSUER: &str = "https://op.example";

fn text(before: &str, row: [&str; 3]) -> Option<String> {
    with_row(before.as_bytes(), row)
        .unwrap()
        .map(|after| String::from_utf8(after).unwrap())
}

fn args(etc: &Path, principal: &str, identity: &str, issuer: &str) -> RowArgs {
    RowArgs {
        etc: etc.to_owned(),
        principal: principal.into(),
        identity: identity.into(),
        issuer: issuer.into(),
    }
}

fn etc(content: &str, mode: u32) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("auth_id");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    directory
}

#[test]
fn comments_and_bad_lines_stay() {
    assert_eq!(
        text("# ours\nbroken\n\na b i # why", ["c", "d", ISSUER]).unwrap(),
        "# ours\nbroken\n\na b i # why\nc d https://op.example\n"
    );
    assert_eq!(text("", ["a", "b c", "i"]).unwrap(), "a 'b c' i\n");
    assert_eq!(
        text("\u{feff}a b i\r\n", ["c", "b", "i"]).unwrap(),
        "\u{feff}a b i\r\nc b i\n"
    );
}

#[test]
fn a_row_joins_those_of_its_identity() {
    assert_eq!(
        text("a x i\nb x i\nc y i\n", ["d", "x", "i"]).unwrap(),
        "a x i\nb x i\nd x i\nc y i\n"
    );
}

#[test]
fn a_known_row_is_not_added_again() {
    assert_eq!(text("a 'x' i # c\n", ["a", "x", "i"]), None);
    assert!(text("a X i\n", ["a", "x", "i"]).is_some());
    assert!(text("#a x i\n", ["a", "x", "i"]).is_some());
}

#[test]
fn adds_to_the_system_file_and_keeps_its_mode() {
    let etc = etc("# head\n", 0o640);
    let added = add(&args(etc.path(), "dev", "a@x", "google")).unwrap();
    assert!(added.changed);
    let again = add(&args(etc.path(), "dev", "a@x", "google")).unwrap();
    assert!(!again.changed);
    assert_eq!(
        remarks(&args(etc.path(), "dev", "oidc:x", "google"), false).len(),
        1
    );
    let path = etc.path().join("auth_id");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "# head\ndev a@x https://accounts.google.com\n"
    );
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    let left = fs::read_dir(etc.path()).unwrap();
    let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [".opkssh.lock", "auth_id"]);
}

#[test]
fn a_symlinked_system_file_stays_one() {
    let real = etc("", 0o640);
    let etc = tempfile::tempdir().unwrap();
    let link = etc.path().join("auth_id");
    std::os::unix::fs::symlink(real.path().join("auth_id"), &link).unwrap();
    add(&args(etc.path(), "dev", "a@x", ISSUER)).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        fs::read_to_string(&link).unwrap(),
        "dev a@x https://op.example\n"
    );
}

#[test]
fn never_makes_or_trusts_a_system_file() {
    let none = tempfile::tempdir().unwrap();
    let error = add(&args(none.path(), "dev", "a@x", ISSUER)).unwrap_err();
    assert!(
        error.to_string().starts_with("failed to load policy:"),
        "{error}"
    );
    let open = etc("", 0o666);
    assert!(add(&args(open.path(), "dev", "a@x", ISSUER)).is_err());
}

#[test]
fn refuses_what_go_could_not_read_back() {
    let etc = etc("", 0o640);
    for (principal, identity, issuer) in [
        ("", "a@x", ISSUER),
        ("dev", "", ISSUER),
        ("dev", "a@x", ""),
        ("dev", "a#x", ISSUER),
        ("dev\nroot", "a@x", ISSUER),
        ("dev", "a@x", "https://op.example\n"),
        ("dev", "a\u{1b}", ISSUER),
    ] {
        assert!(add(&args(etc.path(), principal, identity, issuer)).is_err());
    }
    assert_eq!(fs::read(etc.path().join("auth_id")).unwrap(), b"");
}

#[test]
fn many_at_once_all_get_in() {
    let etc = etc("", 0o640);
    std::thread::scope(|scope| {
        for n in 0..16 {
            let args = args(etc.path(), &format!("user{n}"), "a@x", ISSUER);
            scope.spawn(move || add(&args).unwrap());
        }
    });
    let bytes = fs::read(etc.path().join("auth_id")).unwrap();
    assert_eq!(table::read(&bytes).rows.len(), 16);
}
