//! `opkssh status` and `check`.

use opkssh_client::{CheckArgs, Environment, Reply as _, StatusArgs, check, status};
use opkssh_protocol::control::{AccountState, AccountStatus, Event, Request, WhichAccount};

use crate::fake_daemon::{FakeDaemon, Home, account, report};
use crate::shown;

fn as_json() -> StatusArgs {
    StatusArgs {
        json: true,
        ..StatusArgs::default()
    }
}

#[test]
fn status_is_for_people_and_for_programs() {
    let home = Home::new();
    FakeDaemon::start(&home, |_| {
        let mut bad = account("other");
        bad.state = AccountState::LoginNeeded;
        bad.default = false;
        bad.email = Some("mallory\u{1b}[2J@example.com".into());
        vec![report(vec![account("work"), bad])]
    });
    let text = shown(|out| status(&StatusArgs::default(), &home.places, out));
    for part in [
        "process 4242",
        "memory: lost when the agent stops; keep: opkssh agent restart --store file\n",
        "\nwork (default): usable until ",
        "\nother: login needed: opkssh login other\n",
        "renews by itself; next ",
        "mallory\\u{1b}[2J@example.com",
        "\nNotices\n  an account is not usable\n  2001-09-",
        "  a signature was refused\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let text = shown(|out| status(&as_json(), &home.places, out));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["agent"]["pid"], 4242);
    assert_eq!(json["accounts"][0]["usable_until"], 4_000_000_000_u64);
    assert_eq!(json["accounts"][1]["state"], "login-needed");
    assert_eq!(json["notices"][1]["at"], 1_000_000_000);
    assert_eq!(json["notices"][1]["text"], "a signature was refused");
}

#[test]
fn status_starts_nothing() {
    let home = Home::new();
    let text = shown(|out| status(&StatusArgs::default(), &home.places, out));
    assert!(text.starts_with("Agent         not running"), "{text}");
    std::fs::create_dir_all(&home.places.state_dir).unwrap();
    std::fs::write(home.places.accounts_file().unwrap(), r#"{"accounts":[]}"#).unwrap();
    let empty = shown(|out| status(&StatusArgs::default(), &home.places, out));
    assert_eq!(empty, text, "nobody is logged in");
    let text = shown(|out| status(&as_json(), &home.places, out));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json,
        serde_json::json!({ "agent": null, "accounts": [], "notices": [] })
    );
    assert!(!home.places.log_file().exists());
}

#[test]
fn check_asks_for_the_right_account_and_says_why_not() {
    let home = Home::new();
    let daemon = FakeDaemon::start(&home, |request| match request {
        Request::Ensure {
            which: WhichAccount::Named(alias),
            ..
        } => {
            let reason = "the refresh token was revoked".into();
            vec![Event::LoginNeeded {
                account: Some(alias),
                reason,
                hint: None,
                unknown: false,
            }]
        }
        _ => vec![Event::Ready {
            account: account("work"),
        }],
    });
    let run = |args: CheckArgs| check(&args, &Environment::default(), &home.places).unwrap();
    assert_eq!(run(CheckArgs::default()).usable, Some(true));
    let host = CheckArgs {
        host: Some("h".into()),
        ..CheckArgs::default()
    };
    assert_eq!(run(host).usable, Some(true));
    let no = run(CheckArgs {
        alias: Some("home".into()),
        ..CheckArgs::default()
    });
    assert_eq!((no.usable, no.status()), (Some(false), 1));
    assert_eq!(no.hint.as_deref(), Some("log in: opkssh login home"));
    assert_eq!(no.line(), "login needed: the refresh token was revoked");
    let which: Vec<_> = daemon
        .asked()
        .iter()
        .map(|asked| asked["which"].to_string())
        .collect();
    assert_eq!(
        which[..3],
        [
            "\"default\"",
            "{\"meant-for-host\":\"h\"}",
            "{\"named\":\"home\"}"
        ]
    );
}

#[test]
fn three_accounts_fit_a_terminal() {
    let home = Home::new();
    FakeDaemon::start(&home, |_| {
        let accounts = ["work", "home", "school"].map(|alias| AccountStatus {
            default: alias == "work",
            ..account(alias)
        });
        vec![report(accounts.to_vec())]
    });
    let text = shown(|out| status(&StatusArgs::default(), &home.places, out));
    let rows = text
        .lines()
        .map(|line| line.chars().count().div_ceil(80).max(1));
    assert!(rows.sum::<usize>() < 24, "{text}");
    let hidden = [
        "client-1",
        "SHA256:abc",
        "/run/agent.sock",
        "/run/control.sock",
        "memory (there is no Secret Service)",
    ];
    for words in hidden {
        assert!(!text.contains(words), "{words} is in {text}");
    }
    let args = StatusArgs {
        verbose: true,
        ..StatusArgs::default()
    };
    let text = shown(|out| status(&args, &home.places, out));
    for words in hidden {
        assert!(text.contains(words), "no {words} in {text}");
    }
}
