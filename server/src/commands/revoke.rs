//! `opkssh server revoke`: adds an entry to `revoked.yml`, removes it, or lists all. The next
//! `verify` refuses what it names.

mod selected;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::output::{json, no_answer, note, say};
use crate::admin_error::AdminError;
use crate::etc::{self, REVOKED};
use crate::issuer;
use crate::policy::revoked::{Revocation, Revoked};
use crate::rewrite;

/// Refuse a subject, key or certificate from now on
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub struct RevokeArgs {
    /// Directory of revoked.yml and providers
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Subject (`sub`) of a person at the provider --issuer; permanent
    #[arg(long, value_name = "SUB", group = "what", requires = "issuer")]
    #[arg(allow_hyphen_values = true)]
    pub subject: Option<String>,
    /// Provider of the subject, as in the providers file, or a short name such as google
    #[arg(long, value_name = "URL", conflicts_with_all = ["key", "certificate", "list"])]
    pub issuer: Option<String>,
    /// The subject that logged in with this mail address, by the log of verify
    #[arg(long, value_name = "MAIL", group = "what")]
    pub email: Option<String>,
    /// Log of verify, for --email, or - for stdin
    #[arg(long, value_name = "FILE", default_value = etc::LOG)]
    pub log_file: PathBuf,
    /// A login and all its renewals: the key's fingerprint, as in `ssh-keygen -l` and sshd's log,
    /// or a file with its certificate
    #[arg(long, value_name = "SHA256:…|FILE", group = "what")]
    pub key: Option<String>,
    /// One ID token, that of this certificate. Includes renewals that keep it (from providers that
    /// leave the nonce out of refreshed ID tokens), not renewals with another one
    #[arg(long, value_name = "FILE|SHA256:…", group = "what")]
    pub certificate: Option<String>,
    /// Reason, for readers of the file
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["list", "undo"])]
    pub reason: Option<String>,
    /// Take this revocation back
    #[arg(long, conflicts_with = "list")]
    pub undo: bool,
    /// List what is revoked
    #[arg(long, group = "what")]
    pub list: bool,
    /// Print the list as JSON
    #[arg(short, long, requires = "list")]
    pub json: bool,
}

/// Adds the entry unless it exists, removes it, or lists all. Writes the result to `out`.
pub fn revoke_command(args: &RevokeArgs, out: &mut impl Write) -> Result<(), AdminError> {
    let path = REVOKED.path_in(&args.etc);
    if args.list {
        return list(args, &path, out);
    }
    let entry = selected::entry(args)?;
    let (entry, done) = match args.undo {
        true => (undo(&path, &entry, &args.etc)?, "not revoked any more"),
        false => match add(&path, &entry)? {
            true => (entry, "revoked now"),
            false => (entry, "revoked already"),
        },
    };
    let (what, path) = (entry.what(), path.display());
    // the entry is changed even if nobody reads stdout
    let _ = say(out, &format!("{what} is {done} in {path}"));
    Ok(())
}

fn list(args: &RevokeArgs, path: &Path, out: &mut impl Write) -> Result<(), AdminError> {
    let revoked = load(args, path).map_err(|error| no_answer(error, args.json, out))?;
    if args.json {
        return json(out, &revoked.entries());
    }
    if revoked.entries().is_empty() {
        note(&format!("nothing is revoked in {}", path.display()));
    }
    (revoked.entries().iter()).try_for_each(|entry| say(out, &entry.to_string()))
}

fn load(args: &RevokeArgs, path: &Path) -> Result<Revoked, AdminError> {
    if let Err(error) = fs::metadata(&args.etc) {
        let message = format!("cannot read {}: {error}", args.etc.display());
        return Err(AdminError::new(message)
            .with_hint(etc::hint_for_change(path, &error))
            .not_known());
    }
    etc::load_revoked(&args.etc).map_err(|error| AdminError::from(error).not_known())
}

