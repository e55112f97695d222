//! `opkssh server uninstall`: undoes `server install`. sshd comes first, and the rest is removed
//! whatever sshd's configuration is like.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::etc::{
    self, ACCOUNT, CACHE_SERVICE, CACHE_TIMER, DROP_IN, KEY_CACHE, LOGROTATE, SUDOERS,
};
use crate::install::{self, InstallError, Sshd, remove_ours, written_by_us};
use crate::key_source;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct UninstallArgs {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Leave the running sshd as it is, until it is reloaded by hand
    #[arg(long)]
    pub no_sshd_reload: bool,
}

/// Removes what `server install` wrote and an admin would not want to keep. Doing it twice changes
/// nothing, but reloads sshd again: the first time may have failed to.
pub fn server_uninstall(args: &UninstallArgs, out: &mut impl Write) -> Result<(), InstallError> {
    install::must_be_root()?;
    let mut say = |line: &str| {
        let _ = writeln!(out, "{line}");
    };
    remove_ours(&DROP_IN.path(), args.dry_run, &mut say)?;
    if !args.dry_run && written_by_us(&CACHE_TIMER.path()) {
        install::stop_timer(&mut say);
    }
    for entry in [&CACHE_TIMER, &CACHE_SERVICE, &SUDOERS, &LOGROTATE] {
        remove_ours(&entry.path(), args.dry_run, &mut say)?;
    }
    remove_directory(&KEY_CACHE.path(), args.dry_run, &mut say)?;
    // of the time before install; in a directory that is open to all, only verify's own counts
    if let Some(own) = key_source::own_of_account() {
        remove_directory(&own, args.dry_run, &mut say)?;
    }
    say(&format!(
        "These stay: {etc}, {log}, the account {ACCOUNT}. To remove them, too: rm -r {etc} {log}; \
         userdel {ACCOUNT}",
        etc = etc::DIRECTORY,
        log = etc::LOG
    ));
    if args.dry_run || args.no_sshd_reload {
        return Ok(());
    }
    if let Ok(sshd) = Sshd::find() {
        sshd.check().map_err(InstallError::NotReloaded)?;
        install::reload_sshd(&mut say);
    }
    Ok(())
}

fn remove_directory(
    path: &Path,
    rehearsal: bool,
    say: &mut dyn FnMut(&str),
) -> Result<(), InstallError> {
    let shown = path.display();
    if !path.is_dir() {
        return Ok(());
    }
    if rehearsal {
        say(&format!("Would remove {shown}."));
        return Ok(());
    }
    fs::remove_dir_all(path).map_err(|error| InstallError::Io {
        path: path.to_owned(),
        error,
    })?;
    say(&format!("Removed {shown}."));
    Ok(())
}
