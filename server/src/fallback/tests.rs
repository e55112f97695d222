use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn fallback(words: &[&str]) -> Result<Fallback, String> {
    let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    Fallback::parse(&words, Duration::from_secs(60))
}

fn tokens(extra: &[String]) -> Tokens<'_> {
    Tokens {
        account: "$(reboot) x",
        key: "AAAA",
        key_type: "ssh-ed25519",
        extra,
    }
}

#[test]
fn a_script_without_its_interpreter_cannot_be_started() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("keys");
    for (text, mode, reason) in [
        ("#!/bin/sh\n", 0o755, None),
        ("#! /bin/sh -eu\n", 0o755, None),
        (
            "#!/nonexistent/python\n",
            0o755,
            Some("there is no /nonexistent/python"),
        ),
        ("#!/bin/sh\n", 0o644, Some("cannot be run by this account")),
    ] {
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(mode)).unwrap();
        let said = check_start(&script).map_err(|error| error.to_string());
        match reason {
            None => assert_eq!(said, Ok(()), "{text}"),
            Some(reason) => assert!(said.unwrap_err().contains(reason), "{text}"),
        }
    }
}

#[test]
fn tokens_are_handed_on_as_single_words() {
    let extra = ["SHA256:x".to_owned(), "-y".to_owned()];
    let words = ["/bin/x", "--user=%u", "%k", "%t%t", "100%%%u%%", "%*", ""];
    let arguments = fallback(&words).unwrap().arguments(tokens(&extra));
    assert_eq!(
        arguments,
        [
            "--user=$(reboot) x",
            "AAAA",
            "ssh-ed25519ssh-ed25519",
            "100%$(reboot) x%",
            "SHA256:x",
            "-y",
            ""
        ]
    );
}

#[test]
fn what_cannot_be_a_command() {
    for (words, reason) in [
        (&[][..], "no command"),
        (&["cat"], "absolute"),
        (&["/bin/cat", "%h"], "%h"),
        (&["/bin/cat", "x%*"], "%*"),
        (&["/bin/cat", "%é"], "%é"),
        (&["/bin/cat", "50%"], "ends in"),
        (&["/bin/cat", "a\0"], "NUL"),
    ] {
        let error = fallback(words).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
}

fn answer(words: &[&str], timeout: Duration) -> Result<Vec<u8>, FallbackError> {
    fallback(words)
        .unwrap()
        .answer(tokens(&[]), Deadline::after(timeout))
}

#[test]
fn its_stdout_is_the_answer() {
    let long = Duration::from_secs(60);
    let echo = answer(&["/bin/echo", "%u"], long).unwrap();
    assert_eq!(echo, b"$(reboot) x\n");
    let failed = |words: &[&str], timeout| match answer(words, timeout).unwrap_err() {
        FallbackError::Process(error) => error,
        other => panic!("{other}"),
    };
    assert!(matches!(
        failed(&["/bin/false"], long),
        ProcessError::Failed { .. }
    ));
    assert!(matches!(
        failed(&["/usr/bin/head", "-c", "1048577", "/dev/zero"], long),
        ProcessError::Size {
            max: MAX_OUTPUT,
            ..
        }
    ));
    assert!(matches!(
        failed(&["/bin/sleep", "1000"], Duration::from_millis(50)),
        ProcessError::Deadline { .. }
    ));
}

#[test]
fn a_program_that_others_can_change_is_not_run() {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    // /tmp is writable by all, so programs below it are refused
    let directory = tempfile::tempdir_in("/tmp").unwrap();
    let program = directory.path().join("program");
    fs::copy("/bin/echo", &program).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let long = Duration::from_secs(60);
    let error = answer(&[program.to_str().unwrap()], long).unwrap_err();
    assert!(
        matches!(&error, FallbackError::Mode { path, .. } if path == Path::new("/tmp")),
        "{error}"
    );
    for (program, reason) in [("/usr/bin", "not a program"), ("/nonexistent", "No such")] {
        let error = answer(&[program], long).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}
