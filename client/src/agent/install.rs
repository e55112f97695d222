//! `opkssh agent install|uninstall`: systemd user units. systemd listens on the agent's two sockets
//! and starts the agent on the first connection.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use opkssh_files::Writer;
use opkssh_protocol::places::Places;

use super::systemctl;
use crate::agent::settings::RunningSettings;
use crate::agent::stop::{check_nothing_lost, stop_running};
use crate::error::ClientError;
use crate::status::report_if_running;

const SOCKET: &str = "opkssh-agent.socket";
const SERVICE: &str = "opkssh-agent.service";
const SOCKET_TEXT: &str = include_str!("../../../contrib/systemd/user/opkssh-agent.socket");
const SERVICE_TEXT: &str = include_str!("../../../contrib/systemd/user/opkssh-agent.service");
/// The line of `contrib`'s service that [`units`] replaces.
const PACKAGED_EXEC_START: &str = "ExecStart=/usr/bin/opkssh agent run";
/// First line of each unit that install writes. Other files are neither replaced nor removed.
const MARK: &str = "# Written by `opkssh agent install`; `opkssh agent uninstall` removes it.\n";
const ENABLE: [&[&str]; 2] = [&["daemon-reload"], &["enable", "--now", SOCKET]];
/// The line keeps a forwarded agent and the desktop's agent.
const PROFILE_ADVICE: &str = "For plain ssh, add this line to your shell profile (~/.profile):\n  \
    [ -n \"${SSH_CONNECTION-}${SSH_AUTH_SOCK-}\" ] || \
    export SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/opkssh/agent.sock\"";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct AgentUninstallArgs {
    /// Show what would be done without doing it
    #[arg(long)]
    pub dry_run: bool,
    /// Stop the running agent even if logins in its memory are lost
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Default, clap::Args)]
pub struct AgentInstallArgs {
    #[command(flatten)]
    pub install: AgentUninstallArgs,
    #[command(flatten)]
    pub running: RunningSettings,
}

/// Writes and enables units that start `program`. A second call changes nothing.
pub fn agent_install(
    args: &AgentInstallArgs,
    program: &Path,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let AgentInstallArgs {
        install: args,
        running: settings,
    } = args;
    let units = units(program, settings, places)?;
    for (file, _) in &units {
        is_written_by_install(file)?;
    }
    if args.dry_run {
        for (file, text) in &units {
            say(out, &format!("Would write {}:\n\n{text}", file.display()));
        }
        say(out, "Would run:");
        print_systemctl(out, &ENABLE);
        say(out, PROFILE_ADVICE);
        return Ok(());
    }
    let manager = systemctl::is_available();
    // an agent that systemd started keeps running
    let handover = manager && !systemctl::is_active(SOCKET);
    if handover
        && !args.force
        && let Some(agent) = report_if_running(places)?
    {
        check_nothing_lost(&agent, "opkssh agent install")?;
    }
    let mut changed = false;
    for (file, text) in &units {
        if fs::read(file).is_ok_and(|found| found == text.as_bytes()) {
            say(out, &format!("{} is up to date.", file.display()));
            continue;
        }
        changed = true;
        write(file, text).map_err(ClientError::io(format!("cannot write {}", file.display())))?;
        say(out, &format!("Wrote {}.", file.display()));
    }
    if !manager {
        say(
            out,
            "systemd's user manager does not answer. Run this in a session where it does:",
        );
        print_systemctl(out, &ENABLE);
        say(out, PROFILE_ADVICE);
        return Ok(());
    }
    if handover {
        stop_running(args.force, places, out)?;
    }
    for command in ENABLE {
        systemctl::run(command)?;
    }
    say(out, "systemd listens for the agent from now on.");
    if changed && !handover {
        say(
            out,
            "The running agent still has the previous settings; apply the new ones: opkssh agent restart",
        );
    }
    say(out, PROFILE_ADVICE);
    Ok(())
}

