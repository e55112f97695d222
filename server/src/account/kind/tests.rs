use super::*;

#[test]
fn accounts_are_judged_by_their_uid() {
    let uids = Uids {
        verifiers: [Some(1006), Some(1005)],
        nobody: Some(1099),
        min: 1000,
    };
    let system = |uid| AccountKind::System { uid, uid_min: 1000 };
    for (uid, kind) in [
        (0, AccountKind::Root),
        (1, system(1)),
        (999, system(999)),
        (1000, AccountKind::Person),
        (1005, AccountKind::Verifier),
        (1006, AccountKind::Verifier),
        (1099, AccountKind::Nobody),
        (65533, AccountKind::Person),
        (65534, AccountKind::Nobody),
        (4_000_000, AccountKind::Person),
    ] {
        assert_eq!(AccountKind::of(uid, uids), kind, "{uid}");
    }
    // also if every uid is a person's, and if root runs verify
    let uids = Uids {
        verifiers: [Some(0), None],
        nobody: None,
        min: 0,
    };
    assert_eq!(AccountKind::of(0, uids), AccountKind::Root);
    assert_eq!(AccountKind::of(1, uids), AccountKind::Person);
    let all = b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\na:x:1:1::/:\nb";
    assert_eq!(names_of(all, 0), ["root", "toor"]);
    assert_eq!(facts("root").unwrap().kind, AccountKind::Root);
    assert!(facts("no-such-account-here").is_err());
}

#[test]
fn uid_min_of_login_defs() {
    for (defs, min) in [
        ("", 1000),
        ("UID_MIN 500\n", 500),
        (
            "# UID_MIN 1\nUID_MIN\t\t\t 2000 # more\nSYS_UID_MIN 100\n",
            2000,
        ),
        ("UID_MIN 500\nUID_MIN 600\n", 600),
        ("UID_MIN many\nUID_MIN\n", 1000),
    ] {
        assert_eq!(uid_min(defs.as_bytes()), min, "{defs}");
    }
}
