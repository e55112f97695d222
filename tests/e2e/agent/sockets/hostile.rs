//! The agent socket and clients that are broken or hostile: after each, it still answers.

use std::path::PathBuf;

use opkssh_test_support::{Part, left_out};

use super::raw::{
    FAILURE, IDENTITIES_ANSWER, REQUEST_IDENTITIES, Raw, SIGN_RESPONSE, first_identity, frame,
    sign_request, string,
};
use crate::setup::{Setup, agent_socket, daemon_log, daemon_pid};

struct Agent {
    setup: Setup,
    socket: PathBuf,
    pid: i32,
}

impl Agent {
    fn new() -> Self {
        let setup = Setup::new();
        setup.login(&[]);
        Self {
            socket: agent_socket(&setup.home),
            pid: daemon_pid(&setup.home),
            setup,
        }
    }

    fn connect(&self) -> Raw {
        Raw::connect(&self.socket)
    }

    /// The same process answers as if nothing had happened.
    fn is_unharmed(&self, after: &str) {
        let list = self.setup.with_agent("ssh-add").arg("-l").run();
        assert!(list.stdout().contains("(ECDSA-CERT)"), "after {after}");
        assert_eq!(daemon_pid(&self.setup.home), self.pid, "after {after}");
        let log = daemon_log(&self.setup.home);
        assert!(!log.contains("panicked"), "after {after}: {log}");
    }
}

#[test]
fn frames_of_a_forbidden_length_end_the_connection() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    for length in [0, 256 * 1024 + 1, 1 << 31, u32::MAX] {
        let mut raw = agent.connect();
        raw.send(&length.to_be_bytes());
        raw.send(&[REQUEST_IDENTITIES; 64]);
        assert_eq!(raw.receive(), None, "{length}");
        agent.is_unharmed(&format!("a frame of {length} bytes"));
    }
    // the largest that is allowed is read
    let mut largest = vec![0; 256 * 1024];
    largest[0] = 200;
    assert_eq!(agent.connect().ask(&largest), [FAILURE]);
}

#[test]
fn what_is_unknown_or_malformed_gets_a_failure_and_the_connection_stays() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    let mut raw = agent.connect();
    let identity = first_identity(&raw.ask(&[REQUEST_IDENTITIES])).unwrap();
    let good = sign_request(&identity, b"data");
    let mut malformed: Vec<Vec<u8>> = (0..=255)
        // and the two that remove all added keys, of which there are none
        .filter(|kind| ![REQUEST_IDENTITIES, 9, 19].contains(kind))
        .map(|kind| vec![kind])
        .collect();
    // a sign request cut at every place, one with too much, one whose lengths lie
    malformed.extend((1..good.len()).map(|end| good[..end].to_vec()));
    malformed.push([&good[..], &[0]].concat());
    malformed.push([&[13][..], &u32::MAX.to_be_bytes(), &identity].concat());
    malformed.push(sign_request(b"", b""));
    malformed.push(sign_request(&identity[..40], b"data"));
    malformed.push([&[27][..], &string(b"session-bind@openssh.com"), &[0xff; 40]].concat());
    malformed.push([&[27][..], &string(b"no-such-extension@example.com")].concat());
    for request in malformed {
        let answer = raw.ask(&request);
        let is_refusal = answer == [FAILURE] || answer == [28];
        assert!(is_refusal, "{request:?} got {answer:?}");
    }
    // the failed bind makes this connection one that is not trusted, and no other
    assert_eq!(raw.ask(&good), [FAILURE]);
    assert_eq!(agent.connect().ask(&good)[0], SIGN_RESPONSE);
    agent.is_unharmed("malformed requests");
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    let identity = first_identity(&agent.connect().ask(&[REQUEST_IDENTITIES])).unwrap();
    let mut raw = agent.connect();
    let one = [
        frame(&[REQUEST_IDENTITIES]),
        frame(&sign_request(&identity, b"data")),
        frame(&[200]),
    ]
    .concat();
    raw.send(&one.repeat(100));
    for _ in 0..100 {
        assert_eq!(raw.receive().unwrap()[0], IDENTITIES_ANSWER);
        assert_eq!(raw.receive().unwrap()[0], SIGN_RESPONSE);
        assert_eq!(raw.receive().unwrap(), [FAILURE]);
    }
    agent.is_unharmed("requests sent ahead");
}

#[test]
fn two_hundred_connections_and_half_sent_frames_keep_nobody_waiting() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    let mut idle: Vec<Raw> = (0..200).map(|_| agent.connect()).collect();
    for (number, raw) in idle.iter_mut().enumerate() {
        // some silent, some in the middle of the length, some in the middle of the body
        let half: &[u8] = [&b""[..], b"\0\0", b"\0\0\0\x05", b"\0\x03\0\0\x0d\0\0"][number % 4];
        raw.send(half);
    }
    agent.is_unharmed("two hundred connections");
    // they are all served in the end
    for (number, raw) in idle.iter_mut().enumerate() {
        match number % 4 {
            0 => raw.send(&frame(&[REQUEST_IDENTITIES])),
            1 => raw.send(&[0, 1, REQUEST_IDENTITIES]),
            2 => raw.send(&[REQUEST_IDENTITIES, 0, 0, 0, 0]),
            _ => continue,
        }
        assert!(raw.receive().is_some(), "connection {number}");
    }
    drop(idle);
    agent.is_unharmed("their end");
}

/// More than are served at once: the oldest that say nothing go.
#[test]
fn nobody_keeps_others_out_by_staying() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    let mut idle: Vec<Raw> = (0..600).map(|_| agent.connect()).collect();
    agent.is_unharmed("six hundred connections");
    assert_eq!(idle[0].receive(), None, "the oldest is closed");
    let newest = idle.last_mut().unwrap().ask(&[REQUEST_IDENTITIES]);
    assert_eq!(newest[0], IDENTITIES_ANSWER);
    // neither do those that are answered and do not read
    let deaf = frame(&[REQUEST_IDENTITIES]).repeat(500);
    idle.iter_mut().for_each(|raw| raw.send(&deaf));
    agent.is_unharmed("six hundred deaf connections");
}

#[test]
fn a_client_that_never_reads_keeps_nobody_waiting() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let agent = Agent::new();
    let deaf: Vec<_> = (0..8)
        .map(|_| {
            let mut raw = agent.connect();
            // the answers are larger than the requests: the buffers fill up
            raw.send(&frame(&[REQUEST_IDENTITIES]).repeat(2000));
            raw
        })
        .collect();
    agent.is_unharmed("clients that do not read");
    drop(deaf);
    agent.is_unharmed("their end");
}
