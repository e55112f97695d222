//! `opkssh agent lock|unlock`, and the passphrase of the encrypted file store where a command
//! needs it.

use std::io::Write;

use opkssh_protocol::control::{Event, LockedPart, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::secret::Secret;

use crate::connection::{Connection, OVER_THE_NETWORK, unexpected};
use crate::ensure_running::ensure_running;
use crate::error::ClientError;
use crate::password_prompt::Asked;
use crate::status::report;

/// Locks the agent with a password that is asked for: twice on a terminal, else a line of stdin.
pub fn agent_lock(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    // one that is not running may have accounts in the store
    if report(ensure_running(places)?)?
        .agent
        .locked
        .contains(&LockedPart::Agent)
    {
        return Err(ClientError::LockedAlready);
    }
    let password = Asked::of_process().ask_new("Password to lock the agent with: ")?;
    tell(ensure_running(places)?, &Request::Lock { password })?;
    let _ = writeln!(out, "The agent is locked. Unlock it: opkssh agent unlock");
    Ok(())
}

/// Unlocks whatever waits for a password: the agent, then the encrypted file store. On a terminal
/// it asks; else each is a line of stdin. What was put away with the screen comes back at once:
/// that is what the person who types this wants, and not every screen locker says when it opens.
pub fn agent_unlock(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    let mut locked = report(ensure_running(places)?)?.agent.locked;
    if locked.is_empty() {
        let _ = writeln!(out, "Nothing is locked.");
    }
    let mut asked = Asked::of_process();
    while let Some(part) = locked.first().copied() {
        let left = unlock(part, &mut asked, places)?;
        let _ = writeln!(out, "{}", unlocked(part));
        // what is left although it was unlocked is not asked for again and again
        locked = left.into_iter().filter(|left| *left != part).collect();
    }
    Ok(())
}

/// Runs `action`; where that needs the encrypted file store and a person is at a terminal, asks
/// for the passphrase and runs it again. A locked agent, or what was put away with the screen, is
/// left as it is: that is what it is for.
pub fn with_store_open<T>(
    places: &Places,
    mut action: impl FnMut() -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    match action() {
        Err(ClientError::Locked { part, reason })
            if matches!(part, LockedPart::Store | LockedPart::NewStore) =>
        {
            let Some(mut terminal) = Asked::terminal() else {
                return Err(ClientError::Locked { part, reason });
            };
            unlock(part, &mut terminal, places)?;
            action()
        }
        done => done,
    }
}

/// What is still locked then.
fn unlock(
    part: LockedPart,
    asked: &mut Asked,
    places: &Places,
) -> Result<Vec<LockedPart>, ClientError> {
    let password = match part {
        LockedPart::Agent => asked.ask("Password of the locked agent: "),
        LockedPart::Screen => Ok(Secret::new(String::new())),
        LockedPart::Store => asked.ask("Passphrase of the encrypted file store: "),
        LockedPart::NewStore => {
            asked.ask_new("Choose a passphrase for the new encrypted file store: ")
        }
    }?;
    let request = Request::Unlock { part, password };
    tell(ensure_running(places)?, &request)
}

fn tell(mut connection: Connection, request: &Request) -> Result<Vec<LockedPart>, ClientError> {
    // it waits for a keyring or a renewal, and longer after each wrong password
    match connection.ask(request, OVER_THE_NETWORK)? {
        Event::Unlockable { locked } => Ok(locked),
        _ => Err(unexpected()),
    }
}

fn unlocked(part: LockedPart) -> &'static str {
    match part {
        LockedPart::Agent => "The agent is unlocked.",
        LockedPart::Screen => "What was put away with the screen is back.",
        LockedPart::Store => "The encrypted file store is unlocked.",
        LockedPart::NewStore => "The encrypted file store is set up.",
    }
}
