use std::os::unix::fs::MetadataExt as _;

use super::*;

fn add(line: &'static str) -> impl Fn(&[u8]) -> Result<Option<Vec<u8>>, AdminError> {
    move |before| Ok(Some([before, line.as_bytes()].concat()))
}

#[test]
fn makes_the_users_own_file() {
    let home = tempfile::tempdir().unwrap();
    let uid = rustix::process::geteuid().as_raw();
    let me = Account {
        name: "me".into(),
        uid,
        home: home.path().to_owned(),
    };
    let path = home::path_of(&me);
    assert!(!edit_home_of(&me, &path, &|_| Ok(None)).unwrap());
    assert!(!home.path().join(".opk").exists());
    assert!(edit_home_of(&me, &path, &add("me a i\n")).unwrap());
    assert!(edit_home_of(&me, &path, &add("me b i\n")).unwrap());
    assert_eq!(home::read(&me).unwrap(), b"me a i\nme b i\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}
