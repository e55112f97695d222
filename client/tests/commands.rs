//! The commands against a daemon that answers as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

mod fake_daemon;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc;

use fake_daemon::{FakeDaemon, Home, account, report};
use opkssh_client::*;
use opkssh_protocol::control::{Event, Failure, LoggedOut, Request, Versioned};
use opkssh_test_support::write_program;

const CONFIG: &str = "default_provider: work\nproviders:\n  \
    - {alias: work w, issuer: 'https://id.example.com', client_id: client-1}\n  \
    - {alias: home, issuer: 'https://home.example.com', client_id: client-2}\n";

fn shown(write: impl FnOnce(&mut Vec<u8>) -> Result<(), ClientError>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn log_in_showing(
    args: &LoginArgs,
    environment: &Environment,
    home: &Home,
    out: &mut Vec<u8>,
) -> Result<(), ClientError> {
    let (data, err) = (&mut Vec::new(), &mut Vec::new());
    // somebody is there
    let environment = &Environment {
        stdin_terminal: true,
        ..environment.clone()
    };
    let result = login(args, environment, &home.places, out, data, err);
    assert!(data.is_empty() && err.is_empty());
    result.map(|_| ())
}

#[test]
fn a_login_shows_the_url_opens_the_browser_and_says_who_you_are() {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    let daemon = FakeDaemon::start(&home, |request| match request {
        Request::Login(_) => vec![
            Event::OpenBrowser {
                url: "http://localhost:3000/login".into(),
                opened: false,
            },
            Event::Waiting {
                what: "Waiting for the browser".into(),
            },
            Event::LoggedIn {
                account: account("work"),
            },
        ],
        _ => Vec::new(),
    });
    let opened = home.path().join("opened");
    let browser = home.path().join("browser");
    let script = format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display());
    write_program(&browser, script);
    // the browser's output file is a pipe, so that reading it waits for the browser
    let made = std::process::Command::new("mkfifo")
        .arg(&opened)
        .status()
        .unwrap();
    assert!(made.success());
    let environment = Environment {
        browser: Some(browser.to_str().unwrap().to_owned()),
        ..Environment::default()
    };
    let args = LoginArgs {
        principals: vec!["root".into(), String::new()],
        ..LoginArgs::default()
    };
    let text = shown(|out| log_in_showing(&args, &environment, &home, out));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..4],
        [
            "Opening browser to http://localhost:3000/login",
            "Keys generated for identity",
            "Email, sub, issuer, audience: ",
            "alice@example.com user-123 https://id.example.com client-1",
        ]
    );
    assert!(
        lines[4].starts_with("In the agent as \"work\", usable until "),
        "{text}"
    );
    assert!(lines[4].ends_with("(24h); renews by itself."), "{text}");
    assert_eq!(
        std::fs::read_to_string(opened).unwrap(),
        "http://localhost:3000/login\n"
    );

    let asked = &daemon.asked()[0];
    assert_eq!(asked["request"], "login");
    assert_eq!(asked["providers"].as_array().unwrap().len(), 1);
    assert_eq!(asked["providers"][0]["client_id"], "client-1");
    assert_eq!(asked["principals"], serde_json::json!(["root"]));
    assert_eq!(asked["key_type"], "ecdsa");
}

#[test]
fn a_login_without_browser_only_prints_the_url() {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    FakeDaemon::start(&home, |_| {
        vec![
            Event::OpenBrowser {
                url: "http://localhost:3000/login\u{1b}[2J".into(),
                opened: false,
            },
            Event::LoggedIn {
                account: account("work"),
            },
        ]
    });
    let marker = home.path().join("opened");
    let environment = Environment {
        browser: Some(format!("touch {} ", marker.display())),
        ..Environment::default()
    };
    let args = LoginArgs {
        disable_browser_open: true,
        ..LoginArgs::default()
    };
    let text = shown(|out| log_in_showing(&args, &environment, &home, out));
    assert!(text.starts_with("Open your browser to: http://localhost:3000/login\\u{1b}[2J\n"));
    assert!(!marker.exists());
}

