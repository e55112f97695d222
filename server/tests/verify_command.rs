//! `verify` as sshd runs it: real files, a provider on loopback, the log, and what reaches stdout.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use forge::{CLIENT, Login};
use opkssh_server::deadline::Deadline;
use opkssh_server::http::{HttpError, Network};
use opkssh_server::key_source::{KeySource as _, KeySourceError};
use opkssh_server::{VerifyArgs, verify_to};
use stage::{ACCOUNT, Answer, Provider, Server, discovery, issued, now, ok, redirect};

/// A login at a provider that works, and a server that lets it in.
fn working() -> (Login, Provider, Server) {
    let login = Login::new();
    let provider = Provider::of(&login);
    let login = at(login, &provider.address);
    let server = Server::for_login(&login, &provider.address);
    (login, provider, server)
}

fn at(login: Login, issuer: &str) -> Login {
    issued(login, issuer, now())
}

#[test]
fn a_login_that_is_let_in() {
    let (login, provider, server) = working();
    server.allows(&login);
    assert_eq!(provider.requests(), 2);
    let log = server.log();
    let others = |line: &&str| !line.contains(" warning: key cache not used: ");
    assert_eq!(log.lines().filter(others).count(), 1, "{log}");
    let decision = format!(
        " successfully verified account={ACCOUNT} rule=\"{} line 1\" key=SHA256:",
        server.path("auth_id").display()
    );
    assert!(log.contains(&decision), "{log}");
    let claimed = format!(
        " issuer=\"{}\" subject=\"{}\" email=\"alice@x.example\" key_id=\"",
        provider.address,
        login.claims["sub"].as_str().unwrap()
    );
    assert!(log.contains(&claimed), "{log}");
}

#[test]
fn row_128_no_token_and_no_certificate_in_the_log() {
    let (login, _provider, server) = working();
    server.allows(&login);
    server.write("auth_id", "");
    server.refuses(&login, "no policy to allow");
    let (_, certificate) = login.words();
    let token = login.pk_token();
    let log = server.log();
    for secret in token
        .split(':')
        .chain([&certificate[..60], &certificate[200..260]])
    {
        assert!(!log.contains(&secret[..40]), "{secret}");
    }
    assert_eq!(
        fs::metadata(server.path("log"))
            .unwrap()
            .permissions()
            .mode()
            & 0o117,
        0
    );
}

#[test]
fn row_22_what_a_token_says_cannot_forge_log_lines() {
    let (login, _provider, server) = working();
    let login = login.with(|login| {
        login.certificate.key_id = "x\n2026/01/01 00:00:00 successfully verified".into();
        login.claims["sub"] = "y\r\n\u{1b}[2J\u{202e}\u{200b}z".into();
    });
    server.allows(&login);
    let log = server.log();
    assert!(
        log.lines()
            .all(|line| line.len() > 20 && line.as_bytes()[4] == b'/'),
        "{log}"
    );
    assert_eq!(
        log.matches("\nsuccessfully").count()
            + log.matches(['\u{1b}', '\u{202e}', '\u{200b}']).count(),
        0
    );
}

#[test]
fn plain_keys_and_garbage_are_refused_with_one_line_in_the_log() {
    let (login, provider, server) = working();
    let certificate_type = login.words().0;
    for (key_type, blob) in [
        ("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAA".to_owned()),
        (certificate_type.as_str(), "A".repeat(100_000)),
        (certificate_type.as_str(), "\u{0}\u{7f}é".repeat(25_000)),
        ("", String::new()),
    ] {
        let before = fs::read_to_string(server.path("log")).unwrap_or_default();
        let (out, result) = server.verify_words(key_type, &blob);
        assert_eq!(out, "");
        assert!(result.is_err());
        assert_eq!(server.log().lines().count(), before.lines().count() + 1);
    }
    assert_eq!(provider.requests(), 0);
}

