//! Requests that no `ssh-add` makes.

use super::{Agents, blob};
use crate::agent::sockets::raw::{Raw, sign_request, string};

const ADD: u8 = 17;
const REMOVE: u8 = 18;
const ADD_CONSTRAINED: u8 = 25;

/// What a request to add a key says of it: the fields of its file in OpenSSH's format, of which
/// there are so many with the comment.
pub fn add_request(agents: &Agents, name: &str, fields: usize) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(agents.home.dir().join(name)).unwrap();
    let base64: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let file = base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap();
    // the private part: two check numbers, then what an agent is sent, then padding
    let public = blob(&agents.home, &format!("{name}.pub"));
    let after = file
        .windows(public.len())
        .position(|window| window == public)
        .unwrap()
        + public.len();
    let private = &file[after + 4 + 8..];
    let mut end = 0;
    for _ in 0..fields {
        let length = u32::from_be_bytes(private[end..end + 4].try_into().unwrap());
        end += 4 + length as usize;
    }
    private[..end].to_vec()
}

#[test]
fn malformed_and_odd_requests_get_the_same_answers() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    let key = add_request(&agents, "key", 4);
    let public = blob(&agents.home, "key.pub");
    let extension = |name: &[u8]| [&b"\xff"[..], &string(name), &string(b"")].concat();
    let mut requests: Vec<Vec<u8>> = vec![
        // unknown, and from SSH 1
        vec![0],
        vec![1],
        vec![3],
        vec![7],
        vec![8],
        vec![9],
        vec![99],
        vec![240],
        vec![255],
        // lists with something behind them
        b"\x0bmore".to_vec(),
        // removing what is not there, or nothing
        vec![REMOVE],
        [&[REMOVE][..], &string(&public)].concat(),
        [&[REMOVE][..], &string(b"no key")].concat(),
        vec![19],
        // extensions
        vec![27],
        [&[27][..], &string(b"")].concat(),
        [&[27][..], &string(b"nothing@example.com")].concat(),
        // security keys and smartcards, of which there are none
        [&[20][..], &string(b"/nowhere"), &string(b"")].concat(),
        [&[21][..], &string(b"/nowhere"), &string(b"")].concat(),
        [&[26][..], &string(b"/nowhere"), &string(b"")].concat(),
    ];
    for constraints in [
        &b""[..],
        b"\x01",
        b"\x01\0\0\x0e",
        b"\x01\0\0\x0e\x10",
        b"\x02",
        b"\x01\0\0\x0e\x10\x01\0\0\x0e\x10",
        b"\x02\x02",
        b"\x02\x01\0\0\x0e\x10",
        b"\x07",
        b"\x03\0\0\0\x05",
        &extension(b"nothing@example.com"),
        &extension(b"sk-provider@openssh.com"),
        &extension(b"restrict-destination-v00@openssh.com"),
    ] {
        for kind in [ADD, ADD_CONSTRAINED] {
            requests.push([&[kind][..], &key, constraints].concat());
            requests.push([&[REMOVE][..], &string(&public)].concat());
        }
    }
    for end in 0..key.len() {
        requests.push([&[ADD][..], &key[..end]].concat());
    }
    // keys of unknown types
    requests.push([&[ADD][..], &string(b"ssh-dss"), &key[15..]].concat());
    requests.push([&[ADD][..], &string(b"no such type"), &key[15..]].concat());
    let answers = agents.both(|agent| {
        let mut raw = agent.raw();
        let asked = requests.iter().map(|request| raw.ask(request));
        asked.collect::<Vec<_>>()
    });
    assert!(answers.iter().any(|answer| answer == &[6]));
    agents.both(|agent| agent.list());
}

#[test]
fn a_private_key_that_does_not_fit_its_public_one_is_not_added() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    let mut other = add_request(&agents, "key", 4);
    other[20] ^= 1;
    let add = [&[ADD][..], &other].concat();
    assert_eq!(agents.ours().raw().ask(&add), [5]);
    let log = crate::setup::daemon_log(&agents.home);
    assert!(log.contains("does not belong to its public key"), "{log}");
    // OpenSSH's agent takes it, and signs what nobody can verify
    assert_eq!(agents.theirs().raw().ask(&add), [6]);
}

#[test]
fn what_was_added_signs_until_it_is_removed_whoever_asks() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    let add = [&[ADD][..], &add_request(&agents, "key", 4)].concat();
    let public = blob(&agents.home, "key.pub");
    let remove = [&[REMOVE][..], &string(&public)].concat();
    agents.both(|agent| {
        let connect = || Raw::connect(&agent.socket);
        let (mut one, mut other) = (connect(), connect());
        let sign = sign_request(&public, b"data");
        vec![
            one.ask(&sign),
            other.ask(&add),
            one.ask(&sign),
            one.ask(&remove),
            other.ask(&sign),
            other.ask(&remove),
        ]
    });
}
