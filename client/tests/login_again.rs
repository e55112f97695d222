//! `opkssh login ALIAS` for an account that is in no configuration, and what is said about key
//! files of earlier logins.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod fake_daemon;

use std::path::{Path, PathBuf};
use std::process::Command;

use fake_daemon::{FakeDaemon, Home, account, report};
use opkssh_client::{Environment, LoginArgs, login};
use opkssh_protocol::control::{Event, Request};

const CONFIG: &str =
    "providers:\n  - {alias: work, issuer: 'https://id.example.com', client_id: client-1}\n";

/// A daemon with one account, `elsewhere`, that no configuration knows.
fn daemon(home: &Home) -> FakeDaemon {
    home.write(".opk/config.yml", CONFIG);
    FakeDaemon::start(home, |request| match request {
        Request::Status => vec![report(vec![account("elsewhere")])],
        Request::Login(_) | Request::LoginAgain { .. } => vec![Event::LoggedIn {
            account: account("elsewhere"),
        }],
        _ => Vec::new(),
    })
}

/// What went to stderr.
fn run(home: &Home, args: &LoginArgs) -> Result<String, String> {
    let mut err = Vec::new();
    login(
        args,
        &somebody(),
        &home.places,
        &mut Vec::new(),
        &mut Vec::new(),
        &mut err,
    )
    .map(|_| String::from_utf8(err).unwrap())
    .map_err(|error| format!("{error}; {}", error.hint().unwrap_or_default()))
}

fn alias(name: &str) -> LoginArgs {
    LoginArgs {
        alias: Some(name.into()),
        ..LoginArgs::default()
    }
}

/// The environment of a terminal.
fn somebody() -> Environment {
    Environment {
        stdin_terminal: true,
        ..Environment::default()
    }
}

#[test]
fn an_account_without_configuration_logs_in_again_as_it_was() {
    let home = Home::new();
    let daemon = daemon(&home);
    let again = |flow: &str| {
        serde_json::json!({
            "request": "login-again", "account": "elsewhere", "flow": flow,
            // there is nothing here to open one with
            "joining": {"opens_browser": false, "unless_usable": null},
        })
    };
    // by alias or issuer
    for name in ["elsewhere", "https://id.example.com"] {
        run(&home, &alias(name)).unwrap();
        assert_eq!(daemon.asked().last(), Some(&again("browser")), "{name}");
    }
    let device = LoginArgs {
        device: true,
        ..alias("elsewhere")
    };
    run(&home, &device).unwrap();
    assert_eq!(daemon.asked().last(), Some(&again("device")));
    // a configured one: as the configuration says now
    run(&home, &alias("work")).unwrap();
    assert_eq!(daemon.asked().last().unwrap()["request"], "login");
    let refused = run(&home, &alias("nowhere")).unwrap_err();
    assert!(
        refused.starts_with("error getting provider config for alias nowhere"),
        "{refused}"
    );
}

#[test]
fn flags_that_would_make_it_another_account_are_refused() {
    let home = Home::new();
    let daemon = daemon(&home);
    for (flag, args) in [
        (
            "--principals",
            LoginArgs {
                principals: vec!["root".into()],
                ..alias("elsewhere")
            },
        ),
        (
            "--key-type",
            LoginArgs {
                key_type: Some("ed25519".into()),
                ..alias("elsewhere")
            },
        ),
        (
            "--send-access-token",
            LoginArgs {
                send_access_token: Some(false),
                ..alias("elsewhere")
            },
        ),
    ] {
        let refused = run(&home, &args).unwrap_err();
        assert!(
            refused.contains(flag) && refused.contains("opkssh login --provider"),
            "{refused}"
        );
    }
    let asked = daemon.asked();
    assert!(
        asked.iter().all(|asked| asked["request"] == "status"),
        "{asked:?}"
    );
}

#[test]
fn a_default_alias_that_is_unknown_is_no_account() {
    let home = Home::new();
    let daemon = daemon(&home);
    let environment = Environment {
        default_alias: Some("elsewhere".into()),
        ..somebody()
    };
    let (out, data, err) = (&mut Vec::new(), &mut Vec::new(), &mut Vec::new());
    let args = LoginArgs::default();
    let result = login(&args, &environment, &home.places, out, data, err);
    assert!(result.is_err());
    assert!(daemon.asked().is_empty());
}

#[test]
fn key_files_of_an_earlier_login_are_told_of_once() {
    let home = Home::new();
    daemon(&home);
    assert_eq!(run(&home, &alias("work")).unwrap(), "");
    let key = pair(&home, "id_ecdsa", "openpubkey");
    pair(&home, "id_ed25519", "me@work");
    let said = run(&home, &alias("work")).unwrap();
    assert_eq!(said.lines().count(), 2, "{said}");
    let command = format!("\nhint: remove them: opkssh logout -i {}\n", key.display());
    assert!(said.ends_with(&command), "{said}");
    assert!(!said.contains("id_ed25519"), "{said}");
    assert!(key.exists());
}

/// A key in a default slot and a certificate for it, with `comment`.
fn pair(home: &Home, name: &str, comment: &str) -> PathBuf {
    let key = home.path().join(".ssh").join(name);
    std::fs::create_dir_all(key.parent().unwrap()).unwrap();
    let kind = name.trim_start_matches("id_");
    keygen(&["-q", "-t", kind, "-N", "", "-C", comment, "-f"], &key);
    let authority = key.to_str().unwrap().to_owned();
    keygen(
        &["-q", "-s", &authority, "-I", "alice", "-n", "x"],
        &key.with_extension("pub"),
    );
    key
}

fn keygen(args: &[&str], last: &Path) {
    let made = Command::new("ssh-keygen").args(args).arg(last).status();
    assert!(made.unwrap().success());
}
