use super::*;

const LONG: Duration = Duration::from_secs(60);

fn answer(script: &str, timeout: Duration) -> Result<(), String> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    run_plugin(command, Deadline::after(timeout))
}

#[test]
fn row_119_allow_alone_and_success_is_a_yes() {
    for script in ["echo allow", "printf '\\n allow\\t\\n'", "echo allow >&2"] {
        assert_eq!(answer(script, LONG), Ok(()), "{script}");
    }
    for (script, why) in [
        ("echo ALLOW", "said \"ALLOW\""),
        ("echo allow; echo warning >&2", "said \"allow\\nwarning\""),
        ("echo allow; exit 3", "but failed (exit status: 3)"),
        ("echo deny", "said \"deny\""),
        ("true", "said \"\""),
        ("exec cat /dev/zero", "more than"),
        ("cat", "said \"\""), // nothing on stdin
    ] {
        let error = answer(script, LONG).unwrap_err();
        assert!(error.contains(why), "{script}: {error}");
    }
}

#[test]
fn row_118_a_plugin_that_hangs_says_nothing() {
    let hangs = "echo allow; sleep 1000 & wait";
    let error = answer(hangs, Duration::from_millis(50)).unwrap_err();
    assert!(error.contains("did not answer within"), "{error}");
}

#[test]
fn a_program_that_cannot_be_run() {
    let error = run_plugin(Command::new("/nonexistent"), Deadline::after(LONG)).unwrap_err();
    assert!(error.starts_with("cannot run /nonexistent"), "{error}");
}