#[test]
fn row_31_and_29_what_can_be_refused_alone_asks_nobody() {
    let (login, provider, server) = working();
    let login = login.with(|login| login.id_header["alg"] = "none".into());
    server.refuses(&login, "unsupported signature algorithm");
    let login = login.with(|login| {
        login.id_header["alg"] = "ES256".into();
        login.claims["aud"] = "other".into();
    });
    server.refuses(&login, "audience");
    assert_eq!(provider.requests(), 0);
}

#[test]
fn row_58_an_issuer_with_a_slash() {
    let (login, provider, server) = working();
    server.write(
        "providers",
        &format!("{}/ {CLIENT} 24h\n", provider.address),
    );
    server.refuses(&login, "differs only in its trailing slash");
}

#[test]
fn row_74_a_provider_that_is_down() {
    let (login, _provider, server) = working();
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let issuer = format!("http://{gone}");
    let login = at(login, &issuer);
    server.write("providers", &format!("{issuer} {CLIENT} 24h\n"));
    server.refuses(&login, "failed to get the provider's keys");
}

#[test]
fn a_provider_that_answers_nonsense() {
    let big = || vec![b' '; 1024 * 1024 + 1];
    type Wrong = fn(&str) -> Option<Answer>;
    let wrong: [Wrong; 6] = [
        |_| ok("<html>"),
        |_| ok("null"),
        |own| ok(discovery(&format!("{own}/"))), // row 60
        |_| Some(("500 Oops".into(), vec![], vec![])),
        |_| redirect("http://example.invalid/x"),
        |own| redirect(&format!("{own}/.well-known/openid-configuration")),
    ];
    for answer in wrong {
        let provider = Provider::serving(move |own, _| answer(own));
        assert!(provider.keys().is_err());
        assert!(provider.requests() <= 6);
    }
    for keys in [
        &b"{}"[..],
        b"[]",
        b"{\"keys\":[]}",
        b"{\"keys\":[{\"kty\":\"x\"}]}",
        &big(),
    ] {
        let keys = keys.to_vec();
        let provider = Provider::serving(move |own, path| match path {
            "/keys" => ok(keys.clone()),
            _ => ok(discovery(own)),
        });
        assert!(provider.keys().is_err());
    }
}

#[test]
fn redirects_are_followed_while_they_stay_acceptable() {
    let keys = Login::new().keys.to_string();
    let provider = Provider::serving(move |own, path| match path {
        "/.well-known/openid-configuration" => redirect("/other"),
        "/other" => ok(discovery(own)),
        "/keys" => ok(keys.clone()),
        _ => None,
    });
    provider.keys().unwrap();
    assert_eq!(provider.requests(), 3);
}

#[test]
fn row_75_a_provider_that_never_answers() {
    for silent in ["/.well-known/openid-configuration", "/keys"] {
        let provider = Provider::serving(move |own, path| {
            if path == silent {
                None
            } else {
                ok(discovery(own))
            }
        });
        let source = Network::default();
        let error = source
            .fetch(
                &provider.address,
                Deadline::after(Duration::from_millis(300)),
            )
            .unwrap_err();
        let is_late = matches!(error, KeySourceError::Http(HttpError::Deadline { .. }));
        assert!(is_late, "{error}");
    }
}

#[test]
fn the_providers_file_must_be_there_and_private() {
    let (login, _provider, server) = working();
    server.mode("providers", 0o644);
    server.refuses(&login, "insecure permissions");
    fs::remove_file(server.path("providers")).unwrap();
    server.refuses(&login, "failed to load providers");
    server.write("providers", "# none\n");
    server.refuses(&login, "no providers configured");
}

#[test]
fn row_112_another_issuers_bad_row_harms_nobody_and_is_logged() {
    let (login, provider, server) = working();
    server.write(
        "providers",
        &format!(
            "https://bad.example x zz\nhttps://short.example x\n{} {CLIENT} 24h\n",
            provider.address
        ),
    );
    server.allows(&login);
    assert!(
        server
            .log()
            .contains("line 1: invalid expiration policy: zz")
    );
    assert!(
        server
            .log()
            .contains("line 2: wrong number of arguments (expected=3, got=2)")
    );
}

