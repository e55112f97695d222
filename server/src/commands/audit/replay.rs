//! `opkssh audit --replay LOG`: whose verdict in the log would be another one by the present files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::SystemTime;

use opkssh_protocol::json::Object;
use opkssh_protocol::printable::quoted;
use opkssh_protocol::time::UnixTime;
use serde::Serialize;

use super::AuditArgs;
use super::report::count;
use crate::admin_error::AdminError;
use crate::commands::output::{json, no_answer, say};
use crate::commands::verify::AdminFiles;
use crate::decision::record::{self, Record};
use crate::etc;
use crate::home;
use crate::log::Log;
use crate::policy::{Applicant, Policy, Recorded, RowFile};

/// Reasons that other files could have changed, about a verified token. Others are about the
/// certificate, the provider or the time. An unknown issuer is one of these: nobody has verified
/// what the log says of such a token.
const POLICY_REASONS: [&str; 3] = ["no policy to allow ", "denied ", "revoked: "];

/// The answer in JSON.
#[derive(Default, Serialize)]
struct Replay {
    changes: Vec<Change>,
    /// Logins that would have the same verdict.
    unchanged: usize,
    /// Logins that something decides which the log does not have.
    not_known: Vec<Change>,
    /// Lines whose token was not verified, or had expired.
    not_replayed: usize,
}

#[derive(Serialize)]
struct Change {
    account: String,
    issuer: String,
    subject: String,
    email: Option<String>,
    was_allowed: bool,
    /// Rule or reason in the log.
    was: String,
    /// Null if it is not known.
    is_allowed: Option<bool>,
    /// Rule or reason by the present files, or what decides.
    now: String,
}

/// Decides again, for each person and account, the last login in the log. Fails if a verdict would
/// change.
pub(super) fn replay(args: &AuditArgs, log: &Path, out: &mut impl Write) -> Result<(), AdminError> {
    let replay = replayed(args, log).map_err(|error| no_answer(error, args.json, out))?;
    match args.json {
        true => json(out, &replay)?,
        false => write_text(&replay, out)?,
    }
    match replay.changes.len() {
        0 => Ok(()),
        changes => Err(AdminError::new(format!(
            "{} would change",
            count(changes, "verdict")
        ))),
    }
}

fn replayed(args: &AuditArgs, log: &Path) -> Result<Replay, AdminError> {
    let records = record::read(log).map_err(|error| {
        let hint = match etc::is_for_root(&error) {
            true => etc::as_root(),
            false => "name verify's log, or - for stdin".to_owned(),
        };
        AdminError::new(format!("cannot read the log {}: {error}", log.display()))
            .hinting(hint)
            .not_known()
    })?;
    let is_log = !records.is_empty() || fs::metadata(log).is_ok_and(|found| found.len() == 0);
    if !is_log {
        let message = format!("{} has no line that verify wrote", log.display());
        return Err(AdminError::new(message)
            .hinting("name verify's log, or - for stdin")
            .not_known());
    }
    let files = AdminFiles::load(&args.dirs.etc, None, None, &Log::to(io::stderr()));
    let files = files.map_err(|error| error.admin_error(&args.dirs.etc).not_known())?;
    let mut last = BTreeMap::new();
    let mut replay = Replay::default();
    for record in records {
        let key = ["account", "issuer", "subject", "email"].map(|name| record.value(name).cloned());
        if key[..3].iter().all(Option::is_some) && (record.is_allowed || is_by_policy(&record)) {
            last.insert(key, record);
        } else {
            replay.not_replayed += 1;
        }
    }
    for record in last.values() {
        let change = decide_again(record, &files, !args.skip_user_policy);
        match change.is_allowed {
            None => replay.not_known.push(change),
            Some(is_allowed) if is_allowed == change.was_allowed => replay.unchanged += 1,
            Some(_) => replay.changes.push(change),
        }
    }
    Ok(replay)
}

fn is_by_policy(record: &Record) -> bool {
    let reason = record.value("reason").map_or("", |reason| &reason.text);
    POLICY_REASONS.iter().any(|known| reason.starts_with(known))
}

