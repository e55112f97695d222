//! The control socket and clients that are broken or hostile.

use opkssh_test_support::{Part, left_out};
use serde_json::{Value, json};

use super::raw::{Raw, frame};
use crate::setup::{Setup, daemon_pid};

struct Control {
    setup: Setup,
    pid: i32,
}

impl Control {
    fn new() -> Self {
        let setup = Setup::new();
        setup.login(&[]);
        Self {
            pid: daemon_pid(&setup.home),
            setup,
        }
    }

    fn connect(&self) -> Raw {
        Raw::connect(&self.setup.home.runtime_dir().join("opkssh/control.sock"))
    }

    /// The message of the failure that a request gets.
    fn failure(&self, body: &[u8]) -> String {
        let answer = self.connect().ask(body);
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["message"]["event"], "failed", "{answer}");
        let failure = &answer["message"]["failure"];
        format!("{}; {}", failure["message"], failure["hint"])
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(
                daemon_pid(&self.setup.home),
                self.pid,
                "the daemon is another one"
            );
            assert!(self.setup.certificate().contains("-cert-v01@openssh.com"));
        }
    }
}

#[test]
fn what_is_no_request_is_refused() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let control = Control::new();
    let deep = "[".repeat(100_000);
    for body in [
        &b"garbage"[..],
        b"",
        b"{}",
        b"\xff\xfe",
        b"[]",
        br#"{"version":2}"#,
        br#"{"version":2,"message":{"request":"no-such-request"}}"#,
        br#"{"version":2,"message":{"request":"ensure"}}"#,
        br#"{"version":-1,"message":{"request":"status"}}"#,
        br#"{"version":2,"message":{"request":"login","providers":5}}"#,
        deep.as_bytes(),
    ] {
        let said = control.failure(body);
        assert!(said.contains("does not understand the request"), "{said}");
    }
}

#[test]
fn another_version_is_refused_with_what_to_restart() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let control = Control::new();
    for version in [0, 1, 3, u32::MAX] {
        let request = json!({"version": version, "message": {"request": "status"}});
        let said = control.failure(request.to_string().as_bytes());
        assert!(
            said.contains(&format!("version {version} to an agent of version 2")),
            "{said}"
        );
        assert!(
            said.contains("restart the agent: opkssh agent restart"),
            "{said}"
        );
    }
    // whatever the rest of it is
    let unknown = json!({"version": 9, "message": {"request": "from the future"}});
    assert!(
        control
            .failure(unknown.to_string().as_bytes())
            .contains("version 9")
    );
}

#[test]
fn a_login_without_providers_or_with_a_bad_one_fails_in_words() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let control = Control::new();
    let request = json!({"version": 2, "message": {"request": "login", "providers": []}});
    let said = control.failure(request.to_string().as_bytes());
    assert!(!said.contains("null; null"), "{said}");
}

#[test]
fn frames_that_are_too_large_end_the_connection() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let control = Control::new();
    for length in [256 * 1024 + 1, 1 << 31, u32::MAX] {
        let mut raw = control.connect();
        raw.send(&length.to_be_bytes());
        raw.send(&[b'{'; 64]);
        assert_eq!(raw.receive(), None, "{length}");
    }
}

#[test]
fn half_a_request_keeps_nobody_waiting() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let control = Control::new();
    let status = json!({"version": 2, "message": {"request": "status"}}).to_string();
    let whole = frame(status.as_bytes());
    let mut half: Vec<Raw> = (0..50).map(|_| control.connect()).collect();
    for (number, raw) in half.iter_mut().enumerate() {
        raw.send(&whole[..number % whole.len()]);
    }
    let answer = control.connect().ask(status.as_bytes());
    assert!(String::from_utf8_lossy(&answer).contains("agent_socket"));
}
