//! `opkssh agent install|uninstall`: systemd's user units. systemd listens on the two sockets and
//! starts the daemon for the first who connects.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use opkssh_files::Writer;
use opkssh_protocol::places::Places;

use crate::agent_restart::{refuse_to_lose, running, stop_running};
use crate::agent_settings::RunningSettings;
use crate::error::ClientError;
use crate::systemctl;

const SOCKET: &str = "opkssh-agent.socket";
const SERVICE: &str = "opkssh-agent.service";
const SOCKET_TEXT: &str = include_str!("../../contrib/systemd/user/opkssh-agent.socket");
const SERVICE_TEXT: &str = include_str!("../../contrib/systemd/user/opkssh-agent.service");
/// What the service in `contrib` starts.
const PACKAGED: &str = "ExecStart=/usr/bin/opkssh agent run";
/// The first line of what we wrote; we replace and remove nothing else.
const MARK: &str = "# Written by `opkssh agent install`; `opkssh agent uninstall` removes it.\n";
/// A forwarded agent, or one that the desktop brought, is not shadowed.
const PROFILE: &str = "[ -n \"${SSH_CONNECTION-}${SSH_AUTH_SOCK-}\" ] || \
                       export SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/opkssh/agent.sock\"";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct InstallArgs {
    /// Show what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Even if logins are lost that the running agent has in memory only
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct UnitArgs {
    #[command(flatten)]
    pub install: InstallArgs,
    #[command(flatten)]
    pub running: RunningSettings,
}

/// Writes and enables the units, for `program`. Doing it twice changes nothing.
pub fn agent_install(
    args: &UnitArgs,
    program: &Path,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let UnitArgs {
        install: args,
        running: settings,
    } = args;
    let units = units(program, settings, places)?;
    for (file, _) in &units {
        written_by_us(file)?;
    }
    let say = |out: &mut dyn Write, line: &str| {
        let _ = writeln!(out, "{line}");
    };
    if args.dry_run {
        for (file, text) in &units {
            say(out, &format!("Would write {}:\n\n{text}", file.display()));
        }
        say(out, "Would run:");
        say_to_type(out, &enable());
        say_profile(out);
        return Ok(());
    }
    let manager = systemctl::answers();
    // while systemd listens already, its agent may go on
    let handover = manager && !systemctl::is_active(SOCKET);
    if handover
        && !args.force
        && let Some(agent) = running(places)?
    {
        refuse_to_lose(&agent, "opkssh agent install")?;
    }
    let mut changed = false;
    for (file, text) in &units {
        if fs::read(file).is_ok_and(|found| found == text.as_bytes()) {
            say(out, &format!("{} is as it should be.", file.display()));
            continue;
        }
        changed = true;
        write(file, text).map_err(ClientError::io(format!("cannot write {}", file.display())))?;
        say(out, &format!("Wrote {}.", file.display()));
    }
    if !manager {
        say(
            out,
            "No user manager of systemd answers here. In a session of yours where one does, type:",
        );
        say_to_type(out, &enable());
        say_profile(out);
        return Ok(());
    }
    if handover {
        stop_running(places)?;
    }
    for command in enable() {
        systemctl::run(command)?;
    }
    say(
        out,
        "systemd listens for the agent, now and after every login.",
    );
    if changed && !handover {
        say(
            out,
            "An agent that runs is still the former one; for the new one: opkssh agent restart",
        );
    }
    say_profile(out);
    Ok(())
}

/// Stops and removes what [`agent_install`] wrote and enabled. Doing it twice changes nothing.
pub fn agent_uninstall(
    args: &InstallArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let mut files = Vec::new();
    for unit in [SOCKET, SERVICE] {
        let file = places.user_units_dir.join(unit);
        if written_by_us(&file)? {
            files.push(file);
        }
    }
    if files.is_empty() {
        let _ = writeln!(out, "There is nothing to uninstall.");
        return Ok(());
    }
    let disable: [&[&str]; 2] = [&["disable", "--now", SOCKET], &["stop", SERVICE]];
    if args.dry_run {
        let _ = writeln!(out, "Would run:");
        say_to_type(out, &disable);
        for file in &files {
            let _ = writeln!(out, "Would remove {}.", file.display());
        }
        return Ok(());
    }
    let manager = systemctl::answers();
    if manager {
        // asked only if it runs: asking would start it
        if !args.force
            && systemctl::is_active(SERVICE)
            && let Some(agent) = running(places)?
        {
            refuse_to_lose(&agent, "opkssh agent uninstall")?;
        }
        for command in disable {
            systemctl::run(command)?;
        }
    }
    // what `enable` made; without a manager nobody else removes it
    let enabled = places
        .user_units_dir
        .join("sockets.target.wants")
        .join(SOCKET);
    if enabled.is_symlink() {
        files.push(enabled);
    }
    for file in &files {
        fs::remove_file(file)
            .map_err(ClientError::io(format!("cannot remove {}", file.display())))?;
        let _ = writeln!(out, "Removed {}.", file.display());
    }
    if manager {
        systemctl::run(&["daemon-reload"])?;
    }
    let _ = writeln!(
        out,
        "Commands start the agent themselves again. If you put the SSH_AUTH_SOCK line into your \
         shell profile, remove it there."
    );
    Ok(())
}

fn enable() -> [&'static [&'static str]; 2] {
    [&["daemon-reload"], &["enable", "--now", SOCKET]]
}

