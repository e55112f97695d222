use super::*;

const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/bash\nbroken\n\xff:x:5:5::/x:\n\
    Alice@corp:x:1000:1000::/home/alice:/bin/sh\nnohome:x:7:7:::\n+::::::\nbad:x:-1:0::/b:\n";

#[test]
fn accounts_are_found_by_their_exact_name() {
    assert_eq!(in_passwd(PASSWD, "root").unwrap().uid, 0);
    let alice = in_passwd(PASSWD, "Alice@corp").unwrap(); // row 126
    assert_eq!(
        (alice.uid, alice.home.as_path()),
        (1000, Path::new("/home/alice"))
    );
    for name in [
        "alice@corp",
        "0",
        "1000",
        "nohome",
        "+",
        "broken",
        "bad",
        "",
    ] {
        assert_eq!(in_passwd(PASSWD, name), None, "{name}");
    }
}

#[test]
fn names_that_cannot_be() {
    for name in ["", "-root", "a:b", "../x", "a b", "a\nb", "a\0", "a,b"] {
        assert!(matches!(find(name), Err(AccountError::Name(_))), "{name:?}");
    }
    assert!(is_possible("DOMAIN\\user"));
    assert!(is_possible("host$"));
}

#[test]
fn groups_and_names() {
    assert_eq!(find_group("root"), Some(0));
    for name in ["no-such-group-here", "", "0", "root:"] {
        assert_eq!(find_group(name), None, "{name}");
    }
    assert_eq!(
        (name_of(0), group_name_of(0)),
        ("root".into(), "root".into())
    );
    assert_eq!(name_of(4_000_000_000), "4000000000");
}

#[test]
fn asks_the_system() {
    assert_eq!(find("root").unwrap().uid, 0);
    assert!(matches!(
        find("no-such-account-here"),
        Err(AccountError::Unknown(_))
    ));
    assert!(matches!(find("0"), Err(AccountError::Unknown(_))));
}
