//! `opkssh login`.

use std::sync::mpsc;

use opkssh_client::{ClientError, Connection, Environment, LoginArgs, login};
use opkssh_protocol::control::{Event, Failure, Request, Versioned};
use opkssh_test_support::write_program;

use crate::fake_daemon::{FakeDaemon, Home, account, report};
use crate::{CONFIG, shown};

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

/// Returns the error of a login that names nothing.
fn failed_login(home: &Home) -> ClientError {
    let args = LoginArgs::default();
    log_in_showing(&args, &Environment::default(), home, &mut Vec::new()).unwrap_err()
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
    let error = failed_login(&home);
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
    let error = failed_login(&home);
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
