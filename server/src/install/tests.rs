use super::*;

#[test]
fn the_line_of_the_hint_can_be_used() {
    let hint = |command: &str| other_command(command).hint().unwrap();
    let said = hint("/usr/bin/sss_ssh_authorizedkeys --x=%u  %u %k");
    let (_, line) = said.split_once("configuration: ").unwrap();
    let settings = Settings::parse(line.as_bytes()).unwrap();
    let program = "/usr/bin/sss_ssh_authorizedkeys";
    assert_eq!(settings.fallback.unwrap().program.to_str(), Some(program));
    for command in ["/usr/bin/other %f", "/usr/bin/other \"a b\""] {
        let said = hint(command);
        assert!(said.contains("cannot be the fallback"), "{said}");
        assert!(said.contains("AuthorizedKeysCommandUser"), "{said}");
    }
}

#[test]
fn both_lines_of_sshd_are_named() {
    let error = check_sshd_account("/opt/opkssh verify", Some("nobody")).unwrap_err();
    assert!(error.to_string().contains("as nobody"), "{error}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("AuthorizedKeysCommand /usr/local/bin/opkssh verify %u %k %t"));
    assert!(hint.contains("AuthorizedKeysCommandUser opksshuser"));
}
