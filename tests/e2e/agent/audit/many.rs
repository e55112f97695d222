//! Many at once.

use std::fs;
use std::thread;

use opkssh_protocol::audit::{AuditEntry, AuditEvent, full_file};
use opkssh_test_support::{Part, Sshd, Verifier, left_out, user_name, wait_until};

use super::{after_the_end, audit_file, entries, host_key};
use crate::agent::added_keys::{Agents, blob};
use crate::agent::servers::{our_verify, rules};
use crate::agent::sockets::raw::{SIGN_RESPONSE, sign_request};
use crate::setup::{Setup, agent_socket};

const LOGINS: usize = 1000;
const SERVERS: usize = 3;
const WORKERS: usize = 8;

#[test]
fn a_thousand_logins_leave_a_thousand_lines_each_with_its_server() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    // what `verify` says once: it is not what is looked at here, and would take most of the time
    let (home, rules) = (&setup.home, rules(&setup.provider, "24h"));
    let line = our_verify(home, &rules, &user_name(), &setup.certificate()).stdout();
    // the default key exchange and a shell take ten times as long as all the rest
    let fast = "KexAlgorithms curve25519-sha256";
    let start = |_| Sshd::start_with(Verifier::Keys(&line), &setup.provider.ca_file(), fast);
    let servers: Vec<_> = (0..SERVERS).map(start).collect();
    setup.knows(&servers.iter().collect::<Vec<_>>());
    let targets: Vec<_> = servers
        .iter()
        .map(|it| (it.ssh_args(), host_key(it)))
        .collect();
    let log_in = |number: usize| {
        let (args, key) = &targets[number % SERVERS];
        let ssh = home.command("ssh").env("SSH_AUTH_SOCK", agent_socket(home));
        let ssh = ssh.args(args).args(["-s", "localhost", "sftp"]).start();
        let pid = ssh.pid();
        ssh.wait().stdout();
        (pid, key.clone())
    };
    let mut made: Vec<(u32, String)> = thread::scope(|scope| {
        let work = |worker| {
            (worker..LOGINS)
                .step_by(WORKERS)
                .map(log_in)
                .collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        let made = workers.into_iter().map(|worker| worker.join().unwrap());
        made.flatten().collect()
    });
    let found = after_the_end(home);
    let signed = found.iter().filter(|it| it.event == AuditEvent::Signed);
    let mut noted: Vec<(u32, String)> = signed
        .map(|entry| {
            assert_eq!(entry.user, Some(user_name()));
            assert_eq!(entry.account.as_deref(), Some("test"));
            let (process, destination) = (&entry.process, &entry.destination);
            let destination = destination.as_ref().unwrap();
            assert_eq!(destination.names.len(), 2);
            (process.as_ref().unwrap().pid, destination.host_key.clone())
        })
        .collect();
    made.sort();
    noted.sort();
    assert_eq!(noted.len(), LOGINS);
    assert!(noted == made, "other servers than were logged in to");
    for (number, server) in servers.iter().enumerate() {
        let name = format!("[localhost]:{}", server.port());
        let shown = home
            .opkssh(["log", "--host", &name, "--json"])
            .run()
            .stdout();
        let count = (number..LOGINS).step_by(SERVERS).count();
        assert_eq!(shown.lines().count(), count, "{name}");
    }
}

#[test]
fn rotation_under_load_loses_nothing_and_who_follows_sees_all() {
    const EACH: usize = 6000;
    const CLIENTS: usize = 4;
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    let ours = agents.ours();
    ours.ssh_add(&["key"]);
    let follow = agents.home.opkssh(["log", "--follow", "--json"]).start();
    let request = sign_request(&blob(&agents.home, "key.pub"), b"data");
    thread::scope(|scope| {
        for mut client in (0..CLIENTS).map(|_| ours.raw()) {
            let request = &request;
            scope.spawn(move || {
                for _ in 0..EACH {
                    assert_eq!(client.ask(request)[0], SIGN_RESPONSE);
                }
            });
        }
    });
    let all = EACH * CLIENTS;
    after_the_end(&agents.home);
    let is_signed = |entry: &AuditEntry| entry.event == AuditEvent::Signed;
    assert!(entries(&agents.home).iter().all(is_signed));
    assert_eq!(entries(&agents.home).len(), all);
    let file = audit_file(&agents.home);
    assert!(fs::exists(full_file(&file, 1)).unwrap(), "no rotation");
    let seen = wait_until("the one who follows", || {
        let seen = follow.stdout_so_far();
        (seen.ends_with('\n') && seen.lines().count() >= all).then_some(seen)
    });
    assert_eq!(seen.lines().filter_map(AuditEntry::read).count(), all);
}