#[test]
fn a_failure_comes_with_the_daemons_words() {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    FakeDaemon::start(&home, |_| {
        let failure = Failure {
            message: "access_denied: the login was cancelled".into(),
            hint: Some("try again: opkssh login work".into()),
            ..Failure::default()
        };
        vec![Event::Failed { failure }]
    });
    let error = log_in_showing(
        &LoginArgs::default(),
        &Environment::default(),
        &home,
        &mut Vec::new(),
    )
    .unwrap_err();
    assert_eq!(error.to_string(), "access_denied: the login was cancelled");
    assert_eq!(
        error.hint().as_deref(),
        Some("try again: opkssh login work")
    );
}

#[test]
fn a_daemon_that_hangs_up_is_an_error() {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    FakeDaemon::start(&home, |_| vec![Event::Waiting { what: "x".into() }]);
    let error = log_in_showing(
        &LoginArgs::default(),
        &Environment::default(),
        &home,
        &mut Vec::new(),
    )
    .unwrap_err();
    assert!(matches!(error, ClientError::ConnectionClosed), "{error}");
}

#[test]
fn dropping_the_connection_hangs_up_in_the_daemon() {
    use interprocess::local_socket::prelude::*;
    use interprocess::local_socket::{GenericFilePath, ListenerOptions};
    use std::io::Read;

    let home = Home::new();
    let socket = home.places.control_socket();
    let name = socket.clone().to_fs_name::<GenericFilePath>().unwrap();
    let listener = ListenerOptions::new().name(name).create_sync().unwrap();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        listener.accept().unwrap().read_to_end(&mut bytes).unwrap();
        ended.send(bytes).unwrap();
    });
    let mut connection = Connection::open(&socket).unwrap();
    connection.send(&Request::Status, None).unwrap();
    drop(connection);
    let bytes = end.recv().unwrap();
    let request: Versioned<Request> = serde_json::from_slice(&bytes[4..]).unwrap();
    assert!(matches!(request.message, Request::Status));
}

#[test]
fn wrong_arguments_never_reach_the_daemon() {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    let daemon = FakeDaemon::start(&home, |_| vec![report(vec![account("other")])]);
    let fails = |args: LoginArgs| {
        log_in_showing(&args, &Environment::default(), &home, &mut Vec::new())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        fails(LoginArgs {
            key_type: Some("rsa".into()),
            ..LoginArgs::default()
        }),
        "invalid argument \"rsa\" for \"-t, --key-type\" flag: must be 'ecdsa', 'ed25519'"
    );
    assert_eq!(
        fails(LoginArgs {
            alias: Some("nope".into()),
            ..LoginArgs::default()
        }),
        "error getting provider config for alias nope"
    );
    let missing = LoginArgs {
        config_path: Some("/does/not/exist.yml".into()),
        ..LoginArgs::default()
    };
    assert!(fails(missing).starts_with("failed to read config file: /does/not/exist.yml: "));
    // the unknown alias could have been an account's
    assert_eq!(daemon.asked(), [serde_json::json!({"request": "status"})]);
}

#[test]
fn status_is_for_people_and_for_programs() {
    let home = Home::new();
    FakeDaemon::start(&home, |_| {
        let mut bad = account("other");
        bad.state = opkssh_protocol::control::AccountState::LoginNeeded;
        bad.default = false;
        bad.email = Some("mallory\u{1b}[2J@example.com".into());
        vec![report(vec![account("work"), bad])]
    });
    let text = shown(|out| status(&StatusArgs { json: false }, &home.places, out));
    for part in [
        "process 4242",
        "memory (there is no Secret Service)",
        "\nwork (default): usable until ",
        "\nother: login needed: opkssh login other\n",
        "renews by itself; next ",
        "mallory\\u{1b}[2J@example.com",
        "\nNotices\n  an account is not usable\n  2001-09-",
        "  a signature was refused\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let text = shown(|out| status(&StatusArgs { json: true }, &home.places, out));
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
    let text = shown(|out| status(&StatusArgs { json: false }, &home.places, out));
    assert!(text.starts_with("Agent         not running"), "{text}");
    let text = shown(|out| status(&StatusArgs { json: true }, &home.places, out));
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
            which: opkssh_protocol::control::WhichAccount::Named(alias),
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
    assert_eq!(
        no.line(),
        "login needed: the refresh token was revoked; log in: opkssh login home"
    );
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
            failure: None,
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
            failure: Some(Failure {
                message: "home stays logged in: the keyring is locked".into(),
                hint: Some("unlock it".into()),
                ..Failure::default()
            }),
        }],
    });
    let args = LogoutArgs {
        all: true,
        ..LogoutArgs::default()
    };
    let mut out = Vec::new();
    let error = logout(&args, &home.places, &mut out, &mut Vec::new()).unwrap_err();
    let out = String::from_utf8(out).unwrap();
    assert!(
        out.starts_with("Logged out of work (https://id.example.com)\n"),
        "{out}"
    );
    assert_eq!(
        error.to_string(),
        "work: refresh token not revoked: no answer; home stays logged in: the keyring is locked"
    );
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("withdraw the login") && hint.ends_with("; unlock it"),
        "{hint}"
    );
}

