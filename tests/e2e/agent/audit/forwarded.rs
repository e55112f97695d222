//! What comes through other machines.

use std::path::Path;

use opkssh_protocol::audit::{AuditEvent, PersonAnswer, QuestionKind};
use opkssh_test_support::{left_out, user_name};

use super::{entries, events, host_key, wait_for};
use crate::agent::forwarding::confirmed::askpass;
use crate::agent::forwarding::{Hops, Hosts, PARTS};
use crate::agent::servers::STAY;
use crate::agent::sockets::raw::{
    FAILURE, REQUEST_IDENTITIES, Raw, first_identity, forged_bind, sign_request, string,
};
use crate::setup::agent_socket;

#[test]
fn a_second_hop_is_noted_with_the_way_to_it_and_the_question() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, ()) = Hops::prepared("", |home| askpass(home, "exit 0"));
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
    let home = &hops.setup.home;
    let signed = wait_for(home, AuditEvent::Signed, 2);
    let (asked, answered) = (
        wait_for(home, AuditEvent::Asked, 1),
        wait_for(home, AuditEvent::Answered, 1),
    );
    assert_eq!(answered[0].answer, Some(PersonAnswer::TenMinutes));
    let first = signed[0].destination.as_ref().unwrap();
    assert_eq!(first.host_key, host_key(&hops.a.sshd));
    assert!(!signed[0].forwarded && signed[0].via.is_empty());
    for entry in [&signed[1], &asked[0], &answered[0]] {
        let destination = entry.destination.as_ref().unwrap();
        assert_eq!(destination.host_key, host_key(&hops.b.sshd));
        let name = format!("[localhost]:{}", hops.b.sshd.port());
        assert!(destination.names.contains(&name), "{entry:?}");
        assert_eq!(entry.via.len(), 1);
        assert_eq!(entry.via[0], *first);
        assert!(entry.forwarded);
        assert_eq!(entry.user, Some(user_name()));
        // the ssh here that passes it on
        let process = entry.process.as_ref().unwrap();
        assert_eq!(process.program.as_deref(), Some("ssh"));
    }
    for entry in [&asked[0], &answered[0]] {
        assert_eq!(entry.question, Some(QuestionKind::Forwarding));
    }
}

#[test]
fn a_no_is_noted_and_so_is_what_it_refuses() {
    if left_out(&PARTS) {
        return;
    }
    let (hops, ()) = Hops::prepared("", |home| askpass(home, "exit 1"));
    assert_eq!(hops.two_hops().run().code(), Some(255));
    let home = &hops.setup.home;
    let refused = wait_for(home, AuditEvent::SignatureRefused, 1);
    assert_eq!(refused[0].reason.as_deref(), Some("the answer was no"));
    assert_eq!(refused[0].account.as_deref(), Some("test"));
    let destination = refused[0].destination.as_ref().unwrap();
    assert_eq!(destination.host_key, host_key(&hops.b.sshd));
    let answered = wait_for(home, AuditEvent::Answered, 1);
    assert_eq!(answered[0].answer, Some(PersonAnswer::No));
}

#[test]
fn what_a_forwarded_socket_is_refused_is_noted() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    let ours = agent_socket(&hops.setup.home);
    let listed = Raw::connect(&ours).ask(&[REQUEST_IDENTITIES]);
    let certificate = first_identity(&listed).unwrap();
    let mut session = hops
        .on_a(&format!("echo socket=$SSH_AUTH_SOCK; {STAY}"))
        .start();
    session.wait_for("\n");
    let socket = session.stdout_so_far();
    let socket = socket.trim().trim_start_matches("socket=");
    let before = wait_for(&hops.setup.home, AuditEvent::Signed, 1).len() + 2;
    let mut forwarded = Raw::connect(Path::new(socket));
    for request in [
        sign_request(&certificate, b"SSHSIG\0\0\0\x04file"),
        vec![19],
        [&[22][..], &string(b"password")].concat(),
    ] {
        assert_eq!(forwarded.ask(&request), [FAILURE]);
    }
    assert_ne!(forwarded.ask(&forged_bind()), [6]);
    wait_for(&hops.setup.home, AuditEvent::BindRefused, 1);
    let found = &entries(&hops.setup.home)[before..];
    assert_eq!(
        events(found),
        [
            AuditEvent::SignatureRefused,
            AuditEvent::ChangeRefused,
            AuditEvent::ChangeRefused,
            AuditEvent::BindRefused
        ]
    );
    for (entry, reason) in found.iter().zip([
        "forwarded agent that does not say for which server",
        "may not add or remove keys",
        "may not lock or unlock",
        "malformed",
    ]) {
        let why = entry.reason.as_deref().unwrap_or_default();
        assert!(why.contains(reason), "{entry:?}");
        assert!(entry.forwarded && entry.destination.is_none());
        let via: Vec<_> = entry.via.iter().map(|via| via.host_key.clone()).collect();
        assert_eq!(via, [host_key(&hops.a.sshd)]);
    }
    assert_eq!(found[0].namespace.as_deref(), Some("file"));
}