/// Adds the entry. Returns false if it existed.
fn add(path: &Path, entry: &Revocation) -> Result<bool, AdminError> {
    edit(path, |revoked, text| {
        if revoked.entries().iter().any(|known| known.is_same(entry)) {
            return Ok(None);
        }
        let mut text = text.to_vec();
        if text.last().is_some_and(|last| *last != b'\n') {
            text.push(b'\n');
        }
        let line = serde_json::to_string(entry).map_err(AdminError::new)?;
        text.extend(format!("- {line}\n").as_bytes());
        // whatever style the file had, the result must parse, or it would lock out everybody
        parse(path, &text)?;
        Ok(Some(text))
    })
}

/// Removes the entry, which must be a line of its own, and returns it. Without the very same one,
/// the entry counts whose issuer differs in form only, if it is the only one: others may revoke
/// somebody.
fn undo(path: &Path, entry: &Revocation, etc: &Path) -> Result<Revocation, AdminError> {
    let list = || format!("run: sudo opkssh server revoke --list{}", etc::option(etc));
    let is_similar = |known: &Revocation| match (&known.issuer, &entry.issuer) {
        (Some(own), Some(issuer)) => known.subject == entry.subject && issuer::is_same(own, issuer),
        _ => false,
    };
    let mut removed = None;
    edit(path, |revoked, text| {
        let all = revoked.entries();
        let same = all.iter().find(|known| known.is_same(entry));
        let similar: Vec<_> = all.iter().filter(|known| is_similar(known)).collect();
        let meant = match (same, similar.as_slice()) {
            (Some(same), _) => same,
            (None, [one]) => one,
            (None, []) => {
                let (what, path) = (entry.what(), path.display());
                let message = format!("{what} is not revoked in {path}");
                return Err(AdminError::new(message).hinting(list()));
            }
            (None, several) => {
                let several = several.iter().map(|one| one.what());
                let several = several.collect::<Vec<_>>().join("; ");
                let message = format!("several entries may be meant: {several}");
                return Err(AdminError::new(message).hinting(list()));
            }
        };
        let rest = all.iter().filter(|known| !known.is_same(meant));
        let is_kept = |line: &&[u8]| {
            let alone = Revoked::parse(line).unwrap_or_default();
            !matches!(alone.entries(), [one] if one.is_same(meant))
        };
        let kept = text.split_inclusive(|byte| *byte == b'\n').filter(is_kept);
        let kept = kept.collect::<Vec<_>>().concat();
        if !Revoked::parse(&kept).is_ok_and(|kept| kept.entries().iter().eq(rest)) {
            return Err(AdminError::new(format!(
                "cannot remove {} from {}: it is not on a line of its own",
                meant.what(),
                path.display()
            ))
            .hinting(format!("run: sudoedit {}", path.display())));
        }
        removed = Some(meant.clone());
        Ok(Some(kept))
    })?;
    Ok(removed.unwrap_or_else(|| entry.clone()))
}

fn parse(path: &Path, text: &[u8]) -> Result<Revoked, AdminError> {
    Revoked::parse(text).map_err(|error| {
        let path = path.display();
        AdminError::new(format!("cannot change the revocation list {path}: {error}"))
            .hinting(format!("run: sudoedit {path}"))
    })
}

/// Replaces the file by the result of `change`, if there is one, under the directory's lock. Returns
/// true if it was changed.
fn edit(
    path: &Path,
    change: impl FnOnce(&Revoked, &[u8]) -> Result<Option<Vec<u8>>, AdminError>,
) -> Result<bool, AdminError> {
    let failed = || rewrite::failure(path, format!("cannot write {}", path.display()));
    // a symlink stays: its target is replaced
    let real = &match path.is_symlink() {
        true => fs::canonicalize(path).map_err(failed())?,
        false => path.to_owned(),
    };
    let _lock = rewrite::lock(real).map_err(failed())?;
    let before = REVOKED.read_if_there(real).map_err(|error| {
        AdminError::new(format!("cannot read the revocation list: {error}"))
            .with_hint(etc::admin_hint(&error, REVOKED.mode))
    })?;
    let text = before.unwrap_or_default();
    let Some(after) = change(&parse(path, &text)?, &text)? else {
        return Ok(false);
    };
    rewrite::replace(real, &after, rewrite::NewFile::Shared).map_err(failed())?;
    Ok(true)
}

#[cfg(test)]
mod tests;
