use super::*;

fn parse(text: &str) -> Result<ServerConfig, String> {
    ServerConfig::parse(text.as_bytes())
}

#[test]
fn reads_what_go_reads() {
    let config = parse(
        "---\nenv_vars:\n  HTTPS_PROXY: http://p:3128\n  N: 5\ndeny_emails: [a@x, \"b@x\"]\n\
         deny_users:\n  - root\n  - 1000\nfuture: {a: b}\n",
    )
    .unwrap();
    assert_eq!(config.env_vars["HTTPS_PROXY"], "http://p:3128");
    assert_eq!(config.env_vars["N"], "5");
    assert_eq!(config.deny.emails, ["a@x", "b@x"]);
    assert_eq!(config.deny.users, ["root", "1000"]);
    assert_eq!(config.unknown_keys, ["future"]);
    let config = parse("env_vars: {N: ~, Q: 'null'}\ndeny_users: [~, x]").unwrap();
    assert_eq!(config.env_vars["N"], "");
    assert_eq!(config.env_vars["Q"], "null");
    assert_eq!(config.deny.users, ["", "x"]);
}

#[test]
fn an_empty_file_denies_nobody() {
    for text in ["", "\n", "# nothing yet\n", "---\n", "deny_users:\n", "{}"] {
        assert_eq!(parse(text).unwrap(), ServerConfig::default(), "{text:?}");
    }
}

#[test]
fn row_114_what_cannot_be_used_is_an_error() {
    for text in [
        "deny_emails: a@x",
        "deny_emails: [a@x",
        "deny_emails: {a: b}",
        "deny_users: [[a]]",
        "deny_email: [a@x]",
        "denyusers:",
        "dney_users: root",
        "- deny_users",
        "deny_users",
        "env_vars: [a]",
        "env_vars: {\"a=b\": c}",
        "deny_users: [a]\ndeny_users: [b]\n",
    ] {
        assert!(parse(text).is_err(), "{text:?}");
    }
    assert!(ServerConfig::parse(b"deny_users: [\xff]").is_err());
}

#[test]
fn denying_is_generous_about_letter_case() {
    let deny = parse("deny_emails: [Kurt@X.example]\ndeny_users: [ROOT]")
        .unwrap()
        .deny;
    assert!(deny.has_email("kurt@x.example"));
    assert!(deny.has_email("\u{212a}urt@x.example"));
    assert!(deny.has_user("root"));
    assert!(!deny.has_user("root2"));
    assert!(!deny.has_email(""));
}