fn say_to_type(out: &mut dyn Write, commands: &[&[&str]]) {
    for command in commands {
        let _ = writeln!(out, "  systemctl --user {}", command.join(" "));
    }
}

fn say_profile(out: &mut dyn Write) {
    let _ = writeln!(
        out,
        "For plain ssh, put this line into your shell's profile (~/.profile):\n  {PROFILE}"
    );
}

fn units(
    program: &Path,
    settings: &RunningSettings,
    places: &Places,
) -> Result<[(PathBuf, String); 2], ClientError> {
    let mut start = format!("ExecStart={} agent run", as_word(program)?);
    for word in settings.arguments() {
        start = start + " " + &word;
    }
    let service = SERVICE_TEXT.replacen(PACKAGED, &start, 1);
    Ok([(SOCKET, SOCKET_TEXT.to_owned()), (SERVICE, service)]
        .map(|(name, text)| (places.user_units_dir.join(name), format!("{MARK}{text}"))))
}

/// A program's path as the first word of a command line in a unit, see systemd.service(5).
fn as_word(program: &Path) -> Result<String, ClientError> {
    let text = program
        .to_str()
        .filter(|text| program.is_absolute() && !text.chars().any(char::is_control));
    let Some(text) = text else {
        return Err(ClientError::UnitPath(program.to_owned()));
    };
    let escaped = text
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('%', "%%");
    Ok(format!("\"{escaped}\""))
}

/// Is this unit there, and ours?
///
/// # Errors
/// [`ClientError::ForeignUnit`] when it is somebody else's.
fn written_by_us(file: &Path) -> Result<bool, ClientError> {
    match fs::read(file) {
        Ok(text) if text.starts_with(MARK.as_bytes()) => Ok(true),
        Ok(_) => Err(ClientError::ForeignUnit(file.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound && !file.is_symlink() => Ok(false),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(ClientError::ForeignUnit(file.to_owned()))
        }
        Err(error) => Err(ClientError::io(format!("cannot read {}", file.display()))(
            error,
        )),
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if file.exists() {
        return Writer::dotfile().replace(file, text.as_bytes());
    }
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    Writer::less_umask(0o644).create(file, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_packaged_path_is_replaced_by_this_program_quoted_for_systemd() {
        assert_eq!(SERVICE_TEXT.matches(PACKAGED).count(), 1);
        assert_eq!(
            as_word(Path::new("/a b/50%/\"x\"\\y")).unwrap(),
            r#""/a b/50%%/\"x\"\\y""#
        );
        for path in ["opkssh", "/a\nb", ""] {
            assert!(as_word(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
