//! Proof that [`Home`] is hermetic, with a shell in the program's place.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::path::Path;

use opkssh_test_support::{Home, user_name};

#[test]
fn a_program_sees_the_home_and_nothing_of_the_machine() {
    let home = Home::new("/bin/sh");
    home.set("ADDED", "by the test");
    let environment = home.opkssh(["-c", "env"]).run().stdout();
    let line = |name: &str| {
        environment
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")))
            .map(str::to_owned)
    };

    assert_eq!(
        line("HOME").as_deref(),
        Some(home.dir().to_string_lossy().as_ref())
    );
    assert_eq!(line("USER"), Some(user_name()));
    assert_eq!(line("ADDED").as_deref(), Some("by the test"));
    assert_eq!(
        line("CARGO_MANIFEST_DIR"),
        None,
        "the test's own environment is not passed on"
    );
    for name in [
        "XDG_RUNTIME_DIR",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "TMPDIR",
    ] {
        let directory = line(name).expect(name);
        assert!(
            Path::new(&directory).starts_with(home.dir().parent().expect("a parent")),
            "{name}"
        );
    }
    let mode = home
        .command("stat")
        .args(["-c", "%a"])
        .arg(home.runtime_dir())
        .run()
        .stdout();
    assert_eq!(mode.trim(), "700");
}

#[test]
fn output_keeps_success_and_refusal_apart() {
    let home = Home::new("/bin/sh");
    assert_eq!(
        home.opkssh(["-c", "cat"]).stdin("given").run().stdout(),
        "given"
    );
    assert_eq!(
        home.opkssh(["-c", "echo no >&2; exit 1"]).run().refused(),
        "no\n"
    );
    assert_eq!(home.opkssh(["-c", "exit 7"]).run().code(), Some(7));
}

#[test]
#[should_panic(expected = "should exit 1")]
fn success_is_no_refusal() {
    let _ = Home::new("/bin/sh").opkssh(["-c", "true"]).run().refused();
}

#[test]
#[should_panic(expected = "failed")]
fn a_refusal_is_no_success() {
    let _ = Home::new("/bin/sh").opkssh(["-c", "exit 1"]).run().stdout();
}

#[test]
#[should_panic(expected = "panicked")]
fn a_panic_is_no_refusal() {
    let script = "echo \"thread 'main' panicked at src/main.rs:1:1\" >&2; exit 1";
    let _ = Home::new("/bin/sh").opkssh(["-c", script]).run().refused();
}

#[test]
fn a_program_beside_the_test_can_be_watched_and_ends_with_it() {
    let home = Home::new("/bin/sh");
    let mut cat = home.opkssh(["-c", "echo ready; sleep 1000 & wait"]).start();
    cat.wait_for("ready");
    assert!(!cat.has_ended());
    let pid = cat.pid();
    drop(cat);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}