#[test]
fn logout_with_nothing_to_do_is_no_failure() {
    let home = Home::new();
    let text = shown(|out| logout(&LogoutArgs::default(), &home.places, out, &mut Vec::new()));
    assert_eq!(text, "No opkssh keys found to remove\n");
    assert!(
        !home.places.log_file().exists(),
        "no daemon is started for it"
    );
}

#[test]
fn the_provider_list_has_one_line_per_alias() {
    let home = Home::new();
    let args = ProviderListArgs::default();
    let error = provider_list(&args, &home.places, false, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("failed to read config file: "), "{error}");

    home.write(".opk/config.yml", CONFIG);
    assert_eq!(
        shown(|out| provider_list(&args, &home.places, false, out)),
        "work https://id.example.com\nw    https://id.example.com\nhome https://home.example.com\n"
    );
    assert_eq!(
        shown(|out| provider_list(&args, &home.places, true, out)),
        "Alias  Issuer\n-----  ------\nwork   https://id.example.com\n\
         w      https://id.example.com\nhome   https://home.example.com\n"
    );
    let twice = home.write("twice.yml", "providers: [{alias: a}, {alias: a}]\n");
    let args = ProviderListArgs {
        config_path: Some(twice),
    };
    let mut out = Vec::new();
    let error = provider_list(&args, &home.places, false, &mut out).unwrap_err();
    assert_eq!(error.to_string(), "duplicate provider alias found: a");
    assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
}

#[test]
fn the_configuration_is_looked_up_in_gos_place_first() {
    let home = Home::new();
    assert!(load_config(None, &home.places).unwrap().is_none());
    home.write("config/opkssh/config.yml", "default_provider: xdg\n");
    let default = || {
        load_config(None, &home.places)
            .unwrap()
            .unwrap()
            .default_provider
    };
    assert_eq!(default().as_deref(), Some("xdg"));
    home.write(".opk/config.yml", "\u{feff}default_provider: go\n");
    assert_eq!(default().as_deref(), Some("go"));
    home.write(".opk/config.yml", "providers: 5\n");
    assert!(
        load_config(None, &home.places).is_err(),
        "a broken file is not passed over"
    );
}

#[test]
fn the_default_configuration_is_created_once() {
    let home = Home::new();
    let file = home.path().join(".opk/config.yml");
    let create =
        |explicit: Option<PathBuf>| create_config(explicit.as_deref(), &home.places).unwrap();
    assert_eq!(create(None), ConfigFile::Created(file.clone()));
    let config = load_config(None, &home.places).unwrap().unwrap();
    assert_eq!(config.providers.len(), 4);
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(create(None), ConfigFile::Exists(file.clone()));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "mine");
    let other = home.path().join("a/b.yml");
    assert_eq!(create(Some(other.clone())), ConfigFile::Created(other));
}

