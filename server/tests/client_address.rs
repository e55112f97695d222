//! `verify` with rules about where the client connects from: what sshd's words may and may not do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[allow(dead_code)] // each test program uses a part of it
mod stage;

use forge::{CLIENT, Login};
use stage::{ACCOUNT, Provider, Server, issued, now};

/// This end is ours; documentation addresses are not.
const FROM_192_0_2_7: &str = "127.0.0.1 22 192.0.2.7 51234";
const THE_OTHER_WAY_ROUND: &str = "192.0.2.7 51234 127.0.0.1 22";
const FROM_198_51_100_7: &str = "127.0.0.1 22 198.51.100.7 51234";

struct Case {
    login: Login,
    server: Server,
    _provider: Provider,
}

/// A server with this `server.yml`, and one rule for 192.0.2.0/24.
fn case(effect: &str, settings: &str) -> Case {
    let login = Login::new();
    let provider = Provider::of(&login);
    let issuer = provider.address.clone();
    let login = issued(login, &issuer, now());
    let server = Server::for_login(&login, &issuer);
    server.write("providers", &format!("{issuer} {CLIENT} 24h\n"));
    if effect == "allow" {
        server.write("auth_id", "");
    }
    server.write("server.yml", settings);
    server.write(
        "rules.yml",
        &format!(
            "rules:\n- name: office\n  effect: {effect}\n  issuer: {issuer}\n  accounts: {ACCOUNT}\n  \
             when: [{{claim: sub, present: true}}]\n  client_address: 192.0.2.0/24\n"
        ),
    );
    Case {
        login,
        server,
        _provider: provider,
    }
}

impl Case {
    /// Returns true if sshd gets a line, and the log.
    fn is_let_in(&mut self, words: &[&str]) -> (bool, String) {
        let _ = std::fs::remove_file(self.server.path("log"));
        self.server.extra = words.iter().map(|&word| word.to_owned()).collect();
        let (out, result) = self.server.verify(&self.login);
        assert_eq!(out.is_empty(), result.is_err());
        if result.is_ok() && !out.starts_with("cert-authority,principals=\"opkssh-wildcard\" ") {
            assert!(out.contains(",from=\"192.0.2.0/24\" "), "{out}");
        }
        (result.is_ok(), self.server.log())
    }
}

const UNKNOWN: &str = "warning: the client's address is not known: ";

#[test]
fn the_address_decides_in_whichever_order_sshd_names_the_ends() {
    for (effect, inside) in [("allow", true), ("deny", false)] {
        let mut case = case(effect, "arguments: [connection]");
        for word in [FROM_192_0_2_7, THE_OTHER_WAY_ROUND] {
            for words in [&[word][..], &[word, "SHA256:x"]] {
                let (is_let_in, log) = case.is_let_in(words);
                assert_eq!(is_let_in, inside, "{effect} {words:?}: {log}");
                assert!(!log.contains(UNKNOWN), "{log}");
            }
        }
        assert_eq!(case.is_let_in(&[FROM_198_51_100_7]).0, !inside, "{effect}");
    }
}

#[test]
fn an_address_that_is_not_known_is_inside_for_no_allowing_and_for_each_denying_rule() {
    for effect in ["allow", "deny"] {
        for (settings, words, why) in [
            ("arguments: [connection]", &[][..], "passes no word for it"),
            ("arguments: [connection]", &["%C"], "is not ADDRESS PORT"),
            (
                "arguments: [connection]",
                &["SHA256:x", FROM_192_0_2_7],
                "is not ADDRESS PORT",
            ),
            (
                "arguments: [connection]",
                &["198.51.100.1 22 192.0.2.7 51234"],
                "neither 198.51.100.1 nor 192.0.2.7 is an address of this machine",
            ),
            (
                "arguments: [routing_domain, connection]",
                &[FROM_192_0_2_7],
                "passes no word for it",
            ),
            // never guessed by its form
            ("{}", &[FROM_192_0_2_7], "does not declare"),
            (
                "arguments: [routing_domain]",
                &["", FROM_192_0_2_7],
                "does not declare",
            ),
        ] {
            let mut case = case(effect, settings);
            let (is_let_in, log) = case.is_let_in(words);
            assert!(!is_let_in, "{effect} {settings} {words:?}: {log}");
            let line = log.lines().find(|line| line.contains(UNKNOWN));
            assert!(line.is_some_and(|line| line.contains(why)), "{log}");
        }
    }
}

#[test]
fn servers_without_such_rules_are_as_before() {
    let mut case = case("deny", "{}");
    std::fs::remove_file(case.server.path("rules.yml")).unwrap();
    for words in [&[][..], &[FROM_192_0_2_7], &["x"]] {
        let (is_let_in, log) = case.is_let_in(words);
        assert!(is_let_in && !log.contains("client's address"), "{log}");
    }
    // declared and not passed: said, although no rule asks
    case.server.write("server.yml", "arguments: [connection]");
    let (is_let_in, log) = case.is_let_in(&[]);
    assert!(is_let_in && log.contains(UNKNOWN), "{log}");
}
