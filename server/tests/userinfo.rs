//! `verify` with an access token in the certificate: what the provider's userinfo endpoint may and
//! may not change.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[allow(dead_code)] // each test program uses a part of it
mod stage;

use std::net::TcpListener;

use forge::Login;
use serde_json::json;
use stage::{ACCOUNT, Answer, Provider, Server, issued, now, ok, redirect};

const TOKEN: &str = "access-token-that-nobody-else-may-see";

/// A login with an access token, at a provider whose userinfo endpoint answers this.
fn with_userinfo(
    answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> (Login, Provider, Server) {
    with_endpoint(|own| format!("{own}/me"), answer)
}

/// As [`with_userinfo`], with the endpoint at this address, given the provider's own.
fn with_endpoint(
    endpoint: impl Fn(&str) -> String + Send + Sync + 'static,
    answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> (Login, Provider, Server) {
    let login = Login::new();
    let keys = login.keys.to_string();
    let provider = Provider::serving(move |own, path| match path {
        "/.well-known/openid-configuration" => ok(json!({
            "issuer": own,
            "jwks_uri": format!("{own}/keys"),
            "userinfo_endpoint": endpoint(own),
        })
        .to_string()),
        "/keys" => ok(keys.clone()),
        "/me" => answer(own),
        _ => None,
    });
    let issuer = provider.address.clone();
    let login = issued(login, &issuer, now());
    let server = Server::for_login(&login, &issuer);
    let login = login.with(|login| {
        login.certificate.extensions = Some(vec![
            ("openpubkey-act".into(), TOKEN.into()),
            ("openpubkey-pkt".into(), login.pk_token()),
        ]);
    });
    (login, provider, server)
}

fn groups(server: &Server, issuer: &str) {
    server.write("auth_id", &format!("{ACCOUNT} oidc:groups:dev {issuer}\n"));
}

#[test]
fn a_row_may_match_what_only_userinfo_says() {
    let (login, provider, server) = with_userinfo(|_| ok(r#"{"sub":"sub-1","groups":["dev"]}"#));
    groups(&server, &provider.address);
    server.allows(&login);
    assert_eq!(provider.requests(), 4);
    assert!(!server.log().contains(TOKEN));
}

#[test]
fn without_an_access_token_nothing_is_asked() {
    let (login, provider, server) = with_userinfo(|_| ok(r#"{"sub":"sub-1","groups":["dev"]}"#));
    groups(&server, &provider.address);
    for extensions in [
        None,
        Some(vec![
            ("openpubkey-act".into(), String::new()),
            ("openpubkey-pkt".into(), login.pk_token()),
        ]),
    ] {
        let before = provider.requests();
        let mut certificate = login.certificate.clone();
        certificate.extensions = extensions;
        let (key_type, words) = certificate.words(&login.user_key, &login.pk_token());
        let (out, result) = server.verify_words(&key_type, &words);
        assert_eq!(out, "");
        assert!(result.unwrap_err().contains("no policy to allow"));
        assert_eq!(provider.requests() - before, 2);
    }
}

#[test]
fn row_115_an_address_that_only_userinfo_names_is_denied() {
    let (login, provider, server) =
        with_userinfo(|_| ok(r#"{"sub":"sub-1","email":"Mallory@x.example"}"#));
    server.write(
        "auth_id",
        &format!("{ACCOUNT} sub-1 {}\n", provider.address),
    );
    server.allows(&login);
    server.write("config.yml", "deny_emails: [mallory@x.example]\n");
    server.refuses(&login, "denied email Mallory@x.example");
}

#[test]
fn row_116_and_117_an_answer_that_cannot_be_used_changes_nothing() {
    type Wrong = fn(&str) -> Option<Answer>;
    let wrong: [Wrong; 9] = [
        |_| ok(r#"{"sub":"sub-2","groups":["dev"]}"#),
        |_| ok(r#"{"groups":["dev"]}"#),
        |_| ok("null"),
        |_| ok(r#"["sub-1"]"#),
        |_| ok("<html>"),
        |_| ok(vec![b' '; 1024 * 1024 + 1]),
        |_| Some(("500 Oops".into(), vec![], vec![])),
        |_| Some(("401 No".into(), vec![], vec![])),
        // the token must not follow
        |own| redirect(&format!("{own}/keys")),
    ];
    for answer in wrong {
        let (login, provider, server) = with_userinfo(answer);
        server.allows(&login);
        assert!(
            server.log().contains("warning: userinfo not used: "),
            "{}",
            server.log()
        );
        groups(&server, &provider.address);
        server.refuses(&login, "no policy to allow");
        assert_eq!(provider.requests(), 8);
        assert!(!server.log().contains(TOKEN));
    }
}

#[test]
fn a_token_that_is_no_header_is_not_sent_and_not_logged() {
    let (login, _provider, server) = with_userinfo(|_| ok(r#"{"sub":"sub-1"}"#));
    let token = format!("{TOKEN}\r\nX-Injected: 1");
    let login = login.with(|login| {
        login.certificate.extensions = Some(vec![
            ("openpubkey-act".into(), token),
            ("openpubkey-pkt".into(), login.pk_token()),
        ]);
    });
    server.allows(&login);
    assert!(server.log().contains("warning: userinfo not used: "));
    assert!(!server.log().contains(TOKEN), "{}", server.log());
}

fn with_cache(server: &Server) {
    std::fs::create_dir(server.path("cache")).unwrap();
    server.mode("cache", 0o700);
}

/// Logs in twice; returns how many requests each login made.
#[track_caller]
fn twice((login, provider, server): &(Login, Provider, Server)) -> [usize; 2] {
    with_cache(server);
    [(); 2].map(|()| {
        let before = provider.requests();
        server.allows(login);
        assert!(server.log().contains("warning: userinfo not used: "));
        provider.requests() - before
    })
}

#[test]
fn a_provider_that_hangs_is_waited_for_once_and_then_let_alone_for_a_while() {
    let scene = with_userinfo(|_| None);
    assert_eq!(twice(&scene), [4, 0]);
    let log = scene.2.log();
    assert!(
        log.contains("did not answer within 3 s") && log.contains("and is asked again in "),
        "{log}"
    );
    assert!(!log.contains(TOKEN));
}

#[test]
fn a_refused_connection_is_not_tried_by_each_login() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/me", closed.local_addr().unwrap());
    drop(closed);
    let scene = with_endpoint(move |_| address.clone(), |_| None);
    assert_eq!(twice(&scene), [3, 0]);
}

/// A bad token must not keep the provider from being asked about others.
#[test]
fn an_answer_of_any_kind_is_no_silence() {
    for status in ["401 Unauthorized", "503 Service Unavailable", "200 OK"] {
        let scene = with_userinfo(move |_| Some((status.into(), vec![], b"<html>".into())));
        assert_eq!(twice(&scene), [4, 2], "{status}");
    }
}
