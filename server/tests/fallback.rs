//! `verify` with a fallback command for keys that it does not let in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use stage::{ACCOUNT, Server, scene};

const PLAIN: (&str, &str) = ("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAA");

fn falls_back_to(server: &Server, command: &str) {
    let text = format!("fallback: {{command: [{command}]}}\n");
    server.write("server.yml", &text);
}

fn plain(server: &Server) -> (String, Result<(), String>) {
    server.verify_words(PLAIN.0, PLAIN.1)
}

#[test]
fn other_keys_are_answered_by_it_and_ours_by_us() {
    let (login, provider, server) = scene(|_| ());
    falls_back_to(&server, "/bin/echo, \"%u\", \"%t\", \"%k\"");
    let (out, result) = plain(&server);
    assert_eq!(out, format!("{ACCOUNT} {} {}\n", PLAIN.0, PLAIN.1));
    assert_eq!(result, Ok(()));
    assert_eq!(provider.requests(), 0);
    let left = format!(" left to fallback account={ACCOUNT} fallback=/bin/echo bytes=");
    assert!(server.log().contains(&left), "{}", server.log());
    server.allows(&login);
}

#[test]
fn ours_refused_its_lines_still_count() {
    let (login, _provider, server) = scene(|_| ());
    falls_back_to(&server, "/bin/echo, a line");
    server.write("auth_id", "");
    let (out, result) = server.verify(&login);
    assert_eq!((out.as_str(), result), ("a line\n", Ok(())));
    assert!(server.log().contains(" reason=\"no policy to allow"));
    std::fs::remove_file(server.path("providers")).unwrap();
    assert_eq!(server.verify(&login).0, "a line\n");
}

#[test]
fn deny_lists_come_first() {
    let (login, _provider, server) = scene(|_| ());
    falls_back_to(&server, "/bin/echo, a line");
    server.write("config.yml", &format!("deny_users: [{ACCOUNT}]\n"));
    let (out, result) = plain(&server);
    assert!(out.is_empty() && result.is_err());
    assert!(server.log().contains("denied user"));
    server.refuses(&login, "denied user");
    server.write("config.yml", "deny_emails: [alice@x.example]\n");
    server.refuses(&login, "denied email");
    assert_eq!(plain(&server).0, "a line\n");
    // a deny list that cannot be read denies
    server.write("config.yml", "deny_users: [");
    let (out, result) = plain(&server);
    assert!(out.is_empty());
    assert!(result.unwrap_err().contains("every login is refused"));
    server.refuses(&login, "every login is refused");
}

#[test]
fn one_that_fails_or_may_not_run_says_nothing() {
    let (_login, _provider, server) = scene(|_| ());
    for (command, reason) in [
        ("/bin/false", "failed"),
        ("/bin/true", "has no key"),
        ("/nonexistent", "No such file"),
        ("/etc/passwd", "not a program"),
        ("/bin/sh, -c, echo a line; exit 3", "failed"),
        ("/usr/bin/head, -c, \"1048577\", /dev/zero", "more than"),
    ] {
        falls_back_to(&server, command);
        let (out, result) = plain(&server);
        assert_eq!(out, "", "{command}");
        assert!(result.unwrap_err().contains("not an SSH certificate"));
        assert!(server.log().contains(reason), "{command}: {}", server.log());
    }
    server.write("server.yml", "fallback: {command: [cat]}\n");
    let (out, result) = plain(&server);
    assert_eq!(out, "");
    assert!(result.unwrap_err().contains("not an absolute path"));
}

#[test]
fn a_certificate_of_the_sites_own_authority_is_left_to_others() {
    let (_login, provider, server) = scene(|_| ());
    falls_back_to(&server, "/bin/echo, a line");
    // ours by its type, but without a PK token in it
    let certificate = include_str!("../../protocol/src/inspect/plain-certificate.pub");
    let mut words = certificate.split_whitespace();
    let (kind, blob) = (words.next().unwrap(), words.next().unwrap());
    let (out, result) = server.verify_words(kind, blob);
    assert_eq!((out.as_str(), result), ("a line\n", Ok(())));
    assert_eq!(provider.requests(), 0);
}

#[test]
fn it_cannot_write_to_the_key_cache() {
    use std::fs;

    let (login, provider, server) = scene(|_| ());
    fs::create_dir(server.path("cache")).unwrap();
    server.mode("cache", 0o700);
    server.allows(&login);
    let cache = server.path("cache").display().to_string();
    let rest = format!("/bin/sh, -c, \"rm -f {cache}/*; echo x > {cache}/new; echo a line\"");
    falls_back_to(&server, &rest);
    let (out, _) = plain(&server);
    assert_eq!(out, "a line\n");
    assert!(!server.path("cache").join("new").exists());
    let before = provider.requests();
    server.allows(&login);
    assert_eq!(provider.requests(), before, "the keys are still there");
}

/// `rules.yml` and `revoked.yml` are about our certificates: while one of them cannot be used,
/// these are refused and left to nobody, and other keys are answered as ever. `config.yml` denies
/// accounts whatever the key.
#[test]
fn other_keys_are_answered_while_rules_cannot_be_used() {
    let (login, _provider, server) = scene(|_| ());
    falls_back_to(&server, "/bin/echo, a line");
    for (file, text, mode) in [
        ("rules.yml", "[", 0o640),
        ("rules.yml", "rules: []", 0o666),
        ("revoked.yml", "[", 0o640),
        ("revoked.yml", "[]", 0o666),
    ] {
        server.write(file, text);
        server.mode(file, mode);
        server.refuses(&login, "every login is refused");
        assert_eq!(plain(&server), ("a line\n".into(), Ok(())), "{file}");
        std::fs::remove_file(server.path(file)).unwrap();
    }
    for (file, text) in [("config.yml", "deny_users: ["), ("server.yml", "fallback:")] {
        server.write(file, text);
        let (out, result) = plain(&server);
        assert_eq!(out, "", "{file}");
        assert!(
            result.unwrap_err().contains("every login is refused"),
            "{file}"
        );
        std::fs::remove_file(server.path(file)).unwrap();
        falls_back_to(&server, "/bin/echo, a line");
    }
}
