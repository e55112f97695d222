//! `opkssh server install`: account, files, cache, timer and sshd's drop-in.
//!
//! Each step only refers to things that exist already: sshd comes last.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::admin_error::AdminError;
use crate::arguments::Argument;
use crate::etc::{
    self, ACCOUNT, CACHE_SERVICE, CACHE_TIMER, DROP_IN, FileEntry, KEY_CACHE, LOGROTATE, SETTINGS,
    SUDOERS,
};
use crate::install::{
    self, Identity, InstallItem, Kind, MARK, Sshd, SshdState, check_sshd_account, refused_before,
    tokens, written_by_us,
};
use crate::settings::Settings;

const SERVICE_TEXT: &str = include_str!("../../../contrib/systemd/system/opkssh-cache.service");
const TIMER_TEXT: &str = include_str!("../../../contrib/systemd/system/opkssh-cache.timer");
const LOGROTATE_TEXT: &str = include_str!("../../../contrib/logrotate/opkssh");
/// Service that the timer in `contrib` starts.
const PACKAGED: &str = "/usr/local/bin/opkssh";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct InstallArgs {
    /// Print what would be done, and change nothing; without root, as far as can be seen
    #[arg(long)]
    pub dry_run: bool,
    /// With --dry-run: also print the contents of the files
    #[arg(short, long, requires = "dry_run")]
    pub verbose: bool,
    /// Ignore users' ~/.opk/auth_id files (no sudoers row)
    #[arg(long)]
    pub no_home_policy: bool,
    /// Do not reload the running sshd
    #[arg(long)]
    pub no_sshd_reload: bool,
}

/// Creates what is missing. A second run changes nothing. sshd will run `program`.
pub fn server_install(
    args: &InstallArgs,
    program: &Path,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root && !args.dry_run {
        return Err(install::not_root("install"));
    }
    let mut say = |line: &str| {
        let _ = writeln!(out, "{line}");
    };
    check_program_path(program)?;
    // a dry run shows the rest all the same
    let runnable = match install::check_program_owner(program) {
        Err(error) if !args.dry_run => return Err(error),
        runnable => runnable,
    };
    let sshd = Sshd::find()?;
    let mut hidden = Vec::new();
    let state = match is_root {
        true => check_sshd(&sshd)?,
        false => {
            hidden.push("sshd's configuration".to_owned());
            SshdState::None
        }
    };
    // if verify cannot use a file, it refuses everybody
    let settings = match etc::load_settings(Path::new(etc::DIRECTORY)) {
        Err(error) if error.file_error().is_some_and(etc::needs_root) && args.dry_run => {
            hidden.push(SETTINGS.path().display().to_string());
            Settings::default()
        }
        settings => settings?,
    };
    if let Some(fallback) = &settings.fallback {
        fallback
            .check_owner_and_mode()
            .map_err(install::bad_fallback)?;
    }
    let arguments = known_arguments(&sshd, settings.arguments, &mut say);
    let account = install::ensure_account(ACCOUNT, args.dry_run, &mut say)?;
    // None only in a dry run: the account does not exist yet
    let account = account.unwrap_or(Identity { uid: 0, gid: 0 });
    for item in items(account, program, args.no_home_policy) {
        match !is_root && item.is_hidden() {
            true => hidden.push(item.path.display().to_string()),
            false => drop(ensure(&item, args, &mut say)?),
        }
    }
    install::grant_access(args.dry_run, &mut say)?;
    if !args.dry_run {
        install::check_as_account(program)?;
    }
    install::start_timer(args.dry_run, &mut say);
    let changed = match state {
        SshdState::Opkssh { command, .. } if !written_by_us(&DROP_IN.path()) => {
            say(&format!("sshd runs it already: {command}"));
            if !tokens::passes(&command, &arguments) {
                let wanted = tokens::authorized_keys_command(program, &arguments);
                say(&format!(
                    "warning: it does not pass the arguments that /etc/opk/server.yml declares, \
                     as this would: AuthorizedKeysCommand {wanted}"
                ));
            }
            false
        }
        _ => configure_sshd(program, &arguments, &sshd, args, &mut say)?,
    };
    if is_root {
        for refusal in install::refusals(&sshd.settings(None).map_err(refused_before)?) {
            say(&format!("warning: {refusal}. Change it in sshd_config."));
        }
    }
    if changed && !args.no_sshd_reload {
        install::reload_sshd(args.dry_run, &mut say);
    }
    install::say_hidden(&hidden, &mut say);
    if !args.dry_run {
        say(
            "Now say whom you trust in /etc/opk/providers, and let people in: opkssh add ACCOUNT \
             IDENTITY ISSUER",
        );
    }
    runnable
}

/// Creates the item, or in a dry run says so. Returns true if something changed or would change.
fn ensure(
    item: &InstallItem,
    args: &InstallArgs,
    say: &mut dyn FnMut(&str),
) -> Result<bool, AdminError> {
    let changed = item.ensure(args.dry_run, say)?;
    if changed && args.verbose {
        for line in item.text().lines() {
            say(&format!("    {line}"));
        }
    }
    Ok(changed)
}

/// Returns what sshd runs. Fails if its configuration has an error, or runs something else.
fn check_sshd(sshd: &Sshd) -> Result<SshdState, AdminError> {
    sshd.check().map_err(refused_before)?;
    let state = sshd.state().map_err(refused_before)?;
    match &state {
        SshdState::Other(command) => return Err(install::other_command(command)),
        SshdState::Opkssh { command, user } => check_sshd_account(command, user.as_deref())?,
        SshdState::None => {}
    }
    Ok(state)
}

