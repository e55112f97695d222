//! `opkssh remove PRINCIPAL IDENTITY ISSUER`: removes a row from a policy file, and keeps the rest.

use std::collections::BTreeSet;
use std::io::Write;

use super::output::say;
use crate::admin_error::AdminError;
use crate::auth_id::{self, RowArgs};
use crate::etc;
use crate::issuer;
use crate::table;

/// Removes the row from the file that `add` adds it to. Fails if there is none.
pub fn remove_command(args: &RowArgs, out: &mut impl Write) -> Result<(), AdminError> {
    // a row may have the short name, which `add` of other programs does not expand
    let rows = [args.issuer.as_str(), issuer::expand(&args.issuer)]
        .map(|issuer| [args.principal.as_str(), &args.identity, issuer]);
    let removed = auth_id::edit(&args.etc, &args.principal, &|before| {
        Ok(without_rows(before, &rows))
    })?;
    let (row, path) = (rows[1].map(table::quote).join(" "), removed.path.display());
    if !removed.changed {
        let (etc, who) = (etc::option(&args.etc), table::quote(&args.principal));
        return Err(AdminError::new(format!("no such row in {path}: {row}"))
            .hinting(format!("run: sudo opkssh list{etc} --who {who}")));
    }
    say(out, &format!("removed from {path}: {row}"))
}

/// Returns the file without these rows, or `None` if it has none of them.
fn without_rows(before: &[u8], rows: &[[&str; 3]]) -> Option<Vec<u8>> {
    let table = table::read(before);
    let meant = table.rows.iter().filter(|row| {
        let words = row.words.each_ref().map(AsRef::as_ref);
        rows.contains(&words)
    });
    let lines: BTreeSet<usize> = meant.map(|row| row.line).collect();
    let all = before.split_inclusive(|byte| *byte == b'\n').zip(1..);
    let kept = all.filter(|(_, line)| !lines.contains(line));
    (!lines.is_empty()).then(|| kept.flat_map(|(text, _)| text.to_vec()).collect())
}

#[cfg(test)]
mod tests;
