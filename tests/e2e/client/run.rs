//! `opkssh run CMD`: a command with an agent of its own, beside `ssh-agent CMD`.

mod account;

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use opkssh_test_support::{Home, Run, Signal, wait_until};

use crate::setup::{OPKSSH, agent_socket};

/// Says that it is ready, then answers signals until it is ended.
const STAY: &str = "trap 'echo TERM; exit 3' TERM; trap 'echo INT; exit 4' INT; \
    echo ready \"$SSH_AUTH_SOCK\"; while :; do sleep 0.1; done";

fn ours(home: &Home, command: &[&str]) -> Run {
    home.opkssh(["run", "--"]).args(command)
}

fn theirs(home: &Home, command: &[&str]) -> Run {
    home.command("ssh-agent").args(command)
}

/// The directories of agents of commands.
fn directories(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.runtime_dir().join("opkssh"));
    let paths = entries.into_iter().flatten().flatten().map(|it| it.path());
    paths.filter(|path| path.is_dir()).collect()
}

/// Waits until no agent of a command has left anything.
fn wait_until_gone(home: &Home) {
    wait_until("the agent and its directory are gone", || {
        directories(home).is_empty().then_some(())
    });
}

#[test]
fn the_exit_status_is_the_command_s_own() {
    let home = Home::new(OPKSSH);
    for script in [
        "exit 0",
        "exit 7",
        "exit 255",
        "kill -TERM $$",
        "kill -KILL $$",
    ] {
        let command = ["sh", "-c", script];
        let theirs = theirs(&home, &command).run().code();
        assert_eq!(ours(&home, &command).run().code(), theirs, "{script}");
    }
    wait_until_gone(&home);
    assert!(
        !home.dir().join(".local/state/opkssh").exists(),
        "in memory only"
    );
}

#[test]
fn what_is_no_command_has_the_exit_status_of_env() {
    let home = Home::new(OPKSSH);
    let file = home.write("file", "").display().to_string();
    for name in ["no-such-command", "/no/such/file", &file, "/"] {
        let refused = ours(&home, &[name]).run();
        let env = home.command("env").arg(name).run();
        assert_eq!(refused.code(), env.code(), "{name}");
        assert_eq!(refused.any_stdout(), "");
        let said = refused.stderr();
        assert!(
            said.starts_with(&format!("Error: cannot run {name}: ")),
            "{said}"
        );
    }
    let mistyped = home.opkssh(["run", "--acount", "work", "--", "true"]).run();
    assert_eq!(mistyped.code(), Some(125));
    let said = mistyped.stderr();
    assert!(
        said.contains("opkssh run has no option \"--acount\""),
        "{said}"
    );
    home.opkssh(["run"]).run().misused();
    wait_until_gone(&home);
}

#[test]
fn the_command_has_an_empty_agent_and_its_variables() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    // the agent outside is neither used nor changed
    home.set("SSH_AUTH_SOCK", agent_socket(&home));
    home.set("SSH_AGENT_PID", "1");
    let key = home.dir().join("key").display().to_string();
    let script = format!(
        "ssh-add -l; ssh-keygen -q -t ed25519 -N '' -C mine -f '{key}' && ssh-add -q '{key}' && \
         ssh-add -L | cut -d ' ' -f 3 && kill -0 $SSH_AGENT_PID && \
         stat -c %a \"$SSH_AUTH_SOCK\" \"$(dirname \"$SSH_AUTH_SOCK\")\"; rm '{key}'"
    );
    let command = ["sh", "-c", &script];
    let theirs = theirs(&home, &command).run().stdout();
    assert_eq!(theirs, "The agent has no identities.\nmine\n600\n700\n");
    assert_eq!(ours(&home, &command).run().stdout(), theirs);
    let outside = home.command("ssh-add").arg("-l").run();
    assert_eq!(outside.any_stdout(), "The agent has no identities.\n");
}

#[test]
fn signals_reach_the_command_and_the_agent_ends_with_it() {
    let home = Home::new(OPKSSH);
    for (signal, code, said) in [
        (Signal::TERM, Some(3), "TERM\n"),
        (Signal::INT, Some(4), "INT\n"),
        (Signal::KILL, None, ""),
    ] {
        let mut running = ours(&home, &["sh", "-c", STAY]).start();
        running.wait_for("ready");
        assert_eq!(directories(&home).len(), 1);
        running.signal(signal);
        let ended = running.wait();
        assert_eq!(ended.code(), code);
        assert!(ended.any_stdout().ends_with(said));
        wait_until_gone(&home);
    }
}

#[test]
fn several_at_once_have_an_agent_each() {
    let home = Home::new(OPKSSH);
    let mut running: Vec<_> = (0..3)
        .map(|_| ours(&home, &["sh", "-c", STAY]).start())
        .collect();
    for one in &mut running {
        one.wait_for("ready");
    }
    assert_eq!(directories(&home).len(), 3);
    running[0].signal(Signal::TERM);
    wait_until("one is gone", || {
        (directories(&home).len() == 2).then_some(())
    });
    for one in &mut running[1..] {
        one.signal(Signal::TERM);
    }
    for one in running {
        assert_eq!(one.wait().code(), Some(3));
    }
    wait_until_gone(&home);
}