#[test]
fn row_108_and_109_the_policy_file() {
    let (login, provider, server) = working();
    server.mode("auth_id", 0o600);
    server.allows(&login);
    let row = format!("{ACCOUNT} alice@x.example {}\n", provider.address);
    server.write("auth_id", &format!("too short\n{row}"));
    server.allows(&login);
    assert!(
        server
            .log()
            .contains("auth_id line 1: wrong number of arguments")
    );
    server.mode("auth_id", 0o660);
    server.refuses(&login, "error loading policy");
    fs::remove_file(server.path("auth_id")).unwrap();
    server.refuses(&login, "error loading policy");
}

#[test]
fn row_114_a_config_that_cannot_be_used_refuses_everyone() {
    let (login, provider, server) = working();
    for text in [
        "deny_users: [",
        "deny_email: [x]",
        "env_vars: {SSL_CERT_FILE: /nonexistent}",
    ] {
        server.write("config.yml", text);
        server.refuses(&login, "");
    }
    server.write("config.yml", "");
    server.mode("config.yml", 0o644);
    server.refuses(&login, "every login is refused");
    fs::remove_file(server.path("config.yml")).unwrap();
    fs::create_dir(server.path("config.yml")).unwrap();
    server.refuses(&login, "every login is refused");
    fs::remove_dir(server.path("config.yml")).unwrap();
    // a link that leads nowhere may have led to deny lists
    symlink(server.path("gone"), server.path("config.yml")).unwrap();
    server.refuses(&login, "every login is refused");
    fs::remove_file(server.path("config.yml")).unwrap();
    assert_eq!(provider.requests(), 0);
    server.allows(&login);
}

#[test]
fn a_config_that_was_named_must_be_there() {
    let (login, provider, mut server) = working();
    server.config_path = Some(server.path("named.yml"));
    server.refuses(&login, "every login is refused");
    assert_eq!(provider.requests(), 0);
    server.write("named.yml", &format!("deny_users: [{ACCOUNT}]\n"));
    server.refuses(&login, "denied user");
    server.write("named.yml", "");
    server.allows(&login);
}

#[test]
fn deny_lists() {
    let (login, _provider, server) = working();
    server.write("config.yml", "deny_emails:\n  - ALICE@x.example\n");
    server.refuses(&login, "denied email");
    server.write("config.yml", &format!("deny_users: [{ACCOUNT}]\n"));
    server.refuses(&login, "denied user");
    server.write(
        "config.yml",
        "deny_users: [root]\nsomething: {new: 1}\nenv_vars: {LANG: C}\n",
    );
    server.allows(&login);
    assert!(server.log().contains("unknown key \"something\""));
    assert!(
        server
            .log()
            .contains("\"LANG\" under env_vars has no effect")
    );
}

#[test]
fn row_18_and_unverified_mail_are_remarked_on() {
    let (login, _provider, server) = working();
    let login = login.with(|login| {
        login.claims["email_verified"] = false.into();
        login.certificate.principals = vec!["root".into()];
    });
    let (out, result) = server.verify(&login);
    assert!(result.is_ok() && out.starts_with("cert-authority,principals=\"root\" "));
    assert!(server.log().contains("email_verified is not true"));
    assert!(server.log().contains("the certificate is for \"root\""));
}

/// A stdout that does something else than taking the line.
struct Odd(fn() -> std::io::Result<usize>);

impl Write for Odd {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        (self.0)()
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn verify_into(server: &Server, login: &Login, mut out: Odd) -> Result<(), String> {
    let (key_type, certificate) = login.words();
    let (etc, log) = (server.directory.path().display(), server.path("log"));
    let words = [
        format!("--etc={etc}"),
        format!("--log-file={}", log.display()),
        ACCOUNT.into(),
        certificate,
        key_type,
    ];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = verify_to(&arguments(&words).unwrap(), &mut out);
    result.map_err(|error| error.to_string())
}

#[test]
fn a_stdout_that_cannot_be_written_is_an_error_unless_sshd_has_gone() {
    let (login, _provider, server) = working();
    let full = Odd(|| Err(std::io::ErrorKind::StorageFull.into()));
    assert!(
        verify_into(&server, &login, full)
            .unwrap_err()
            .contains("cannot be written")
    );
    let gone = Odd(|| Err(std::io::ErrorKind::BrokenPipe.into()));
    verify_into(&server, &login, gone).unwrap();
}

#[test]
fn a_panic_is_a_refusal_with_its_reason_in_the_log() {
    let (login, _provider, server) = working();
    let panics = Odd(|| panic!("on purpose"));
    assert!(
        verify_into(&server, &login, panics)
            .unwrap_err()
            .contains("internal error")
    );
    let log = server.log();
    let last = log.lines().last().unwrap();
    assert!(
        last.contains(&format!(" failed to verify account={ACCOUNT} key=SHA256:"))
            && last.contains(" reason=\"internal error (panic"),
        "{last}"
    );
}

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    verify: VerifyArgs,
}

