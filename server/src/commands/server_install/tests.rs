use super::*;

#[test]
fn the_rows_of_the_new_file_are_in_order() {
    let providers = crate::providers::Providers::parse("x", PROVIDERS.as_bytes());
    assert!(providers.problems.is_empty());
    assert_eq!(providers.issuers().count(), 4);
}

#[test]
fn paths_that_sudo_or_sshd_would_read_otherwise() {
    for good in ["/usr/local/bin/opkssh", "/opt/opk-ssh_1.0+x/opkssh"] {
        assert!(check_program_path(Path::new(good)).is_ok(), "{good}");
    }
    for bad in [
        "",
        "opkssh",
        "/opt/*/opkssh",
        "/opt/a b",
        "/opt/a,b",
        "/a\nb",
        "/a%u",
        "/é",
        "/a\\",
        "/a:b",
    ] {
        let error = check_program_path(Path::new(bad)).unwrap_err();
        assert!(error.to_string().contains("characters"), "{bad}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn the_units_start_the_program_that_is_installed() {
    assert!(SERVICE_TEXT.contains(&format!("ExecStart={PACKAGED} server cache refresh\n")));
    assert!(SERVICE_TEXT.contains(&format!("User={ACCOUNT}\n")));
    let account = Identity { uid: 5, gid: 6 };
    let items = items(account, Path::new("/opt/opkssh"), true);
    let texts: Vec<&str> = items
        .iter()
        .filter_map(|item| match &item.kind {
            Kind::Written(text) | Kind::Offered(text) => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert!(texts.iter().all(|text| text.starts_with(MARK)));
    assert!(!texts.iter().any(|text| text.contains("NOPASSWD")));
    let cache = items.iter().find(|item| item.path == KEY_CACHE.path());
    let cache = cache.unwrap();
    assert_eq!((cache.uid, cache.gid, cache.mode), (5, 6, 0o700));
}
