//! Upstream agents that hang, die or lie.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, channel};

use opkssh_test_support::{Home, Signal, wait_until};

use super::{comments, in_a_row};
use crate::agent::added_keys::{Agents, blob};
use crate::agent::sockets::raw::{frame, string};
use crate::setup::{OPKSSH, daemon_log};

#[test]
fn one_that_hangs_costs_its_own_keys_only() {
    let agents = in_a_row();
    for name in ["ours", "theirs"] {
        agents.keygen(name, "ed25519", "256");
    }
    let ours = agents.ours();
    ours.ssh_add(&["ours"]);
    agents.theirs().ssh_add(&["theirs"]);
    assert_eq!(comments(&ours.list()), ["ours", "theirs"]);
    agents.signal_theirs(Signal::STOP);
    assert_eq!(comments(&ours.list()), ["ours"]);
    let public = blob(&agents.home, "ours.pub");
    assert_eq!(ours.sign(&public, b"data", 0)[0], 14);
    agents.signal_theirs(Signal::CONT);
    wait_until("the agent that answers again", || {
        (comments(&ours.list()) == ["ours", "theirs"]).then_some(())
    });
}

#[test]
fn one_that_ends_or_comes_back_is_noticed() {
    let home = Home::new(OPKSSH);
    home.set("SSH_AUTH_SOCK", home.runtime_dir().join("none.sock"));
    let agents = Agents::start_in(home, &[]);
    agents.keygen("key", "ed25519", "256");
    agents.theirs().ssh_add(&["key"]);
    let ours = agents.ours();
    assert_eq!(comments(&ours.list()), [""; 0]);
    let none = agents.home.runtime_dir().join("none.sock");
    std::os::unix::fs::symlink(&agents.theirs().socket, &none).unwrap();
    assert_eq!(comments(&ours.list()), ["key"]);
    std::fs::remove_file(&none).unwrap();
    assert_eq!(comments(&ours.list()), [""; 0]);
}

#[test]
fn one_that_did_not_answer_is_left_alone_for_a_while() {
    let home = Home::new(OPKSSH);
    // answers with the length of an answer, and nothing else
    let asks = fake(&home, |_| Some(vec![0, 0, 0, 9]));
    let agents = Agents::start_in(home, &[]);
    for _ in 0..3 {
        assert_eq!(comments(&agents.ours().list()), [""; 0]);
    }
    assert_eq!(asks.try_iter().count(), 1);
    let log = daemon_log(&agents.home);
    assert!(log.contains("does not answer in time"), "{log}");
}

/// An agent that answers each request with what `answer` says, and hangs up where that is nothing.
/// Returns what it is asked.
fn fake(
    home: &Home,
    answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> Receiver<Vec<u8>> {
    let path = home.runtime_dir().join("fake.sock");
    home.set("SSH_AUTH_SOCK", &path);
    let listener = UnixListener::bind(&path).unwrap();
    let (asked, asks) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: UnixStream = stream.unwrap();
            let mut length = [0; 4];
            while stream.read_exact(&mut length).is_ok() {
                let mut request = vec![0; u32::from_be_bytes(length) as usize];
                stream.read_exact(&mut request).unwrap();
                let answer = answer(&request);
                let _ = asked.send(request);
                let Some(answer) = answer else { break };
                let _ = stream.write_all(&answer);
            }
        }
    });
    asks
}

#[test]
fn answers_that_make_no_sense_cost_its_own_keys_only() {
    let huge = (256 * 1024 + 1_u32).to_be_bytes().to_vec();
    let identity = [string(b"blob"), string(b"comment")].concat();
    for answer in [
        frame(b""),
        frame(b"\x0c"),
        frame(b"\x0c\0\0\0\x02"),
        frame(b"\x0c\xff\xff\xff\xff"),
        frame(&[&b"\x0c\0\0\0\x01"[..], &identity, b"more"].concat()),
        frame(b"\x05"),
        huge,
        b"\0\0".to_vec(),
    ] {
        let home = Home::new(OPKSSH);
        let sent = answer.clone();
        let _asks = fake(&home, move |_| Some(sent.clone()));
        let agents = Agents::start_in(home, &[]);
        agents.keygen("key", "ed25519", "256");
        let ours = agents.ours();
        ours.ssh_add(&["key"]);
        assert_eq!(comments(&ours.list()), ["key"], "{answer:?}");
        let public = blob(&agents.home, "key.pub");
        assert_eq!(ours.sign(&public, b"data", 0)[0], 14);
    }
}

#[test]
fn security_keys_go_to_an_upstream_agent_and_binds_go_before_all() {
    let home = Home::new(OPKSSH);
    let asks = fake(&home, |_| Some(frame(b"\x06")));
    let agents = Agents::start_in(home, &[]);
    let mut raw = agents.ours().raw();
    let add = [
        &[25][..],
        &string(b"sk-ssh-ed25519@openssh.com"),
        &string(b"the rest"),
    ]
    .concat();
    assert_eq!(raw.ask(&add), [6]);
    assert_eq!(asks.recv().unwrap(), add);
    let smartcard = [&[20][..], &string(b"/a/library.so"), &string(b"pin")].concat();
    assert_eq!(raw.ask(&smartcard), [6]);
    assert_eq!(asks.recv().unwrap(), smartcard);

    // a bind, good or not, is repeated on the connection's own connection
    let bind = [&[27][..], &string(b"session-bind@openssh.com"), b"bad"].concat();
    assert_eq!(raw.ask(&bind), [28]);
    // which counts as another machine's from now on
    assert_eq!(raw.ask(&add), [5]);
    raw.ask(&[11]);
    assert_eq!(asks.recv().unwrap(), bind);
    assert_eq!(asks.recv().unwrap(), [11]);
}

#[test]
fn without_one_that_takes_security_keys_the_log_says_what_to_do() {
    let agents = in_a_row();
    let smartcard = [&[20][..], &string(b"/a/library.so"), &string(b"pin")].concat();
    assert_eq!(agents.ours().raw().ask(&smartcard), [5]);
    let log = daemon_log(&agents.home);
    assert!(
        log.contains("name its socket in `agent: upstream:`"),
        "{log}"
    );
}