/// Stops and removes the units that [`agent_install`] wrote. A second call changes nothing.
pub fn agent_uninstall(
    args: &AgentUninstallArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let mut files = Vec::new();
    for unit in [SOCKET, SERVICE] {
        let file = places.user_units_dir.join(unit);
        if is_written_by_install(&file)? {
            files.push(file);
        }
    }
    if files.is_empty() {
        say(out, "There is nothing to uninstall.");
        return Ok(());
    }
    let disable: [&[&str]; 2] = [&["disable", "--now", SOCKET], &["stop", SERVICE]];
    if args.dry_run {
        say(out, "Would run:");
        print_systemctl(out, &disable);
        for file in &files {
            say(out, &format!("Would remove {}.", file.display()));
        }
        return Ok(());
    }
    let manager = systemctl::is_available();
    if manager {
        // connecting to a stopped agent would start it
        if !args.force
            && systemctl::is_active(SERVICE)
            && let Some(agent) = report_if_running(places)?
        {
            check_nothing_lost(&agent, "opkssh agent uninstall")?;
        }
        for command in disable {
            systemctl::run(command)?;
        }
    }
    // made by `systemctl enable`; `disable` has not run without a user manager
    let enabled = places
        .user_units_dir
        .join("sockets.target.wants")
        .join(SOCKET);
    if enabled.is_symlink() {
        files.push(enabled);
    }
    for file in &files {
        let what = format!("cannot remove {}", file.display());
        fs::remove_file(file).map_err(ClientError::io(what))?;
        say(out, &format!("Removed {}.", file.display()));
    }
    if manager {
        systemctl::run(&["daemon-reload"])?;
    }
    say(
        out,
        "Commands start the agent themselves again. If your shell profile has the SSH_AUTH_SOCK \
         line, remove it.",
    );
    Ok(())
}

fn say(out: &mut dyn Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

fn print_systemctl(out: &mut dyn Write, commands: &[&[&str]]) {
    for command in commands {
        say(out, &format!("  systemctl --user {}", command.join(" ")));
    }
}

fn units(
    program: &Path,
    settings: &RunningSettings,
    places: &Places,
) -> Result<[(PathBuf, String); 2], ClientError> {
    let mut start = vec![format!("ExecStart={} agent run", unit_word(program)?)];
    start.extend(settings.arguments());
    let start = start.join(" ");
    let service = SERVICE_TEXT.replacen(PACKAGED_EXEC_START, &start, 1);
    Ok([(SOCKET, SOCKET_TEXT.to_owned()), (SERVICE, service)]
        .map(|(name, text)| (places.user_units_dir.join(name), format!("{MARK}{text}"))))
}

/// Returns a program's path as the first word of a unit's command line, see systemd.service(5).
fn unit_word(program: &Path) -> Result<String, ClientError> {
    let text = program
        .to_str()
        .filter(|text| program.is_absolute() && !text.chars().any(char::is_control));
    let Some(text) = text else {
        return Err(ClientError::new(
            format!("a systemd unit cannot name this program's path: {program:?}"),
            "copy the program to a path without control characters, e.g. ~/.local/bin/opkssh",
        ));
    };
    let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
    Ok(format!("\"{}\"", escaped.replace('%', "%%")))
}

/// Returns true if the unit exists. Fails if `agent install` did not write it.
fn is_written_by_install(file: &Path) -> Result<bool, ClientError> {
    match fs::read(file) {
        Ok(text) if text.starts_with(MARK.as_bytes()) => return Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound && !file.is_symlink() => {
            return Ok(false);
        }
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let what = format!("cannot read {}", file.display());
            return Err(ClientError::io(what)(error));
        }
        _ => {}
    }
    Err(ClientError::new(
        format!("{} was not written by opkssh agent install", file.display()),
        format!(
            "show it, and remove it if it is not needed: systemctl --user cat {}",
            file.file_name().unwrap_or_default().display()
        ),
    ))
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
mod tests;