fn decide_again(record: &Record, files: &AdminFiles, has_homes: bool) -> Change {
    let value = |name| record.value(name);
    let text = |name| value(name).map_or_else(String::new, |value| value.text.clone());
    let names = ["account", "issuer", "subject", "email"];
    let is_cut = names
        .iter()
        .any(|name| value(name).is_some_and(|value| value.is_cut));
    let now = match is_cut {
        true => Recorded::Unknown("the log has only a part of it".to_owned()),
        false => by_files(record, files, has_homes),
    };
    let (is_allowed, now) = match now {
        Recorded::Allowed(place) => (Some(true), place),
        Recorded::Denied(reason) => (Some(false), reason),
        Recorded::NothingAllows => (Some(false), "no rule or row allows it".to_owned()),
        Recorded::Unknown(place) => (None, place),
    };
    Change {
        account: text("account"),
        issuer: text("issuer"),
        subject: text("subject"),
        email: value("email").map(|email| email.text.clone()),
        was_allowed: record.is_allowed,
        was: text(if record.is_allowed { "rule" } else { "reason" }),
        is_allowed,
        now,
    }
}

fn by_files(record: &Record, files: &AdminFiles, has_homes: bool) -> Recorded {
    let text = |name| record.value(name).map_or("", |value| value.text.as_str());
    let claims = [("iss", "issuer"), ("sub", "subject"), ("email", "email")];
    let recorded = claims
        .into_iter()
        .filter(|(_, name)| record.value(name).is_some());
    let claims: Object = recorded
        .map(|(claim, name)| (claim.to_owned(), text(name).into()))
        .collect();
    let now = UnixTime::from(SystemTime::now());
    let who = Applicant {
        key: text("key"),
        ..Applicant::recorded(text("account"), text("issuer"), &claims, now)
    };
    if let Err(refusal) = files.providers.for_issuer(who.issuer) {
        return Recorded::Denied(refusal.to_string());
    }
    let decided = files.policy.recorded(&who, &files.config.deny);
    if decided != Recorded::NothingAllows {
        return decided;
    }
    let mut own = Policy::default();
    if has_homes {
        match home::read_for(who.principal) {
            Ok(home) => {
                let path = home.path.display().to_string();
                own.add(RowFile::parse(&path, None, &home.bytes));
            }
            Err(error) if error.is_absent => {}
            Err(error) => return Recorded::Unknown(error.to_string()),
        }
    }
    match own.recorded(&who, &files.config.deny) {
        Recorded::NothingAllows if files.plugins.are_configured() => {
            Recorded::Unknown("policy plugins".to_owned())
        }
        decided => decided,
    }
}

fn write_text(replay: &Replay, out: &mut impl Write) -> Result<(), AdminError> {
    let who = |change: &Change| {
        let name = quoted(change.email.as_ref().unwrap_or(&change.subject)).to_string();
        let (subject, issuer) = (quoted(&change.subject), &change.issuer);
        format!("{name} (sub={subject}, iss={issuer}) as {}", change.account)
    };
    for change in &replay.changes {
        let (was, now) = match change.was_allowed {
            true => ("let in by", "would be refused"),
            false => ("refused", "would be let in by"),
        };
        let who = who(change);
        say(
            out,
            &format!("{who}: was {was}: {}; {now}: {}", change.was, change.now),
        )?;
    }
    for change in &replay.not_known {
        let who = who(change);
        let now = &change.now;
        say(
            out,
            &format!("{who}: not known, because the log does not say what decides: {now}"),
        )?;
    }
    let (changes, not_known) = (replay.changes.len(), replay.not_known.len());
    let unchanged = replay.unchanged;
    let summary = format!("{changes} would change, {unchanged} would not, {not_known} not known");
    say(out, &summary)?;
    match replay.not_replayed {
        0 => Ok(()),
        lines => say(
            out,
            &format!(
                "{} not replayed: no token that was verified and still valid",
                count(lines, "line")
            ),
        ),
    }
}
