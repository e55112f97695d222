//! `opkssh add PRINCIPAL IDENTITY ISSUER`: adds a row to a policy file.
//!
//! Inserts one line and keeps the rest of the file, including comments. Reports what `audit` would
//! say about the row.

use std::io::{self, Write};

use opkssh_protocol::printable::quoted;

use super::audit::{AuditContext, Status, check_row};
use super::output::note;
use crate::admin_error::AdminError;
use crate::auth_id::{self, Edited, RowArgs};
use crate::etc::{self, PROVIDERS};
use crate::issuer;
use crate::log::Log;
use crate::table;

/// Adds the row to the system's file or, if that cannot be read, to the account's own file. Prints
/// the result to stdout.
pub fn add_command(args: &RowArgs) -> Result<(), AdminError> {
    let log = Log::to(io::stderr());
    let added = add(args).map_err(|error| {
        AdminError::new(format!("Failed to add to policy: {error}")).with_hint(error.hint())
    })?;
    let path = added.path.display();
    let (done, answer) = match added.changed {
        true => (
            "was added",
            format!("Successfully added new policy to {path}"),
        ),
        false => (
            "already exists",
            format!("The row is already in {path}, which was not changed"),
        ),
    };
    log.line(&format!(
        "{} with principal {} {done} in the policy file",
        args.identity, args.principal
    ));
    for remark in remarks(args, added.changed) {
        note(&remark);
    }
    // the row is added even if nobody reads stdout
    let _ = writeln!(io::stdout(), "{answer}");
    Ok(())
}

fn add(args: &RowArgs) -> Result<Edited, AdminError> {
    let row = [
        &args.principal,
        &args.identity,
        issuer::expand(&args.issuer),
    ];
    for (column, word) in ["principal", "identity", "issuer"].into_iter().zip(row) {
        table::writable(word).map_err(|reason| unwritable(column, reason))?;
    }
    if !issuer::is_usable(row[2]) {
        return Err(no_issuer(args));
    }
    auth_id::edit(&args.etc, &args.principal, &|before| with_row(before, row))
}

/// Returns the error of an issuer that no providers file can have.
fn no_issuer(args: &RowArgs) -> AdminError {
    let words = |issuer: &str| {
        let words = table::arguments([&args.principal, &args.identity, issuer]);
        format!("sudo opkssh add{} {words}", etc::option(&args.etc))
    };
    let known = known_issuers(args).unwrap_or_default();
    let hint = match issuer::suggestion(&args.issuer, &known) {
        Some(meant) => format!("did you mean {meant}? run: {}", words(&meant)),
        None => format!("write the issuer's URL: {}", words("https://ISSUER")),
    };
    AdminError::new(format!(
        "{} is neither an https URL nor a short name ({}), so the row could never match",
        quoted(&args.issuer),
        issuer::short_names()
    ))
    .hinting(hint)
}

/// Returns the issuers in the providers file; `None` if that cannot be read.
fn known_issuers(args: &RowArgs) -> Option<Vec<String>> {
    let known = etc::load_providers(&PROVIDERS.path_in(&args.etc)).ok()?;
    Some(known.issuers().map(str::to_owned).collect())
}

/// Returns why the row does not allow anybody, or not only those who are meant. For a row that was
/// added, also how to take it back.
fn remarks(args: &RowArgs, added: bool) -> Vec<String> {
    let path = PROVIDERS.path_in(&args.etc);
    // who may not read the providers cannot be told about the issuer
    let issuers = known_issuers(args);
    let config = etc::load_config(&args.etc, None).unwrap_or_default();
    let against = AuditContext {
        issuers: issuers.as_deref(),
        providers_path: &path.display().to_string(),
        deny: &config.deny,
        owner: None,
    };
    let issuer = issuer::expand(&args.issuer);
    let (status, reason, hint) = check_row([&args.principal, &args.identity, issuer], &against);
    if status == Status::Success {
        return Vec::new();
    }
    let words = table::arguments([&args.principal, &args.identity, &args.issuer]);
    let mut remarks = vec![format!("warning: {reason}")];
    remarks.extend(hint.map(|hint| format!("hint: {hint}")));
    if added {
        let option = etc::option(&args.etc);
        remarks.push(format!(
            "hint: to take the row back, run: sudo opkssh remove{option} {words}"
        ));
    }
    remarks
}

/// Returns the file with the row added, or `None` if it exists. The new row follows the last one
/// for the same identity and issuer, otherwise it comes last.
fn with_row(before: &[u8], row: [&str; 3]) -> Result<Option<Vec<u8>>, AdminError> {
    let line = table::write_row(row).map_err(|reason| unwritable("row", reason))?;
    let rows = table::read(before).rows;
    if rows.iter().any(|known| known.words == row) {
        return Ok(None);
    }
    let behind = rows.iter().rev().find(|known| known.words[1..] == row[1..]);
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let (head, tail) = lines.split_at(behind.map_or(lines.len(), |known| known.line));
    let mut after = head.concat();
    if after.last().is_some_and(|last| *last != b'\n') {
        after.push(b'\n');
    }
    after.extend_from_slice(line.as_bytes());
    after.extend(tail.concat());
    Ok(Some(after))
}

fn unwritable(column: &str, reason: &str) -> AdminError {
    AdminError::new(format!(
        "cannot write this {column} to a policy file: {reason}"
    ))
}

#[cfg(test)]
mod tests;
