//! `opkssh logout`.

use opkssh_client::{LogoutArgs, Reply as _, logout};
use opkssh_protocol::control::{Event, Failure, LoggedOut, Request};

use crate::fake_daemon::{FakeDaemon, Home, account, report};
use crate::shown;

#[test]
fn logout_says_what_became_of_the_token() {
    let home = Home::new();
    let daemon = FakeDaemon::start(&home, |request| match request {
        Request::Status => vec![report(vec![account("work")])],
        _ => vec![Event::LoggedOut {
            accounts: vec![LoggedOut {
                alias: "work".into(),
                issuer: "https://id.example.com".into(),
                revocation: "revoked at the provider".into(),
                not_revoked: false,
            }],
            failures: Vec::new(),
        }],
    });
    let run = |args: LogoutArgs| shown(|out| logout(&args, &home.places, out, &mut Vec::new()));
    let text = "Logged out of work (https://id.example.com): revoked at the provider\n";
    assert_eq!(
        run(LogoutArgs {
            all: true,
            ..LogoutArgs::default()
        }),
        text
    );
    assert_eq!(
        run(LogoutArgs {
            alias: Some("work".into()),
            ..LogoutArgs::default()
        }),
        text
    );
    let asked = daemon.asked();
    assert_eq!(asked[0]["which"], "all");
    assert_eq!(asked[1]["which"]["named"], "work");
}

#[test]
fn a_logout_that_fails_hides_no_other() {
    let home = Home::new();
    let _daemon = FakeDaemon::start(&home, |request| match request {
        Request::Status => vec![report(vec![account("work")])],
        _ => vec![Event::LoggedOut {
            accounts: vec![LoggedOut {
                alias: "work".into(),
                issuer: "https://id.example.com".into(),
                revocation: "refresh token not revoked: no answer".into(),
                not_revoked: true,
            }],
            failures: ["home", "school"]
                .map(|name| Failure {
                    message: format!("{name} stays logged in: the keyring is locked"),
                    hint: Some("unlock it".into()),
                    ..Failure::default()
                })
                .to_vec(),
        }],
    });
    let args = LogoutArgs {
        all: true,
        ..LogoutArgs::default()
    };
    let mut out = Vec::new();
    let reply = logout(&args, &home.places, &mut out, &mut Vec::new()).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert_eq!(out, "Logged out of work (https://id.example.com)\n");
    let failures = [
        ("home stays logged in: the keyring is locked", "unlock it"),
        ("school stays logged in: the keyring is locked", "unlock it"),
        (
            "work: refresh token not revoked: no answer",
            "it counts until the provider ends it: withdraw the login in your account at \
             https://id.example.com",
        ),
    ];
    let said = reply.failures.iter();
    let said = said.map(|error| (error.to_string(), error.hint().unwrap()));
    let expected = failures.map(|(what, hint)| (what.to_owned(), hint.to_owned()));
    assert!(said.eq(expected), "{:?}", reply.failures);
    assert_eq!(reply.status(), 1);
    let json: serde_json::Value = serde_json::from_str(&reply.json()).unwrap();
    assert_eq!(json["done"], false);
    assert_eq!(json["accounts"][0]["alias"], "work");
    assert_eq!(json["accounts"][0]["not_revoked"], true);
    assert_eq!(json["failures"][1]["reason"], failures[1].0);
    assert_eq!(json["failures"][1]["hint"], "unlock it");
}

#[test]
fn logout_with_nothing_to_do_is_no_failure() {
    let home = Home::new();
    let text = shown(|out| logout(&LogoutArgs::default(), &home.places, out, &mut Vec::new()));
    assert_eq!(
        text,
        "Nobody is logged in\nNo opkssh keys found to remove\n"
    );
    assert!(
        !home.places.log_file().exists(),
        "no daemon is started for it"
    );
}
