use crate::config::ServerConfig;
use crate::policy::revoked::Revoked;
use crate::policy::rules::Rules;
use crate::settings::Settings;

#[test]
fn a_value_of_a_wrong_type_is_named_with_what_is_expected() {
    for (text, expected) in [
        (
            "key_cache: {fresh: 1h}\nreadable: /x\n",
            "line 2: readable must be a list, e.g. [/x]",
        ),
        (
            "jwks_files:\n- a\n",
            "line 2: an entry of jwks_files must be keys and values",
        ),
        (
            "fallback:\n  timeout: 5s\n  command: /bin/x\n",
            "line 3: command must be a list, e.g. [/bin/x]",
        ),
        (
            "fallback:\n  command:\n  - [a]\n",
            "line 3: an entry of command must be one value",
        ),
        ("- a\n", "line 1: "),
    ] {
        let error = Settings::parse(text.as_bytes()).unwrap_err();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let error = ServerConfig::parse(b"env_vars: {}\ndeny_users: bob\n").unwrap_err();
    assert_eq!(error, "line 2: deny_users must be a list, e.g. [bob]");
}

#[test]
fn an_error_in_a_rule_or_an_entry_has_its_line() {
    let rules = |text: &str| Rules::parse("f", text.as_bytes()).unwrap_err().to_string();
    let error = rules("time_zone: UTC\nrules:\n- name: a\n  issuer: i\n  accounts: [x]\n");
    assert!(error.starts_with("line 3: rule \"a\": "), "{error}");
    let error = rules(
        "rules:\n- {name: a, issuer: i, accounts: [{b: c}], when: [{claim: x, present: true}]}\n",
    );
    assert!(
        error.starts_with("line 2: rule \"a\": `accounts`: "),
        "{error}"
    );
    let error = rules("rules:\n- name: a\n  pty: yep\n");
    assert!(error.starts_with("line 3: unknown field"), "{error}");
    let error = rules("rules:\n- {name: a, email_verified: [x]}\n");
    assert!(
        error.starts_with("line 2: email_verified must be one value"),
        "{error}"
    );
    let error = rules("rules:\n- {name: a, email_verified: 5}\n");
    assert!(
        error.starts_with("line 2: email_verified must be true or false"),
        "{error}"
    );
    let error = Revoked::parse(b"- {subject: a, issuer: i}\n- {subject: a}\n").unwrap_err();
    assert!(error.starts_with("line 2: entry 2 needs one of"), "{error}");
}