/// Returns the items in the order of creation.
fn items(account: Identity, program: &Path, no_home_policy: bool) -> Vec<InstallItem> {
    let item = |entry: &FileEntry, kind| InstallItem::new(entry, account, kind);
    let given = |text: &str| Kind::Given(text.to_owned());
    let unit = |text: &str| {
        let program = program.display().to_string();
        Kind::Offered(format!("{MARK}{}", text.replace(PACKAGED, &program)))
    };
    let mut items = vec![
        item(&etc::ETC, Kind::Directory),
        item(&etc::PLUGINS, Kind::Directory),
        item(&etc::PROVIDERS, given(PROVIDERS)),
        item(&etc::AUTH_ID, given("")),
        item(&etc::CONFIG, given("")),
        item(&etc::LOG_FILE, given("")),
        item(&KEY_CACHE, Kind::OwnDirectory),
    ];
    let has_directory = |entry: &FileEntry| entry.path().parent().is_some_and(Path::is_dir);
    if !no_home_policy && has_directory(&SUDOERS) {
        let row = format!(
            "{MARK}{ACCOUNT} ALL=(ALL) NOPASSWD: {} readhome *\n",
            program.display()
        );
        items.push(item(&SUDOERS, Kind::Offered(row)));
    }
    if has_directory(&LOGROTATE) {
        let text = format!("{MARK}{LOGROTATE_TEXT}");
        items.push(item(&LOGROTATE, Kind::Offered(text)));
    }
    if has_directory(&CACHE_SERVICE) {
        items.push(item(&CACHE_SERVICE, unit(SERVICE_TEXT)));
        items.push(item(&CACHE_TIMER, unit(TIMER_TEXT)));
    }
    items
}

/// Returns the arguments declared in `server.yml`, or none if sshd does not know their tokens: with
/// an unknown token, sshd accepts nobody.
fn known_arguments(
    sshd: &Sshd,
    declared: Vec<Argument>,
    say: &mut dyn FnMut(&str),
) -> Vec<Argument> {
    let version = sshd.version();
    if declared.is_empty() || version.is_some_and(|version| version.knows(&declared)) {
        return declared;
    }
    say(
        "warning: %C and %D need OpenSSH 9.4. They are left out of AuthorizedKeysCommand, although \
         /etc/opk/server.yml declares arguments: rules with client_address do not allow, and those \
         that deny, deny",
    );
    Vec::new()
}

/// Writes the drop-in, and removes it if sshd does not accept or include it.
fn configure_sshd(
    program: &Path,
    arguments: &[Argument],
    sshd: &Sshd,
    args: &InstallArgs,
    say: &mut dyn FnMut(&str),
) -> Result<bool, AdminError> {
    let path = DROP_IN.path();
    let no_include = || {
        AdminError::new(format!(
            "{} has no effect, and was removed again: sshd_config does not include it",
            DROP_IN.path().display()
        ))
        .hinting(
            "make this the first line of /etc/ssh/sshd_config: Include \
             /etc/ssh/sshd_config.d/*.conf",
        )
    };
    let text = format!(
        "{MARK}AuthorizedKeysCommand {}\nAuthorizedKeysCommandUser {ACCOUNT}\n",
        tokens::authorized_keys_command(program, arguments)
    );
    if !path.parent().is_some_and(Path::is_dir) {
        return Err(no_include());
    }
    let before = fs::read(&path).ok();
    let drop_in = InstallItem::new(&DROP_IN, Identity { uid: 0, gid: 0 }, Kind::Written(text));
    let changed = ensure(&drop_in, args, say)?;
    if args.dry_run || !changed {
        return Ok(changed);
    }
    let accepted = match sshd.check().and_then(|()| sshd.state()) {
        Ok(SshdState::Opkssh { command, user }) => check_sshd_account(&command, user.as_deref()),
        Ok(_) => Err(no_include()),
        Err(error) => Err(AdminError::new(format!(
            "sshd would refuse its configuration with {}, which was removed again: {error}",
            path.display()
        ))),
    };
    if accepted.is_err() {
        let undone = match before {
            Some(bytes) => fs::write(&path, bytes),
            None => fs::remove_file(&path),
        };
        undone.map_err(AdminError::at(&path))?;
    }
    accepted.map(|()| true)
}

/// Fails for a path with characters that are special in sudoers, sshd_config or systemd units.
fn check_program_path(program: &Path) -> Result<(), AdminError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    let path = program.as_os_str().as_encoded_bytes();
    if path.starts_with(b"/") && path.iter().copied().all(is_plain) {
        return Ok(());
    }
    Err(AdminError::new(format!(
        "{program:?} contains characters that sudo, sshd or systemd interpret; use letters, digits \
         and ./_+-"
    ))
    .hinting(
        "copy the program to /usr/local/bin/opkssh, and run: sudo /usr/local/bin/opkssh server \
         install",
    ))
}

/// Contents of a new providers file: the same rows as Go's installer, with public clients.
const PROVIDERS: &str = "\
# issuer, client id, how long a login counts: 12h, 24h, 48h, 1week, oidc, oidc_refreshed
https://accounts.google.com 206584157355-7cbe4s640tvm7naoludob4ut1emii7sf.apps.googleusercontent.com 24h
https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0 096ce0a3-5e72-4da8-9c86-12924b294a01 24h
https://gitlab.com 8d8b7024572c7fd501f64374dec6bba37096783dfcd792b3988104be08cb6923 24h
https://issuer.hello.coop app_xejobTKEsDNSRd5vofKB2iay_2rN 24h
";

#[cfg(test)]
mod tests;
