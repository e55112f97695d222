//! `opkssh status`, `check` and `agent`: what they say of an agent and its accounts.

mod unknown_keys;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use opkssh_test_support::{Home, Part, ProviderOptions, Signal, left_out};

use crate::setup::{OPKSSH, Setup, agent_socket, daemon_pid, kill_daemon, status};

#[test]
fn check_says_whether_and_why_in_words_and_by_its_status() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let check = |args: &[&str]| {
        let checked = setup.home.opkssh(["check"].iter().chain(args)).run();
        (checked.code(), checked.any_stdout())
    };
    let nobody = "login needed: nobody is logged in\n";
    assert_eq!(check(&[]), (Some(1), nobody.to_owned()));
    assert_eq!(check(&["-q"]), (Some(1), String::new()));

    setup.login(&[]);
    let (code, why) = check(&[]);
    assert_eq!(code, Some(0), "{why}");
    assert!(why.starts_with("test: usable until 20"), "{why}");
    assert!(why.ends_with("; renews by itself\n"), "{why}");
    for args in [
        ["-q", "test"].as_slice(),
        &["-q"],
        &["-q", "--for", "1h30m"],
        &["-q", "--host", "x"],
    ] {
        assert_eq!(check(args), (Some(0), String::new()), "{args:?}");
    }
    // what renews by itself has no end that matters
    assert_eq!(check(&["--for", "1000h"]).0, Some(0));

    let (code, why) = check(&["another"]);
    assert_eq!(code, Some(1));
    assert!(
        why.contains("there is no account another, nor a provider"),
        "{why}"
    );
    let refused = setup
        .home
        .opkssh(["check", "--for", "soon"])
        .run()
        .misused();
    assert!(refused.contains("--for <DURATION>"), "{refused}");
    assert_eq!(setup.browser.openings(), 1, "a check never asks a person");
}

#[test]
fn check_for_longer_than_a_login_lasts_is_a_no() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let options = ProviderOptions::default();
    let setup = Setup::with(options, &["expiration: 12h"]);
    let file = setup.home.dir().join(".opk/config.yml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace(" offline_access", "")).unwrap();
    let said = setup.login(&[]);
    assert!(
        said.contains("needs you every 12 h: the provider gives nothing to renew with"),
        "{said}"
    );
    setup.home.opkssh(["check", "--for", "11h"]).run().stdout();
    let checked = setup.home.opkssh(["check", "--for", "13h"]).run();
    assert_eq!(checked.code(), Some(1));
    assert!(
        checked
            .any_stdout()
            .starts_with("test: usable only until 20")
    );
}

#[test]
fn status_is_json_for_programs_with_and_without_an_agent() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["hosts: [\"*.example.com\"]"]);
    let none = status(&setup.home);
    assert!(
        none["agent"].is_null() && none["accounts"] == serde_json::json!([]),
        "{none}"
    );
    assert!(!agent_socket(&setup.home).exists(), "asking starts nothing");
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(
        shown.contains("not running; `opkssh login` or `opkssh agent start`"),
        "{shown}"
    );

    setup.login(&[]);
    let status = status(&setup.home);
    assert_eq!(
        status["agent"]["agent_socket"],
        agent_socket(&setup.home).display().to_string()
    );
    let account = &status["accounts"][0];
    for (name, value) in [
        ("alias", "test"),
        ("issuer", setup.provider.issuer()),
        ("client_id", "opkssh-test"),
        ("subject", "alice"),
        ("email", "alice@example.com"),
        ("state", "usable"),
        ("expiration", "24h"),
        ("renewal", "by-itself"),
        ("renewal_words", "renews by itself"),
        ("store", "memory"),
    ] {
        assert_eq!(account[name], value, "{name}");
    }
    assert_eq!(account["default"], true);
    assert_eq!(account["hosts"], serde_json::json!(["*.example.com"]));
    let until = account["usable_until"].as_i64().unwrap();
    assert!(account["next_renewal"].as_i64().unwrap() < until);

    let shown = setup.home.opkssh(["status"]).run().stdout();
    for words in [
        "test (default): usable until 20",
        "\n  Identity    alice@example.com at https://",
        "*.example.com",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    let shown = setup.home.opkssh(["status", "-v"]).run().stdout();
    for words in [
        "\n  Identity    alice@example.com, alice at https://",
        "\n  Client      opkssh-test\n",
        "\n  Key         SHA256:",
        "\n  Store       memory\n",
        "\nAgent socket  /",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
}

#[test]
fn starting_twice_gives_the_same_agent() {
    let home = Home::new(OPKSSH);
    let first = home.opkssh(["agent", "start", "-s"]).run().stdout();
    let second = home.opkssh(["agent", "start", "-s"]).run().stdout();
    assert_eq!(first, second);
    let (socket, pid) = (agent_socket(&home), daemon_pid(&home));
    assert_eq!(
        first,
        format!(
            "SSH_AUTH_SOCK={}; export SSH_AUTH_SOCK;\nSSH_AGENT_PID={pid}; export SSH_AGENT_PID;\n\
             echo Agent pid {pid};\n",
            socket.display()
        )
    );
    let csh = home.opkssh(["agent", "env", "-c"]).run().stdout();
    assert_eq!(
        csh,
        format!(
            "setenv SSH_AUTH_SOCK {};\nsetenv SSH_AGENT_PID {pid};\n",
            socket.display()
        )
    );
    // as a shell and OpenSSH read it
    let script = format!("eval \"$('{OPKSSH}' agent env)\" && ssh-add -l");
    let list = home.command("sh").args(["-c", &script]).run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
}

#[test]
fn however_many_start_it_at_once_there_is_one_agent() {
    let home = Home::new(OPKSSH);
    let starting: Vec<_> = (0..12)
        .map(|_| home.opkssh(["agent", "start", "-s"]).start())
        .collect();
    let mut said: Vec<String> = starting
        .into_iter()
        .map(|start| start.wait().stdout())
        .collect();
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
}

#[test]
fn stop_ends_it_and_takes_its_sockets_away() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start"]).run().stdout();
    let directory = home.runtime_dir().join("opkssh");
    assert_eq!(
        home.opkssh(["agent", "stop"]).run().stdout(),
        "The agent has stopped.\n"
    );
    for name in ["agent.sock", "control.sock", "agent.pid"] {
        assert!(!directory.join(name).exists(), "{name} stays behind");
    }
    assert_eq!(
        home.opkssh(["agent", "stop"]).run().stdout(),
        "The agent is not running.\n"
    );
    let env = home.opkssh(["agent", "env", "-s"]).run().stdout();
    assert!(
        env.starts_with("SSH_AUTH_SOCK=") && !env.contains("SSH_AGENT_PID"),
        "{env}"
    );
}