fn arguments(words: &[&str]) -> Result<VerifyArgs, clap::Error> {
    let words = ["verify"].iter().chain(words);
    CommandLine::try_parse_from(words).map(|line| line.verify)
}

#[test]
fn row_26_and_27_words_from_sshd() {
    let args = arguments(&["u", "AAAA", "t"]).unwrap();
    assert_eq!(args.dirs.etc, Path::new("/etc/opk"));
    assert_eq!(args.log_file, Path::new("/var/log/opkssh.log"));
    assert!(args.config_path.is_none() && args.extra.is_empty());
    let args = arguments(&[
        "--config-path",
        "/c",
        "u",
        "AAAA",
        "t",
        "-x",
        "--etc",
        "y",
        "-h",
    ])
    .unwrap();
    assert_eq!(args.extra, ["-x", "--etc", "y", "-h"]);
    assert_eq!(args.config_path.unwrap(), Path::new("/c"));
    let args = arguments(&["u", "AAAA", "t", "%C", "--log-file=z"]).unwrap();
    assert_eq!(args.extra, ["%C", "--log-file=z"]);
    assert!(arguments(&["-root", "AAAA", "t"]).is_err());
    assert!(arguments(&["u", "AAAA"]).is_err());
}

/// Of nine days ago, and kept alive by refreshes that are verified as fully as the first token.
#[test]
fn a_rule_may_count_from_the_last_verified_refresh() {
    let (login, _provider, server) = working();
    let login = login.with(|login| {
        login.claims["iat"] = (now() - 9 * 86_400).into();
        login.claims["exp"] = (now() - 9 * 86_400 + 60).into();
    });
    let issuer = login.claims["iss"].as_str().unwrap().to_owned();
    server.write(
        "rules.yml",
        &format!(
            "rules: [{{name: long, issuer: '{issuer}', accounts: [{ACCOUNT}], \
             when: [{{claim: sub, is: sub-1}}], max_age_since_refresh: 24h}}]\n"
        ),
    );
    server.refuses(&login, "expired");
    let with_refreshed = |age: i64, sub: &str, twist: fn(String) -> String| {
        let mut claims = login.claims.clone();
        claims["iat"] = (now() - age).into();
        claims["sub"] = sub.into();
        let payload = claims.to_string();
        let (header, signature) = login.id_token(&payload);
        let payload = opkssh_protocol::base64url::encode(payload);
        let token = format!(
            "{}.{header}.{payload}.{}",
            login.pk_token(),
            twist(signature)
        );
        let (key_type, certificate) = login.certificate.words(&login.user_key, &token);
        server.verify_words(&key_type, &certificate).1
    };
    assert_eq!(
        with_refreshed(3600, "sub-1", |all| all),
        Ok(()),
        "{}",
        server.log()
    );
    for (age, sub, twist) in [
        (25 * 3600, "sub-1", (|all| all) as fn(String) -> String),
        (3600, "sub-2", |all| all),
        (-3600, "sub-1", |all| all),
        (10 * 86_400, "sub-1", |all| all),
        (3600, "sub-1", |all| {
            let first = if all.starts_with('A') { "B" } else { "A" };
            format!("{first}{}", &all[1..])
        }),
    ] {
        let refused = with_refreshed(age, sub, twist).expect_err("refused");
        assert!(refused.contains("expired"), "{refused}");
    }
}
