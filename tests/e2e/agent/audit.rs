//! The audit log: what each event leaves there, and that the disk holds nothing up.

mod disk;
mod forwarded;
mod logins;
mod many;
mod signatures;

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use opkssh_protocol::audit::{AuditEntry, AuditEvent, MAX_FULL, full_file};
use opkssh_protocol::inspect::fingerprint;
use opkssh_test_support::{Home, Sshd, wait_until};

/// The file of the audit log.
pub fn audit_file(home: &Home) -> PathBuf {
    home.dir().join(".local/state/opkssh/audit.jsonl")
}

/// What is in the audit log now.
pub fn entries(home: &Home) -> Vec<AuditEntry> {
    let file = audit_file(home);
    let files = (1..=MAX_FULL).rev().map(|n| full_file(&file, n));
    let texts = files
        .chain([file.clone()])
        .filter_map(|file| fs::read_to_string(file).ok());
    let text: String = texts.collect();
    let entry = |line: &str| AuditEntry::read(line).unwrap_or_else(|| panic!("in {text}: {line}"));
    text.lines().map(entry).collect()
}

/// Waits until this has happened so often; gives the entries.
pub fn wait_for(home: &Home, event: AuditEvent, count: usize) -> Vec<AuditEntry> {
    let of = || entries(home).into_iter().filter(|it| it.event == event);
    let found = wait_until("the audit log", || {
        let found: Vec<_> = of().collect();
        (found.len() >= count).then_some(found)
    });
    assert_eq!(found.len(), count, "{found:?}");
    found
}

/// Ends the agent, with which nothing is left unwritten; gives what is in the audit log.
pub fn after_the_end(home: &Home) -> Vec<AuditEntry> {
    home.opkssh(["agent", "stop", "--force"]).run().stdout();
    entries(home)
}

pub fn events(entries: &[AuditEntry]) -> Vec<AuditEvent> {
    entries.iter().map(|entry| entry.event).collect()
}

/// The fingerprint of a server's host key.
pub fn host_key(sshd: &Sshd) -> String {
    let base64 = sshd.host_key().split(' ').nth(1).unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(base64);
    fingerprint(&decoded.unwrap())
}
