//! Sessions whose runtime directory does not lead to the agent, and disks that take no more.

use std::fs;

use opkssh_test_support::Home;

use crate::agent::sockets::other_users::is_root;
use crate::setup::{OPKSSH, daemon_pid, write_config};

const VARIABLE: &str = "XDG_RUNTIME_DIR";
const COMMANDS: [&[&str]; 6] = [
    &["agent", "start"],
    &["agent", "stop"],
    &["agent", "restart"],
    &["agent", "env"],
    &["login", "--device", "test"],
    &["status"],
];

/// A home whose provider is never asked.
fn home() -> Home {
    let home = Home::new(OPKSSH);
    let entry = "  - alias: test\n    issuer: https://id.example.com\n    client_id: c\n";
    write_config(&home, &[entry.to_owned()]);
    home
}

#[test]
fn an_agent_with_another_runtime_directory_is_named_with_the_line_to_type() {
    let home = home();
    home.opkssh(["agent", "start"]).run().stdout();
    let (pid, runtime) = (daemon_pid(&home), home.runtime_dir());
    let directory = runtime.join("opkssh").display().to_string();
    let line = format!("export {VARIABLE}={}", runtime.display());
    for command in COMMANDS {
        let refused = home.opkssh(command).env_remove(VARIABLE).run();
        assert_ne!(refused.code(), Some(0), "{command:?}");
        assert_eq!(refused.any_stdout(), "", "{command:?}");
        assert_eq!(
            refused.stderr(),
            format!(
                "Error: the agent, process {pid}, has another runtime directory: {directory}\n\
                 hint: use it: {line}\n"
            ),
            "{command:?}"
        );
    }
    let refused = home.opkssh(["agent", "run"]).env_remove(VARIABLE).run();
    let words = format!("{VARIABLE}={} opkssh agent stop", runtime.display());
    assert!(refused.refused().contains(&words));
    // the line works
    let script = format!("{line}; exec '{OPKSSH}' agent stop");
    let stop = home.command("sh").args(["-c", &script]);
    let stopped = stop.env_remove(VARIABLE).run().stdout();
    assert_eq!(stopped, "The agent has stopped.\n");

    // and the other way round
    let agent = |word: &str| home.opkssh(["agent", word]).env_remove(VARIABLE).run();
    agent("start").stdout();
    let refused = home.opkssh(["status"]).run().inconclusive();
    assert!(
        refused.ends_with("use it: unset XDG_RUNTIME_DIR\n"),
        "{refused}"
    );
    agent("stop").stdout();
    let none = home.opkssh(["agent", "stop"]).run().stdout();
    assert_eq!(none, "The agent is not running.\n");
}

#[test]
fn a_runtime_directory_that_cannot_be_used_is_said_to_be_one() {
    let home = home();
    let file = home.write("file", "");
    let long = home.dir().join("x".repeat(90));
    let writable = home.dir().join("writable");
    fs::create_dir_all(writable.join("opkssh")).unwrap();
    fs::set_permissions(
        writable.join("opkssh"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    let run: &[&[&str]] = &[&["agent", "run"]];
    for (runtime, why, commands) in [
        (&file, "not a directory", &COMMANDS[..]),
        (&long, "bytes there, more than 107", &COMMANDS),
        (&long, "bytes there, more than 107", run),
        (&writable, "other users can write to it", &COMMANDS[..1]),
    ] {
        for command in commands {
            let refused = home.opkssh(*command).env(VARIABLE, runtime).run();
            assert_ne!(refused.code(), Some(0), "{command:?}");
            let said = refused.stderr();
            let what = format!("cannot use the runtime directory {}", runtime.display());
            for words in [
                &what,
                why,
                "use one of your own: export XDG_RUNTIME_DIR=/run/user/",
            ] {
                assert!(said.contains(words), "{command:?}: no {words:?} in {said}");
            }
        }
    }
}

#[test]
fn a_socket_with_too_long_a_path_is_refused_with_its_length() {
    let home = home();
    let socket = format!("/tmp/{}", "x".repeat(120));
    for command in ["run", "start"] {
        let agent = home.opkssh(["agent", command, "--socket", &socket]);
        let refused = agent.run().stderr();
        assert_eq!(
            refused,
            format!(
                "Error: {socket} is too long for a socket: 125 bytes, more than 99\n\
                 hint: name a shorter path: --socket PATH\n"
            )
        );
    }
}

#[test]
fn a_full_disk_is_called_one() {
    if !is_root() {
        return;
    }
    let home = home();
    let state = home.dir().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs '{0}'\nmkdir -m 700 '{0}/opkssh'\n\
         cat /dev/zero >'{0}/opkssh/rest' 2>/dev/null\n'{OPKSSH}' agent start",
        state.display()
    );
    let unshare = home.command("unshare");
    let refused = unshare.args(["--mount", "sh", "-c", &script]).run();
    let said = refused.inconclusive();
    assert!(said.contains("the disk is full"), "{said}");
}

#[test]
fn a_login_that_a_full_disk_takes_no_part_of_says_so_before_the_browser_opens() {
    if !is_root() {
        return;
    }
    let home = home();
    let full = home.dir().join("full");
    fs::create_dir_all(&full).unwrap();
    // the agent's log and sockets fit, what a login writes does not
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs '{0}'; export BROWSER=true HOME='{0}' XDG_STATE_HOME='{0}/state'\n\
         mkdir -m 700 '{0}/.ssh'; cp -r '{1}/.opk' '{0}'; '{OPKSSH}' agent start >/dev/null\n\
         cat /dev/zero >'{0}/rest' 2>/dev/null\n\
         for words in '' '--files' '-i {0}/key'; do '{OPKSSH}' login $words; done\n\
         rm '{0}/rest'; '{OPKSSH}' agent stop >/dev/null",
        full.display(),
        home.dir().display()
    );
    let unshare = home.command("unshare");
    let said = unshare
        .args(["--mount", "sh", "-c", &script])
        .run()
        .stderr();
    let errors = said.lines().filter(|line| line.starts_with("Error: "));
    let errors: Vec<&str> = errors.collect();
    for (error, file) in errors.iter().zip(["accounts.json", "id_ecdsa", "/key"]) {
        assert!(error.contains(file), "{said}");
        assert!(error.ends_with("the disk is full"), "{said}");
    }
    assert_eq!(errors.len(), 3, "{said}");
}
