//! `opkssh ssh` with a script in ssh's place and a daemon that answers as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

#[path = "../../client/tests/fake_daemon/mod.rs"]
mod fake_daemon;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use fake_daemon::{FakeDaemon, Home, account, places_in};
use opkssh_client::{ClientError, Environment};
use opkssh_protocol::control::{Event, Request};
use opkssh_test_support::write_program;
use opkssh_wrapper::{SshArgs, SshContext, prepare_ssh};

const CONFIG: &str = "default_provider: work\nproviders:\n  \
    - {alias: work, issuer: 'https://id.example.com', client_id: client-1}\n  \
    - {alias: home, issuer: 'https://home.example.com', client_id: client-2}\n";

/// Writes its arguments, each ended by a zero byte, and its agent socket into the home; then does
/// what the file `then` says. Outside of that home, where it is only asked, it says nothing.
const FAKE_SSH: &str = "#!/bin/sh\n\
    [ -e \"$HOME/then\" ] || exit 1\n\
    [ $# -eq 0 ] && : > \"$HOME/argv\" || printf '%s\\0' \"$@\" > \"$HOME/argv\"\n\
    printf %s \"$SSH_AUTH_SOCK\" > \"$HOME/sock\"\n\
    grep -E '^Sig(Ign|Blk):' /proc/self/status > \"$HOME/signals\"\n\
    . \"$HOME/then\"\n";

fn home() -> Home {
    let home = Home::new();
    home.write(".opk/config.yml", CONFIG);
    home.write("then", "exit 0\n");
    let ssh = home.write("bin/ssh", "");
    write_program(&ssh, FAKE_SSH);
    home
}

/// Nobody is here: no terminal, no browser, no desktop.
fn alone(home: &Home) -> SshContext {
    SshContext {
        environment: Environment::default(),
        path: home.path().join("bin").into_os_string(),
        agent: None,
    }
}

fn ready(home: &Home) -> FakeDaemon {
    FakeDaemon::start(home, |_| {
        vec![Event::Ready {
            account: account("work"),
        }]
    })
}

/// Runs the prepared command to its end, as `exec` would.
fn run(home: &Home, words: &[OsString], around: &SshContext) -> Result<String, ClientError> {
    let mut err = Vec::new();
    let args = SshArgs::read(words.to_vec())?;
    let mut command = prepare_ssh(args, around, &home.places, &mut err)?;
    assert!(command.env("HOME", home.path()).status().unwrap().success());
    Ok(String::from_utf8(err).unwrap())
}

fn argv(home: &Home) -> Vec<OsString> {
    let bytes = std::fs::read(home.path().join("argv")).unwrap();
    let mut words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect();
    words.pop();
    words
}

fn words(list: &[&str]) -> Vec<OsString> {
    list.iter().map(OsString::from).collect()
}

#[test]
fn arguments_arrive_to_the_byte() {
    let home = home();
    ready(&home);
    let nasty = [
        words(&[
            "host",
            "echo \"a  b\" $HOME `id` 'x' \\",
            "",
            " ",
            "-V",
            "--",
            "--account",
            "x",
        ]),
        words(&[
            "-o",
            "ProxyCommand=nc %h %p; true",
            "-p22",
            "u@host",
            "\n\t",
            "*",
            "é",
        ]),
        words(&["--", "host", "--help", "-h"]),
        vec!["host".into(), OsString::from_vec((1..=255).collect())],
        vec![OsString::from_vec(vec![b'h', 0xfe, 0xff])],
    ];
    for line in nasty {
        let err = run(&home, &line, &alone(&home)).unwrap();
        assert_eq!(argv(&home), line);
        assert_eq!(err, "");
        let socket = std::fs::read_to_string(home.path().join("sock")).unwrap();
        assert_eq!(Path::new(&socket), home.places.agent_socket());
    }
}

#[test]
fn the_account_is_chosen_by_option_or_by_host() {
    let home = home();
    let daemon = ready(&home);
    let around = alone(&home);
    run(
        &home,
        &words(&["--account", "work", "-v", "host", "id"]),
        &around,
    )
    .unwrap();
    assert_eq!(argv(&home), words(&["-v", "host", "id"]));
    run(
        &home,
        &words(&["-p", "2222", "alice@db.example.com"]),
        &around,
    )
    .unwrap();
    let asked: Vec<_> = daemon
        .asked()
        .iter()
        .filter(|asked| asked["request"] == "ensure")
        .map(|asked| asked["which"].clone())
        .collect();
    assert_eq!(
        asked,
        [
            serde_json::json!({"named": "work"}),
            serde_json::json!({"for-host": "db.example.com"})
        ]
    );
}

#[test]
fn the_daemon_is_told_what_this_process_connects_to() {
    let home = home();
    let daemon = ready(&home);
    let ssh = "#!/bin/sh\n[ \"$1 $2\" = '-G -v' ] && \
               printf 'hostname %s\\nport 2222\\nuserknownhostsfile /a /b\\n' \"$3\"\nexit 0\n";
    write_program(&home.path().join("bin/ssh"), ssh);
    run(&home, &words(&["-v", "web"]), &alone(&home)).unwrap();
    let asked = daemon.asked();
    assert_eq!(asked[1]["request"], "connecting");
    assert_eq!(asked[1]["process"]["pid"], std::process::id());
    assert_eq!(asked[1]["account"], "work");
    assert_eq!(asked[1]["names"], serde_json::json!(["web", "[web]:2222"]));
    assert_eq!(asked[1]["known_hosts"], serde_json::json!(["/a", "/b"]));
}