#[test]
fn configure_includes_the_directory_once_and_keeps_the_rest() {
    let home = Home::new();
    let main = home.write(".ssh/config", "# Include ~/.ssh/opkssh/config\nHost x\n");
    std::fs::set_permissions(&main, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(!is_configured(&home.places));
    for _ in 0..2 {
        configure(&home.places).unwrap();
        assert!(is_configured(&home.places));
        assert_eq!(
            std::fs::read_to_string(&main).unwrap(),
            "Include ~/.ssh/opkssh/config\n\n# Include ~/.ssh/opkssh/config\nHost x\n"
        );
    }
    let mode = |name: &str| {
        std::fs::metadata(home.path().join(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(".ssh/config"), 0o640);
    assert_eq!(mode(".ssh/opkssh"), 0o700);
    assert_eq!(mode(".ssh/opkssh/config"), 0o600);
}

#[test]
fn agent_commands_speak_to_the_shell() {
    let home = Home::new();
    let sh = EnvArgs {
        sh: true,
        ..EnvArgs::default()
    };
    let socket = home.places.agent_socket();
    let variable = format!(
        "SSH_AUTH_SOCK={0}; export SSH_AUTH_SOCK;\n",
        socket.display()
    );
    assert_eq!(shown(|out| agent_env(&sh, &home.places, out)), variable);
    assert_eq!(
        shown(|out| agent_stop(&StopArgs::default(), &home.places, out)),
        "The agent is not running.\n"
    );

    FakeDaemon::start(&home, |request| match request {
        Request::Stop => vec![Event::Stopping],
        _ => vec![report(Vec::new())],
    });
    let pid = "SSH_AGENT_PID=4242; export SSH_AGENT_PID;\n";
    let start = |socket: Option<&str>, store: Option<&str>| StartArgs {
        settings: AgentSettings {
            socket: socket.map(PathBuf::from),
            store: store.map(str::to_owned),
            running: Default::default(),
        },
        shell: sh.clone(),
    };
    assert_eq!(
        shown(|out| agent_env(&sh, &home.places, out)),
        format!("{variable}{pid}")
    );
    assert_eq!(
        shown(|out| agent_start(&start(None, None), &home.places, out)),
        format!("{variable}{pid}echo Agent pid 4242;\n")
    );
    let line = format!("SSH_AUTH_SOCK=/run/agent.sock; export SSH_AUTH_SOCK;\n{pid}");
    for store in ["memory", "auto"] {
        let args = start(Some("/run/agent.sock"), Some(store));
        assert_eq!(
            shown(|out| agent_start(&args, &home.places, out)),
            format!("{line}echo Agent pid 4242;\n")
        );
    }
    for (args, message) in [
        (
            start(None, Some("keyring")),
            "an agent runs already, without --store keyring: it has memory",
        ),
        (
            start(Some("/run/other.sock"), None),
            "an agent runs already, without --socket /run/other.sock: it has /run/agent.sock",
        ),
    ] {
        let mut out = Vec::new();
        let error = agent_start(&args, &home.places, &mut out).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().contains("opkssh agent restart --s"));
        assert!(out.is_empty());
    }
    assert_eq!(
        shown(|out| agent_stop(&StopArgs::default(), &home.places, out)),
        "The agent has stopped.\n"
    );
}

#[test]
fn a_daemon_of_another_version_can_be_ended_and_is_not_restarted_blindly() {
    let home = Home::new();
    let daemon = FakeDaemon::start_version(&home, 1, |request| match request {
        Request::Stop => vec![Event::Stopping],
        _ => vec![Event::Failed {
            failure: Failure {
                message: "this command speaks version 2".into(),
                ..Failure::default()
            },
        }],
    });
    let out = &mut Vec::new();
    let refused = agent_restart(&RestartArgs::default(), &home.places, out).unwrap_err();
    assert!(
        refused.to_string().contains("speaks version 1 of"),
        "{refused}"
    );
    assert!(refused.hint().unwrap().contains("restart --force"));
    let asked = |daemon: &FakeDaemon| daemon.asked().last().unwrap()["request"].clone();
    assert_eq!(asked(&daemon), "status", "it runs on");
    let refused = agent_stop(&StopArgs::default(), &home.places, out).unwrap_err();
    assert!(refused.hint().unwrap().contains("stop --force"));
    assert_eq!(asked(&daemon), "status", "it runs on");
    agent_stop(&StopArgs { force: true }, &home.places, out).unwrap();
    assert_eq!(asked(&daemon), "stop");
    assert_eq!(String::from_utf8_lossy(out), "The agent has stopped.\n");
}

#[test]
fn force_is_only_advised_together_with_what_it_loses() {
    let home = Home::new();
    let _daemon = FakeDaemon::start(&home, |_| vec![Event::RedirectTaken]);
    let out = &mut Vec::new();
    let refused = status(&StatusArgs::default(), &home.places, out).unwrap_err();
    assert_eq!(
        refused.hint().unwrap(),
        "restart it: opkssh agent restart",
        "{refused}"
    );
    let refused = agent_restart(&RestartArgs::default(), &home.places, out).unwrap_err();
    let what = "its settings and its logins in memory are unknown";
    assert!(refused.to_string().ends_with(what), "{refused}");
    assert_eq!(
        refused.hint().unwrap(),
        "if you can log in again afterwards: opkssh agent restart --force"
    );
}
