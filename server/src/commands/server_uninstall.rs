//! `opkssh server uninstall`: undoes `server install`. sshd's drop-in comes first; the rest is
//! removed even if sshd's configuration has errors.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::account;
use crate::admin_error::AdminError;
use crate::etc::{
    self, ACCOUNT, CACHE_SERVICE, CACHE_TIMER, DROP_IN, KEY_CACHE, LOGROTATE, SUDOERS,
};
use crate::install::{self, Sshd, remove_ours, written_by_us};
use crate::key_source;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct UninstallArgs {
    /// Print what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Uninstall even if keys of the fallback command stop working
    #[arg(long)]
    pub drop_fallback: bool,
    /// Do not reload the running sshd
    #[arg(long)]
    pub no_sshd_reload: bool,
}

/// Removes the files of `server install` except the admin's own. A second run changes nothing, but
/// reloads sshd again in case the first reload failed.
pub fn server_uninstall(args: &UninstallArgs, out: &mut impl Write) -> Result<(), AdminError> {
    if !args.dry_run && !rustix::process::geteuid().is_root() {
        return Err(install::not_root("uninstall"));
    }
    let mut say = |line: &str| {
        let _ = writeln!(out, "{line}");
    };
    let mut hidden = Vec::new();
    let mut remove = |path: &Path, say: &mut dyn FnMut(&str)| {
        let opened = fs::File::open(path);
        if args.dry_run && opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            hidden.push(path.display().to_string());
            return Ok(false);
        }
        remove_ours(path, args.dry_run, say).map_err(AdminError::at(path))
    };
    if !args.drop_fallback && written_by_us(&DROP_IN.path()) {
        check_no_fallback()?;
    }
    let mut is_installed = remove(&DROP_IN.path(), &mut say)?;
    if !args.dry_run && written_by_us(&CACHE_TIMER.path()) {
        install::stop_timer(&mut say);
    }
    for entry in [&CACHE_TIMER, &CACHE_SERVICE, &SUDOERS, &LOGROTATE] {
        is_installed |= remove(&entry.path(), &mut say)?;
    }
    is_installed |= remove_directory(&KEY_CACHE.path(), args.dry_run, &mut say)?;
    // verify's own cache from before the installation; its directory is writable by all, so check
    // the owner
    if let Some(own) = key_source::own_of_account() {
        is_installed |= remove_directory(&own, args.dry_run, &mut say)?;
    }
    install::say_hidden(&hidden, &mut say);
    if !is_installed {
        say("Nothing is installed.");
    }
    let stays = [etc::DIRECTORY, etc::LOG].map(Path::new);
    if is_installed || stays.iter().any(|path| path.exists()) || account::find(ACCOUNT).is_ok() {
        say(&format!(
            "These stay: {etc}, {log}, the account {ACCOUNT}. To remove them, too: rm -r {etc} {log}; \
         userdel {ACCOUNT}",
            etc = etc::DIRECTORY,
            log = etc::LOG
        ));
    }
    if args.dry_run || args.no_sshd_reload {
        return Ok(());
    }
    if let Ok(sshd) = Sshd::find() {
        sshd.check().map_err(|error| {
            AdminError::new(format!(
                "everything else is removed, but the running sshd still runs opkssh: {error}"
            ))
            .hinting(
                "fix its configuration (see: sudo sshd -t), and run: sudo opkssh server uninstall",
            )
        })?;
        install::reload_sshd(false, &mut say);
    }
    Ok(())
}

/// Fails if `server.yml` has a fallback. Unreadable settings disable the fallback anyway.
fn check_no_fallback() -> Result<(), AdminError> {
    let settings = etc::load_settings(Path::new(etc::DIRECTORY)).unwrap_or_default();
    let Some(fallback) = settings.fallback else {
        return Ok(());
    };
    Err(AdminError::new(format!(
        "keys of the fallback {} work by opkssh only, and would stop working",
        fallback.program.display()
    ))
    .hinting(
        "put the command of server.yml into sshd's configuration again (AuthorizedKeysCommand and \
         AuthorizedKeysCommandUser), and run: sudo opkssh server uninstall --drop-fallback",
    ))
}

/// Returns true if the directory was or would be removed.
fn remove_directory(
    path: &Path,
    rehearsal: bool,
    say: &mut dyn FnMut(&str),
) -> Result<bool, AdminError> {
    let shown = path.display();
    if !path.is_dir() {
        return Ok(false);
    }
    if rehearsal {
        say(&format!("Would remove {shown}."));
        return Ok(true);
    }
    fs::remove_dir_all(path).map_err(AdminError::at(path))?;
    say(&format!("Removed {shown}."));
    Ok(true)
}
