//! `opkssh add PRINCIPAL IDENTITY ISSUER`: adds a row to a policy file.
//!
//! Inserts one line and keeps the rest of the file, including comments. Reports what `audit` would
//! say about the row.

use std::io::{self, Write};

use super::audit::{AuditContext, Status, check_row};
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
    let added = add(args).inspect_err(|error| {
        log.line(&format!("Failed to add to policy: {error}"));
    })?;
    let done = match added.changed {
        false => "already exists",
        true => "was added",
    };
    log.line(&format!(
        "{} with principal {} {done} in the policy file",
        args.identity, args.principal
    ));
    for remark in remarks(args) {
        log.line(&remark);
    }
    let path = added.path.display();
    // the row is added even if nobody reads stdout
    let _ = writeln!(io::stdout(), "Successfully added new policy to {path}");
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
    auth_id::edit(&args.etc, &args.principal, &|before| with_row(before, row))
}

/// Returns why the row does not allow anybody, or not only those who are meant, and how to take it
/// back.
fn remarks(args: &RowArgs) -> Vec<String> {
    let path = PROVIDERS.path_in(&args.etc);
    // who may not read the providers cannot be told about the issuer
    let providers = etc::load_providers(&path).ok();
    let issuers = providers.map(|known| known.issuers().map(str::to_owned).collect::<Vec<_>>());
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
    let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
    vec![
        format!("warning: {reason}{hint}"),
        format!(
            "To take the row back, run: sudo opkssh remove{} {}",
            etc::option(&args.etc),
            words
        ),
    ]
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
