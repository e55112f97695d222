//! What a daemon inherits from the command that starts it: next to nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that panics has failed"
)]

use std::path::Path;
use std::process::Command;

use opkssh_client::{AgentSettings, agent_launch};
use opkssh_test_support::write_program;

const PROGRAM: &str = "OPKSSH_TEST_LAUNCH";

/// A script in the daemon's place says what it finds. Launching replaces a process, so it is done
/// in one of its own: this test program, started by a shell that has two more files open.
#[test]
fn no_open_files_and_no_directory() {
    if let Some(program) = std::env::var_os(PROGRAM) {
        become_daemon(Path::new(&program));
    }
    let directory = tempfile::tempdir().unwrap();
    let daemon = directory.path().join("daemon");
    write_program(
        &daemon,
        "#!/bin/sh\necho\n\
         for fd in 5 9; do [ -e /proc/$$/fd/$fd ] && echo inherited $fd; done\n\
         pwd\n\
         printf '%s\\n' \"$@\"\n\
         read line && echo \"stdin $line\"\n",
    );
    let lock = directory.path().join("lock");
    let output = Command::new("sh")
        .args([
            "-c",
            "exec 5<\"$1\" 9>\"$2\"; [ -e /proc/$$/fd/9 ] || exit 9; \
             echo kept | exec \"$0\" --exact no_open_files_and_no_directory --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .args([&daemon, &lock])
        .current_dir(directory.path())
        .env(PROGRAM, &daemon)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let socket = directory.path().canonicalize().unwrap().join("a.sock");
    assert!(
        text.ends_with(&format!(
            "\n/\nagent\nrun\n--detached\n--socket\n{}\n--store\nmemory\nstdin kept\n",
            socket.display()
        )),
        "{text}"
    );
    assert!(!text.contains("inherited"), "{text}");
    assert!(output.status.success());
}

fn become_daemon(program: &Path) -> ! {
    let settings = AgentSettings {
        socket: Some("a.sock".into()),
        store: Some("memory".into()),
        ..AgentSettings::default()
    };
    match agent_launch(&settings, program) {
        Err(error) => panic!("{error}"),
        Ok(never) => match never {},
    }
}
