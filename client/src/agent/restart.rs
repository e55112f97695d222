//! `opkssh agent restart`.

use std::io::Write;
use std::path::{Path, PathBuf};

use opkssh_protocol::control::{AgentStatus, Event, LockedPart, Request, StatusReport};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;
use opkssh_protocol::secret::Secret;

use crate::agent::lock::{unlock, unlock_with, unlocked_message};
use crate::agent::password_prompt::PasswordSource;
use crate::agent::running::{Launcher, ensure_running, start};
use crate::agent::settings::AgentSettings;
use crate::agent::stop::{at_risk, look_before_stop, lost_keys, stop_running};
use crate::answer::AgentReply;
use crate::connection::{NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::agent_command;
use crate::status::{report, report_if_running};

/// Without a passphrase there is nothing that an agent with `--store auto` would find.
const FILE_STORE_NOT_SET_UP: &str = "The encrypted file store has no passphrase yet: only this \
    agent would use it. Choose one";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct RestartArgs {
    #[command(flatten)]
    pub settings: AgentSettings,
    /// Restart even if logins in the agent's memory are lost; they are revoked
    #[arg(long)]
    pub force: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Stops the agent if it runs and starts this version of it, by default with the same settings.
///
/// With `--store file`, moves logins that are in the agent's memory only to that store first.
/// Without `--force`, fails if accounts would be lost, or the agent's version cannot tell.
pub fn agent_restart(
    args: &RestartArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let (wanted, places) = args.settings.of_agent(places)?;
    restart(args, &wanted, &places, out).map_err(|error| error.of_agent(&places))
}

fn restart(
    args: &RestartArgs,
    wanted: &AgentSettings,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let mut settings = wanted.clone();
    let command = wanted.after("opkssh agent restart")?;
    let passphrase = match wanted.store.as_deref() {
        Some("file") if !args.force => move_to_file_store(places, out)?,
        _ => None,
    };
    let running = look_before_stop(&command, args.force, places)?;
    let mut session_agent = None;
    if let Some(StatusReport { agent, .. }) = &running {
        fill_from(&mut settings, agent);
        session_agent = agent.session_agent.as_ref().map(PathBuf::from);
    }
    let what = match stop_running(args.force, places, out)? {
        true => "restarted",
        false => "started",
    };
    let mut launcher = Launcher::this_program(&settings)?;
    launcher.session_agent = session_agent.filter(|_| !has_session_agent(places));
    let agent = report(start(places, &launcher)?)?.agent;
    let mut is_locked = agent.locked.contains(&LockedPart::Store);
    if let (true, Some(passphrase)) = (is_locked, passphrase) {
        unlock_with(LockedPart::Store, passphrase, places)?;
        is_locked = false;
    }
    // an agent that systemd starts has its unit's settings
    wanted.check(&agent, places)?;
    let (version, pid) = (&agent.version, agent.pid);
    let reason = format!("The agent has {what}: version {version}, pid {pid}.");
    let _ = writeln!(out, "{reason}");
    if is_locked {
        let unlock = agent_command("unlock", places);
        let _ = writeln!(
            out,
            "The encrypted file store is locked. Unlock it: {unlock}"
        );
    }
    if agent.locked.contains(&LockedPart::NewStore) {
        let line = match set_up_file_store(wanted, places) {
            true => unlocked_message(LockedPart::NewStore).to_owned(),
            false => {
                let unlock = agent_command("unlock", places);
                format!("{FILE_STORE_NOT_SET_UP}: {unlock}")
            }
        };
        let _ = writeln!(out, "{line}");
    }
    let hint = lost_keys(running.as_ref());
    if let Some(line) = &hint {
        let _ = writeln!(out, "{line}");
    }
    Ok(AgentReply {
        hint,
        ..AgentReply::done(reason, Some(agent))
    })
}

/// Returns true if this process has an agent that is not ours.
fn has_session_agent(places: &Places) -> bool {
    let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
    socket.is_some_and(|socket| !places.is_ours(Path::new(&socket)))
}

/// Asks for the passphrase of the new encrypted file store, if `--store file` was typed on a
/// terminal. Returns false if the store is not set up.
fn set_up_file_store(wanted: &AgentSettings, places: &Places) -> bool {
    if wanted.store.is_none() {
        return false;
    }
    PasswordSource::terminal()
        .is_some_and(|mut asked| unlock(LockedPart::NewStore, &mut asked, places).is_ok())
}

/// Moves logins that are in the agent's memory only to the encrypted file store. Returns its
/// passphrase if that was asked for.
fn move_to_file_store(places: &Places, out: &mut dyn Write) -> Result<Option<Secret>, ClientError> {
    match report_if_running(places) {
        Ok(Some(running)) if !at_risk(&running).is_empty() => {}
        // what is wrong is said before the stop
        _ => return Ok(None),
    }
    let mut asked = PasswordSource::of_process("opkssh agent restart --store file");
    let ask = || ensure_running(places)?.ask(&Request::MoveToFileStore, NETWORK_TIMEOUT);
    let (answer, passphrase) = match ask() {
        Err(ClientError::Locked { part, .. }) => {
            let password = unlock(part, &mut asked, places)?.password;
            let _ = writeln!(out, "{}", unlocked_message(part));
            (ask(), Some(password))
        }
        answer => (answer, None),
    };
    match answer? {
        Event::Moved { accounts } => {
            for account in accounts {
                let account = printable(&account);
                let _ = writeln!(out, "Moved to the encrypted file store: {account}");
            }
            Ok(passphrase)
        }
        _ => Err(unexpected()),
    }
}

/// Takes each setting that is not given from a running agent.
fn fill_from(settings: &mut AgentSettings, agent: &AgentStatus) {
    if settings.store.is_none() && !matches!(agent.store_wish.as_str(), "" | "auto") {
        settings.store = Some(agent.store_wish.clone());
    }
    settings.running.fill_from(agent);
}
