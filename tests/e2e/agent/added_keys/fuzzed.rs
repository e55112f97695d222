//! A hundred thousand requests that nobody thought of.

use std::path::Path;

use super::messages::add_request;
use super::{Agents, blob};
use crate::agent::sockets::raw::{Raw, sign_request, string};
use crate::dice::Dice;
use crate::setup::{daemon_log, daemon_pid};

const REQUESTS: usize = 100_000;
/// On one connection: the first failed bind makes the rest of it another machine's.
const EACH: usize = 100;

/// Memory in KiB and open descriptors of a process.
fn costs(pid: i32) -> (u64, usize) {
    let process = Path::new("/proc").join(pid.to_string());
    let status = std::fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let memory = line.unwrap().split_whitespace().nth(1).unwrap();
    let open = std::fs::read_dir(process.join("fd")).unwrap().count();
    (memory.parse().unwrap(), open)
}

/// A request with some bytes changed, put in, gone, or taken from another one.
fn mutate(dice: &mut Dice, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut request = dice.pick(seeds).clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(request.len().max(1)).min(request.len());
        match dice.below(6) {
            0 if at < request.len() => request[at] ^= 1 << dice.below(8),
            1 => request.insert(at, dice.below(256) as u8),
            2 if at < request.len() => drop(request.remove(at)),
            3 => request.truncate(at),
            4 => {
                let other = dice.pick(seeds);
                request.extend_from_slice(&other[dice.below(other.len())..]);
            }
            // a length, or the number of the message
            _ if at + 4 <= request.len() => request[at..at + 4].fill(0xff),
            _ => {}
        }
    }
    if request.is_empty() {
        request.push(dice.below(256) as u8);
    }
    request
}

#[test]
fn a_hundred_thousand_requests_harm_nobody() {
    let agents = Agents::start();
    let mut seeds = vec![vec![9], vec![11], vec![19], vec![27]];
    for (name, kind, bits, fields) in [
        ("ed25519", "ed25519", "256", 4),
        ("p256", "ecdsa", "256", 5),
        ("rsa", "rsa", "2048", 8),
    ] {
        agents.keygen(name, kind, bits);
        let public = blob(&agents.home, &format!("{name}.pub"));
        let key = add_request(&agents, name, fields);
        seeds.push([&[17][..], &key].concat());
        let lifetime = [&[25][..], &key, b"\x01\0\0\0\x05"].concat();
        seeds.push(lifetime.clone());
        let restrict = string(b"restrict-destination-v00@openssh.com");
        seeds.push([&lifetime[..], b"\xff", &restrict, &string(&[0; 40])].concat());
        seeds.push(sign_request(&public, b"data"));
        seeds.push([&[18][..], &string(&public)].concat());
    }
    let bind = string(b"session-bind@openssh.com");
    seeds.push([&[27][..], &bind, &string(&[1; 51]), &string(&[2; 32])].concat());
    seeds.push([&[20][..], &string(b"/nowhere"), &string(b"")].concat());

    let ours = agents.ours();
    let pid = daemon_pid(&agents.home);
    let mut dice = Dice::new(12);
    let mut others = ours.raw();
    let mut before = None;
    for round in 0..REQUESTS / EACH {
        let mut raw = Raw::connect(&ours.socket);
        for _ in 0..EACH {
            let request = mutate(&mut dice, &seeds);
            let answer = raw.ask(&request);
            let is_known = matches!(answer[0], 5 | 6 | 12 | 14 | 28 | 29);
            assert!(is_known, "{request:?} got {answer:?}");
        }
        assert_eq!(others.ask(&[11])[0], 12, "round {round}");
        // when all that is made once has been made
        if round == 100 {
            before = Some(costs(pid));
        }
    }
    ours.ssh_add(&["-D"]);
    let (memory, open) = costs(pid);
    let (memory_before, open_before) = before.unwrap();
    assert!(
        memory < memory_before + 8 * 1024,
        "{memory_before} KiB, then {memory} KiB"
    );
    assert!(open <= open_before + 1, "{open_before} files, then {open}");
    let log = daemon_log(&agents.home);
    assert!(!log.contains("panicked"), "{log}");
}
