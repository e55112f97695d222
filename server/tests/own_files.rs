//! Our own files are read more strictly than YAML asks for, and Go's as Go reads it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use stage::{ACCOUNT, denying, scene};
use std::fs;

#[test]
fn words_that_yaml_1_1_reads_as_something_else_have_to_be_quoted() {
    let (login, _provider, server) = scene(|login| login.claims["country"] = "NO".into());
    for word in [
        "NO", "no", "yes", "Yes", "on", "OFF", "y", "N", "0x10", "0o17", "017", "1_000",
    ] {
        for (file, text) in [
            (
                "rules.yml",
                denying(&format!("{{claim: country, is: {word}}}")),
            ),
            (
                "rules.yml",
                denying(&format!("{{claim: country, has: [a, {word}]}}")),
            ),
            ("revoked.yml", format!("- {{subject: {word}, issuer: i}}\n")),
            ("server.yml", format!("readable: [{word}]\n")),
        ] {
            server.write(file, &text);
            server.refuses(&login, &format!("write \"{word}\""));
            fs::remove_file(server.path(file)).unwrap();
        }
    }
    for condition in ["{claim: country, is: \"NO\"}", "{claim: country, is: 'NO'}"] {
        server.write("rules.yml", &denying(condition));
        server.refuses(&login, "denied by");
    }
    server.write(
        "rules.yml",
        &denying("{claim: country, is: [true, 10, north]}"),
    );
    server.allows(&login);
}

/// A template that leaves a value blank must not take a restriction away.
#[test]
fn a_key_without_a_value_is_an_error_in_our_files() {
    let (login, provider, server) = scene(|_| ());
    let rule = format!(
        "rules:\n- name: one\n  issuer: {}\n  accounts: {ACCOUNT}\n  when: [{{claim: sub, is: sub-1}}]\n",
        provider.address
    );
    server.write("rules.yml", &rule);
    server.allows(&login);
    for (file, text) in [
        ("rules.yml", format!("{rule}  options:\n    command:\n")),
        ("rules.yml", format!("{rule}  client_address:\n")),
        ("server.yml", "arguments:\n".to_owned()),
        ("rules.yml", format!("{rule}  options:\n")),
        ("rules.yml", format!("{rule}  options: {{from: ~}}\n")),
        (
            "rules.yml",
            format!("{rule}  options: {{environment: {{A: null}}}}\n"),
        ),
        ("rules.yml", format!("{rule}  max_age: Null\n")),
        ("rules.yml", format!("{rule}  hours: [~]\n")),
        ("rules.yml", format!("{rule}never_accounts:\n")),
        ("rules.yml", "rules:\n".to_owned()),
        ("rules.yml", "rules: !!null x\n".to_owned()),
        (
            "revoked.yml",
            "- {subject: a, issuer: i, key: }\n".to_owned(),
        ),
        ("revoked.yml", "- {subject: a, issuer: i}\n- \n".to_owned()),
        ("server.yml", "fallback:\n".to_owned()),
        ("server.yml", "key_cache: {fresh: }\n".to_owned()),
    ] {
        server.write(file, &text);
        server.refuses(&login, "has no value");
        fs::remove_file(server.path(file)).unwrap();
    }
    // Go's file keeps Go's meaning, and empty files are no values left blank
    server.write(
        "config.yml",
        "deny_users:\ndeny_emails: ~\nenv_vars: {A: }\n",
    );
    for file in ["rules.yml", "revoked.yml", "server.yml"] {
        server.write(file, "# later\n");
    }
    server.allows(&login);
}