#[test]
fn what_logs_in_nowhere_needs_no_daemon() {
    let home = home();
    for line in [
        &["-V"][..],
        &["-Q", "key"],
        &["-G", "host"],
        &["-O", "exit", "host"],
        &[],
    ] {
        run(&home, &words(line), &alone(&home)).unwrap();
        assert_eq!(argv(&home), words(line));
    }
}

#[test]
fn a_login_that_is_needed_is_done_when_somebody_is_here() {
    let home = home();
    let daemon = FakeDaemon::start(&home, |request| match request {
        Request::LoginAgain { .. } => vec![
            Event::OpenBrowser {
                url: "http://localhost:3000/login".into(),
                opened: false,
            },
            Event::LoggedIn {
                account: account("elsewhere"),
            },
        ],
        _ => vec![Event::LoginNeeded {
            account: Some("elsewhere".into()),
            reason: "stale".into(),
            hint: None,
            unknown: false,
        }],
    });
    let mut around = alone(&home);
    around.environment.browser = Some("/bin/true".into());
    let err = run(&home, &words(&["host"]), &around).unwrap();
    assert!(
        err.contains("Opening browser to http://localhost:3000/login\n"),
        "{err}"
    );
    assert!(err.contains("alice@example.com"), "{err}");
    let asked = daemon.asked();
    // the daemon knows where and how, also where no configuration does
    let again = serde_json::json!({
        "request": "login-again",
        "account": "elsewhere",
        "flow": "browser",
        "joining": {"opens_browser": true, "unless_usable": {"for-host": "host"}},
    });
    assert_eq!(asked[1], again);
    assert_eq!(argv(&home), words(&["host"]));
}

#[test]
fn without_an_account_the_login_is_at_the_default_provider() {
    let home = home();
    let daemon = FakeDaemon::start(&home, |request| match request {
        Request::Login(_) => vec![Event::LoggedIn {
            account: account("work"),
        }],
        _ => vec![Event::LoginNeeded {
            account: None,
            reason: "no account yet".into(),
            hint: None,
            unknown: false,
        }],
    });
    let mut around = alone(&home);
    around.environment.stdin_terminal = true;
    around.environment.stderr_terminal = true;
    run(&home, &words(&["host"]), &around).unwrap();
    assert_eq!(daemon.asked()[1]["providers"][0]["client_id"], "client-1");
    // and where one is named, at that
    run(&home, &words(&["--account=home", "host"]), &around).unwrap();
    assert_eq!(daemon.asked()[4]["providers"][0]["client_id"], "client-2");
}

#[test]
fn with_nobody_here_there_is_no_login_and_no_ssh() {
    let home = home();
    let daemon = FakeDaemon::start(&home, |_| {
        vec![Event::LoginNeeded {
            account: Some("work".into()),
            reason: "token revoked".into(),
            hint: None,
            unknown: false,
        }]
    });
    let error = run(&home, &words(&["host"]), &alone(&home)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "login needed, without a terminal or browser to log in: token revoked"
    );
    assert_eq!(
        error.hint().as_deref(),
        Some("log in first, on a terminal: opkssh login work")
    );
    assert_eq!(daemon.asked().len(), 1);
    assert!(!home.path().join("argv").exists());
}

/// `exec` ends a process, so each of these runs in one of its own: this test program, told by
/// its environment to become ssh.
#[test]
fn ssh_takes_our_place_with_its_own_exit_status() {
    const HOME: &str = "OPKSSH_TEST_BECOME_SSH_IN";
    if let Some(home) = std::env::var_os(HOME) {
        become_ssh(Path::new(&home));
    }
    let home = home();
    ready(&home);
    let become_ssh = |then: &str| {
        home.write("then", then);
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "ssh_takes_our_place_with_its_own_exit_status",
                "--nocapture",
            ])
            .env(HOME, home.path())
            .env("HOME", home.path())
            .output()
            .unwrap()
    };
    for status in [0, 1, 42, 255] {
        let output = become_ssh(&format!("echo out; echo err >&2; exit {status}\n"));
        assert_eq!(output.status.code(), Some(status));
        assert!(output.stdout.ends_with(b"out\n"));
        assert!(output.stderr.ends_with(b"err\n"));
    }
    assert_eq!(become_ssh("kill -TERM $$\n").status.signal(), Some(15));
    // nothing of ours is inherited: SIGPIPE, which Rust programs ignore, is ssh's own again
    let signals = std::fs::read_to_string(home.path().join("signals")).unwrap();
    for line in signals.lines() {
        let mask = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        assert_eq!(mask & (1 << 12), 0, "{signals}");
    }
}

fn become_ssh(home: &Path) -> ! {
    let places = places_in(home);
    let around = SshContext {
        environment: Environment::default(),
        path: home.join("bin").into_os_string(),
        agent: None,
    };
    let args = SshArgs::read(words(&["host"])).unwrap();
    match opkssh_wrapper::ssh(args, &around, &places, &mut std::io::stderr()) {
        Err(error) => panic!("{error}"),
        Ok(never) => match never {},
    }
}
