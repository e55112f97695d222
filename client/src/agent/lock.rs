//! `opkssh agent lock|unlock`, and the prompt for the encrypted file store's passphrase.

use std::io::Write;

use opkssh_protocol::control::{Event, Failure, LockedPart, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::secret::Secret;

use crate::agent::password_prompt::PasswordSource;
use crate::agent::running::{ensure_running, ensure_running_if_stored};
use crate::agent::settings::WhichAgent;
use crate::answer::AgentReply;
use crate::connection::dead_socket::check_unused;
use crate::connection::{NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::agent_command;
use crate::status::{report, report_if_running};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct LockArgs {
    #[command(flatten)]
    pub agent: WhichAgent,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Locks the agent with a password: typed twice on a terminal, else a line of stdin. Starts it only
/// for stored accounts.
pub fn agent_lock(
    args: &LockArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let places = args.agent.places(places)?;
    lock(&places, out).map_err(|error| error.of_agent(&places))
}

fn lock(places: &Places, out: &mut dyn Write) -> Result<AgentReply, ClientError> {
    let connection = ensure_running_if_stored(places)?;
    let connection = connection.ok_or_else(|| nothing_there("nothing to lock", places))?;
    let running = report(connection)?.agent;
    if running.locked.contains(&LockedPart::Agent) {
        return Err(ClientError::new(
            "the agent is locked already",
            format!("unlock it: {}", agent_command("unlock", places)),
        ));
    }
    let mut asked = PasswordSource::of_process(&agent_command("lock", places));
    let password = asked.ask_new("Password to lock the agent with: ")?;
    send_lock_request(&Request::Lock { password }, places)?;
    let unlock = agent_command("unlock", places);
    let _ = writeln!(out, "The agent is locked. Unlock it: {unlock}");
    reply("The agent is locked.".to_owned(), places)
}

/// Unlocks the agent, then the encrypted file store, with passwords from the terminal, else from
/// lines of stdin. Keys hidden by a screen lock come back without a password, since not every
/// screen locker reports its unlocking.
pub fn agent_unlock(
    args: &LockArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let places = args.agent.places(places)?;
    unlock_all(&places, out).map_err(|error| error.of_agent(&places))
}

fn unlock_all(places: &Places, out: &mut dyn Write) -> Result<AgentReply, ClientError> {
    let mut done = Vec::new();
    let connection = match places.seal_file().is_some_and(|file| file.exists()) {
        true => Some(ensure_running(places)?),
        false => ensure_running_if_stored(places)?,
    };
    let connection = connection.ok_or_else(|| nothing_there("nothing to unlock", places))?;
    let mut locked = report(connection)?.agent.locked;
    if locked.is_empty() {
        done.push("Nothing is locked.");
        let _ = writeln!(out, "Nothing is locked.");
    }
    let mut asked = PasswordSource::of_process(&agent_command("unlock", places));
    while let Some(part) = locked.first().copied() {
        let unlocked = unlock(part, &mut asked, places)?;
        done.push(unlocked_message(part));
        let _ = writeln!(out, "{}", unlocked_message(part));
        // a part that stays locked is not asked for twice
        let left = unlocked.still_locked.into_iter();
        locked = left.filter(|left| *left != part).collect();
    }
    reply(done.join(" "), places)
}

fn nothing_there(what: &str, places: &Places) -> ClientError {
    if let Some(Err(error)) = places.separate_socket().map(check_unused) {
        return error;
    }
    let why = match places.separate_socket() {
        Some(_) => "the agent is not running",
        None => "the agent is not running, and no account is stored",
    };
    let start = agent_command("start", places);
    ClientError::new(format!("{what}: {why}"), format!("start it: {start}"))
}

fn reply(reason: String, places: &Places) -> Result<AgentReply, ClientError> {
    let agent = report_if_running(places)?.map(|report| report.agent);
    Ok(AgentReply::done(reason, agent))
}

/// Runs `action`. If it fails because the encrypted file store is locked, asks for the passphrase
/// on the terminal and runs `action` again. A locked agent stays locked.
pub fn with_store_open<T>(
    places: &Places,
    mut action: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    match action() {
        Err(ClientError::Locked { part, reason })
            if matches!(part, LockedPart::Store | LockedPart::NewStore) =>
        {
            let Some(mut terminal) = PasswordSource::terminal() else {
                return Err(ClientError::Locked { part, reason });
            };
            unlock(part, &mut terminal, places)?;
            action()
        }
        done => done,
    }
}

/// What an unlock gave.
pub(super) struct Unlocked {
    pub password: Secret,
    pub still_locked: Vec<LockedPart>,
}

/// Unlocks `part` with a password from `asked`.
pub(super) fn unlock(
    part: LockedPart,
    asked: &mut PasswordSource,
    places: &Places,
) -> Result<Unlocked, ClientError> {
    for left in (1..asked.tries()).rev() {
        match try_unlock(part, asked, places) {
            Err(ClientError::Failed(failure)) if failure.wrong_password => {
                asked.show(&failure.message, left);
            }
            other => return other,
        }
    }
    try_unlock(part, asked, places)
}

fn try_unlock(
    part: LockedPart,
    asked: &mut PasswordSource,
    places: &Places,
) -> Result<Unlocked, ClientError> {
    let password = match part {
        LockedPart::Agent => asked.ask("Password of the locked agent: "),
        LockedPart::Screen => Ok(Secret::new(String::new())),
        LockedPart::Store => asked.ask("Passphrase of the encrypted file store: "),
        LockedPart::NewStore => {
            asked.ask_new("Choose a passphrase for the new encrypted file store: ")
        }
    }?;
    unlock_with(part, password, places)
}

/// Unlocks `part` with this password.
pub(super) fn unlock_with(
    part: LockedPart,
    password: Secret,
    places: &Places,
) -> Result<Unlocked, ClientError> {
    let request = Request::Unlock {
        part,
        password: password.clone(),
    };
    let still_locked = send_lock_request(&request, places)?;
    Ok(Unlocked {
        password,
        still_locked,
    })
}

fn send_lock_request(request: &Request, places: &Places) -> Result<Vec<LockedPart>, ClientError> {
    let mut connection = ensure_running(places)?;
    // the agent waits for a keyring or a renewal, and longer after each wrong password
    match connection.ask(request, NETWORK_TIMEOUT) {
        Ok(Event::Unlockable { locked }) => Ok(locked),
        Ok(_) => Err(unexpected()),
        Err(ClientError::Failed(failure)) if failure.wrong_password => {
            // the agent does not know the path by which it is reached
            let hint = Some(format!("try again: {}", agent_command("unlock", places)));
            Err(ClientError::Failed(Failure { hint, ..failure }))
        }
        Err(error) => Err(error),
    }
}

pub(super) fn unlocked_message(part: LockedPart) -> &'static str {
    match part {
        LockedPart::Agent => "The agent is unlocked.",
        LockedPart::Screen => "The keys hidden by the screen lock are back.",
        LockedPart::Store => "The encrypted file store is unlocked.",
        LockedPart::NewStore => "The encrypted file store is set up.",
    }
}
