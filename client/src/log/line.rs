//! An entry of the audit log as a line for people.

use std::fmt::Write as _;

use opkssh_protocol::audit::{
    AuditEntry, AuditEvent, AuditHost, KeySource, PersonAnswer, QuestionKind,
};
use opkssh_protocol::printable::printable;

use crate::format::local_time_with_seconds;

/// Returns time, event, account or key, destination, way, process and reason.
pub fn text(entry: &AuditEntry) -> String {
    let event = match entry.event {
        AuditEvent::Signed => "signed",
        AuditEvent::SignatureRefused => "signature refused",
        AuditEvent::ChangeRefused => "change refused",
        AuditEvent::BindRefused => "bind refused",
        AuditEvent::Asked => "asked",
        AuditEvent::Answered => "answered",
        AuditEvent::LoggedIn => "logged in",
        AuditEvent::LoginFailed => "login failed",
        AuditEvent::Renewed => "renewed",
        AuditEvent::RenewalFailed => "renewal failed",
        AuditEvent::LoggedOut => "logged out",
        AuditEvent::Lost => "lost",
        AuditEvent::Omitted => "omitted",
        AuditEvent::Unknown => "unknown event",
    };
    let mut text = format!("{}  {event:<17}", local_time_with_seconds(entry.time));
    if let Some(key) = key(entry) {
        let _ = write!(text, "  {key}");
    }
    if let Some(namespace) = &entry.namespace {
        let _ = write!(text, "  for {namespace}");
    }
    match (&entry.user, &entry.destination) {
        (Some(user), Some(host)) => _ = write!(text, "  {user}@{}", name(host)),
        (None, Some(host)) => _ = write!(text, "  {}", name(host)),
        (Some(user), None) => _ = write!(text, "  {user}@unknown"),
        (None, None) => {}
    }
    let via: Vec<_> = entry.via.iter().map(name).collect();
    match via.is_empty() {
        false => _ = write!(text, "  via {}", via.join(", ")),
        true if entry.forwarded => text += "  forwarded",
        true => {}
    }
    if let Some(process) = &entry.process {
        let program = process.program.as_deref().unwrap_or("process");
        let _ = write!(text, "  by {program} ({})", process.pid);
    }
    let question = entry.question.map(|question| match question {
        QuestionKind::Forwarding => "may it be used through another machine?",
        QuestionKind::LocalUse => "may it be used by a program of this machine?",
        QuestionKind::KeyUse => "may the key be used?",
        QuestionKind::Login => "log in?",
    });
    let answer = entry.answer.map(|answer| match answer {
        PersonAnswer::Yes => "yes",
        PersonAnswer::TenMinutes => "yes, for 10 minutes",
        PersonAnswer::Always => "always through these machines",
        PersonAnswer::No => "no",
        PersonAnswer::NotAsked => "nobody could be asked",
        PersonAnswer::Withdrawn => "withdrawn",
    });
    let lines = entry.lines.map(|lines| match entry.event {
        AuditEvent::Omitted => format!("{lines} more refusals and questions"),
        _ => format!("{lines} entries that could not be written"),
    });
    let said = question.into_iter().chain(answer).chain(lines.as_deref());
    let said = said.collect::<Vec<_>>().join(" ");
    let reason = entry.reason.iter().map(String::as_str);
    let said = [said.as_str()].into_iter().chain(reason);
    let said: Vec<_> = said.filter(|text| !text.is_empty()).collect();
    if !said.is_empty() {
        let _ = write!(text, "  {}", said.join(": "));
    }
    printable(text.trim_end()).to_string()
}

/// Returns the account, or what is known of another key.
fn key(entry: &AuditEntry) -> Option<String> {
    if let Some(name) = entry.account.as_ref().or(entry.provider.as_ref()) {
        return Some(name.clone());
    }
    let comment = entry
        .comment
        .as_deref()
        .filter(|comment| !comment.is_empty());
    let name = comment.or(entry.key.as_deref())?;
    Some(match entry.source {
        Some(KeySource::Upstream) => format!("{name} (upstream)"),
        _ => format!("{name} (ssh-add)"),
    })
}

/// Returns the name of a host, else its key's fingerprint.
fn name(host: &AuditHost) -> String {
    let name = host.names.first().unwrap_or(&host.host_key);
    match host.unproved {
        true => format!("{name} (unproved)"),
        false => name.clone(),
    }
}