#[test]
fn what_outlives_the_command_has_no_agent() {
    let home = Home::new(OPKSSH);
    let file = home.dir().join("gone");
    let script = format!(
        "(while [ -e \"$SSH_AUTH_SOCK\" ]; do sleep 0.1; done; ssh-add -l; echo $? > '{}') \
         >/dev/null 2>&1 &",
        file.display()
    );
    ours(&home, &["sh", "-c", &script]).run().stdout();
    let status = wait_until("the child sees the end", || {
        fs::read_to_string(&file)
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    assert_eq!(status, "2\n", "ssh-add cannot connect");
    wait_until_gone(&home);
}

#[test]
fn the_agent_can_end_before_the_command() {
    let home = Home::new(OPKSSH);
    let script = format!("'{OPKSSH}' agent stop --socket \"$SSH_AUTH_SOCK\"; ssh-add -l; echo $?");
    let said = ours(&home, &["sh", "-c", &script]).run().stdout();
    assert_eq!(said, "The agent has stopped.\n2\n");
    assert_eq!(directories(&home), [""; 0].map(PathBuf::from));
}

#[test]
fn what_a_killed_agent_left_is_removed_by_the_next_command_and_nothing_else_is() {
    let home = Home::new(OPKSSH);
    let script = "kill -KILL $SSH_AGENT_PID; while ssh-add -l; [ $? -ne 2 ]; do sleep 0.1; done; \
        echo \"$SSH_AUTH_SOCK\"";
    let said = ours(&home, &["sh", "-c", script]).run().any_stdout();
    let left = PathBuf::from(said.trim().strip_suffix("/agent.sock").unwrap());
    assert_eq!(directories(&home), std::slice::from_ref(&left));

    let create = |name: &str| {
        let directory = home.runtime_dir().join("opkssh").join(name);
        fs::create_dir(&directory).unwrap();
        (UnixListener::bind(directory.join("s")).unwrap(), directory)
    };
    let (listening, in_use) = create("run-in-use");
    let (_, others) = create("other");
    let (_, with_file) = create("run-with-file");
    fs::write(with_file.join("file"), "precious").unwrap();
    let (_, empty) = create("run-empty");
    fs::remove_file(empty.join("s")).unwrap();
    let mut kept = [in_use, others, with_file, empty];
    kept.sort();

    ours(&home, &["true"]).run().stdout();
    assert!(!left.exists());
    wait_until("the others are left", || {
        let mut found = directories(&home);
        found.sort();
        (found == kept).then_some(())
    });
    drop(listening);
}

#[test]
fn keys_live_as_long_as_lifetime_says() {
    let home = Home::new(OPKSSH);
    let script = "ssh-keygen -q -t ed25519 -N '' -f key && ssh-add -q key && ssh-add -l && \
        while ssh-add -l; do sleep 0.1; done; ssh-add -l";
    let run = home.opkssh(["run", "--lifetime", "2s", "sh", "-c", script]);
    let said = run.run().any_stdout();
    assert!(said.ends_with("The agent has no identities.\n"), "{said}");
}

#[test]
fn the_socket_can_be_named_and_takes_nobody_else_s_place() {
    let home = Home::new(OPKSSH);
    let socket = home.runtime_dir().join("s");
    let run = |socket: &PathBuf| {
        let run = home.opkssh(["run", "--socket"]).arg(socket);
        run.args(["sh", "-c", "echo $SSH_AUTH_SOCK"]).run()
    };
    drop(UnixListener::bind(&socket).unwrap());
    assert_eq!(run(&socket).stdout(), format!("{}\n", socket.display()));
    wait_until("the socket is gone", || (!socket.exists()).then_some(()));

    let refused = |socket: &PathBuf, why: &str| {
        let refused = run(socket);
        assert_eq!((refused.code(), &*refused.any_stdout()), (Some(125), ""));
        let said = refused.stderr();
        assert!(
            said.contains(why) && said.contains("--socket PATH\n"),
            "{said}"
        );
    };
    let start = home.opkssh(["agent", "start", "--socket"]);
    start.arg(&socket).run().stdout();
    refused(&socket, "an agent runs already at ");
    let stop = home.opkssh(["agent", "stop", "--socket"]);
    stop.arg(&socket).run().stdout();
    let listener = UnixListener::bind(&socket).unwrap();
    refused(&socket, "is in use by another program");
    drop(listener);
    refused(
        &home.dir().join("x".repeat(100)),
        "is too long for a socket",
    );
    refused(&home.dir().join("none/s"), "cannot listen in ");
    refused(&agent_socket(&home), "is your own agent's socket");
}

#[test]
fn the_agent_of_a_command_is_not_the_users_own_agent_s_upstream() {
    let home = Home::new(OPKSSH);
    let script = "\"$0\" agent start --store memory >/dev/null && \"$0\" status --json";
    let said = ours(&home, &["sh", "-c", script, OPKSSH]).run().stdout();
    let status: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(status["agent"]["upstream"], serde_json::json!([]), "{said}");
    assert_eq!(status["agent"]["session_agent"], serde_json::Value::Null);
}