#[test]
fn a_second_agent_refuses_and_names_the_first() {
    let home = Home::new(OPKSSH);
    let mut first = home.opkssh(["agent", "run"]).start();
    first.wait_for("export SSH_AGENT_PID;");
    let refused = home.opkssh(["agent", "run"]).run().refused();
    let words = format!("Error: an agent is running already (pid {})\n", first.pid());
    assert!(refused.contains(&words), "{refused}");
    assert!(refused.contains("opkssh agent stop"), "{refused}");
    assert_eq!(
        daemon_pid(&home),
        i32::try_from(first.pid()).unwrap(),
        "the first is unharmed"
    );

    first.signal(Signal::TERM);
    first.wait().stdout();
    assert!(!agent_socket(&home).exists());
}

#[test]
fn a_killed_agents_sockets_are_replaced() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start"]).run().stdout();
    kill_daemon(&home);
    assert!(agent_socket(&home).exists(), "it had no chance to tidy up");
    home.opkssh(["agent", "start"]).run().stdout();
    let list = home
        .command("ssh-add")
        .arg("-l")
        .env("SSH_AUTH_SOCK", agent_socket(&home))
        .run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
}

#[test]
fn sockets_and_state_are_for_their_user_alone() {
    let home = Home::new(OPKSSH);
    // however generous the person's umask is
    let script = format!("umask 0; exec '{OPKSSH}' agent start -s");
    home.command("sh").args(["-c", &script]).run().stdout();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = home.runtime_dir().join("opkssh");
    assert_eq!(mode(&directory), 0o700);
    let state = home.dir().join(".local/state/opkssh");
    assert_eq!(mode(&state), 0o700);
    for name in ["agent.sock", "control.sock"] {
        let socket = directory.join(name);
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        assert_eq!(mode(&socket), 0o600, "{name}");
    }
    for file in [
        state.join("agent.log"),
        state.join("agent.lock"),
        directory.join("agent.pid"),
    ] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn status_does_not_steer_the_terminal() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let lines = ["hosts: [\"a\\u202eb\\u200b.example\"]"];
    let setup = Setup::with(ProviderOptions::default(), &lines);
    setup.login(&[]);
    let words = setup.home.opkssh(["status"]).run().stdout();
    assert!(words.contains("a\\u{202e}b\\u{200b}.example"), "{words}");
    let json = setup.home.opkssh(["status", "--json"]).run().stdout();
    assert!(json.contains("a\\u202eb\\u200b.example"), "{json}");
    let steers = ['\u{202e}', '\u{200b}'];
    assert!(!words.contains(steers) && !json.contains(steers));
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        parsed["accounts"][0]["hosts"][0],
        "a\u{202e}b\u{200b}.example"
    );
}
