//! `opkssh log`: shows the audit log. Reads the files itself, so the agent need not run.

mod files;
mod line;
mod matching;

use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use opkssh_protocol::audit::AuditEntry;
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable_json;
use opkssh_protocol::time::UnixTime;

use crate::error::ClientError;
use files::AuditFiles;
use matching::is_of_host;

/// How often `--follow` looks for new lines.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Default, clap::Args)]
pub struct LogArgs {
    /// Show what concerns this account only, by its alias
    #[arg(long, value_name = "ALIAS", value_parser = NonEmptyStringValueParser::new())]
    pub account: Option<String>,
    /// Show logins to or through this host only: name, pattern or SHA256:… of its key
    #[arg(long, value_name = "HOST", value_parser = NonEmptyStringValueParser::new())]
    pub host: Option<String>,
    /// Show what happened since then: 2h, 3d, 2026-12-31 or "2026-12-31 12:00"
    #[arg(long, value_name = "WHEN", value_parser = matching::since)]
    pub since: Option<UnixTime>,
    /// Print a JSON object per line, as in the file
    #[arg(long)]
    pub json: bool,
    /// Go on with new entries until interrupted
    #[arg(short, long)]
    pub follow: bool,
}

/// Shows the entries of the audit log that the arguments select, the oldest first.
pub fn log(
    args: &LogArgs,
    places: &Places,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ClientError> {
    let file = places.audit_file();
    let file =
        file.ok_or_else(|| ClientError::without_hint("a separate agent has no audit log"))?;
    let mut files = AuditFiles::new(file.clone());
    let (mut shown, mut unreadable) = (0, 0);
    loop {
        let mut written = Ok(());
        let read = files.read(&mut |line| {
            let Some(entry) = AuditEntry::read(line) else {
                unreadable += 1;
                return Ok(());
            };
            if !args.selects(&entry) {
                return Ok(());
            }
            shown += 1;
            written = match args.json {
                true => writeln!(out, "{}", printable_json(line)),
                false => writeln!(out, "{}", line::text(&entry)),
            };
            match &written {
                Ok(()) => Ok(()),
                Err(error) => Err(error.kind().into()),
            }
        });
        match written.and_then(|()| out.flush()) {
            Ok(()) => {}
            // A closed pipe (`head`) is not an error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(ClientError::io("cannot write the entries")(error)),
        }
        read.map_err(|error| unreadable_file(&file, error))?;
        if !args.follow {
            break;
        }
        thread::sleep(LOOK_AGAIN);
    }
    if shown == 0 {
        let _ = writeln!(err, "No entries in {}", file.display());
    }
    if unreadable > 0 {
        let _ = writeln!(err, "Left out: {unreadable} lines that are no entries");
    }
    Ok(())
}

fn unreadable_file(file: &Path, error: io::Error) -> ClientError {
    let hint = format!("see whose it is: ls -l {}*", file.display());
    ClientError::unreachable(format!("cannot read the audit log: {error}"), hint)
}

impl LogArgs {
    fn selects(&self, entry: &AuditEntry) -> bool {
        let is_account =
            |account: &String| [&entry.account, &entry.provider].contains(&&Some(account.clone()));
        self.since.is_none_or(|since| entry.time >= since)
            && self.account.as_ref().is_none_or(is_account)
            && self.host.as_ref().is_none_or(|host| {
                let mut hosts = entry.destination.iter().chain(&entry.via);
                hosts.any(|it| is_of_host(it, host))
            })
    }
}

#[cfg(test)]
mod tests;
