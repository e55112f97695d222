use std::os::fd::AsRawFd as _;

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

#[test]
fn stdout_only_and_only_on_success() {
    assert_eq!(
        answer(shell("echo yes; echo no >&2"), LONG).unwrap(),
        b"yes\n"
    );
    let error = answer(shell("echo yes; echo why >&2; exit 3"), LONG).unwrap_err();
    assert!(error.to_string().contains("why"), "{error}");
}

#[test]
fn stderr_beside_stdout_where_that_is_wanted() {
    let both = shell("echo yes; echo no >&2; exit 3");
    let ended = run(both, Stderr::WithStdout, 100, Deadline::after(LONG)).unwrap();
    assert_eq!(ended.output, b"yes\nno\n");
    assert_eq!(ended.status.code(), Some(3));
}

#[test]
fn stdin_is_empty() {
    assert_eq!(answer(Command::new("/bin/cat"), LONG).unwrap(), b"");
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_started() {
    let (mut reader, writer) = io::pipe().unwrap();
    // the program and its children hold this pipe open until they exit
    let path = format!("/proc/{}/fd/{}", std::process::id(), writer.as_raw_fd());
    let hangs = shell(&format!(
        "exec 3>{path}; sleep 1000 >/dev/null & (sleep 1000 & wait) & wait"
    ));
    let error = answer(hangs, Duration::from_millis(300)).unwrap_err();
    assert!(matches!(error, ProcessError::Deadline { .. }), "{error}");
    drop(writer);
    reader.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn what_it_leaves_running_does_not_keep_it_from_answering() {
    let quiet = shell("sleep 1 >/dev/null 2>&1 & echo yes");
    assert_eq!(answer(quiet, LONG).unwrap(), b"yes\n");
}

#[test]
fn endless_output_is_given_up() {
    let error = answer(shell("exec cat /dev/zero"), LONG).unwrap_err();
    assert!(matches!(error, ProcessError::Size { .. }), "{error}");
}

#[test]
fn a_missing_program_is_an_error() {
    let error = answer(Command::new("/nonexistent"), LONG).unwrap_err();
    assert!(matches!(error, ProcessError::Start { .. }));
}
