//! Asks the agent to make an account usable.

use opkssh_protocol::control::{AccountStatus, Event, Request, WhichAccount};
use opkssh_protocol::places::Places;

use crate::connection::{Connection, NETWORK_TIMEOUT, unexpected};
use crate::ensure_running::ensure_running;
use crate::error::ClientError;

/// The agent's answer.
#[derive(Debug)]
pub enum EnsureOutcome {
    Ready(Box<AccountStatus>),
    /// A login is needed. `account` is the alias of the account, if it exists.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
}

/// Asks the agent, which is started if needed, to renew the account if it is stale.
pub fn ensure(places: &Places, which: WhichAccount) -> Result<EnsureOutcome, ClientError> {
    ensure_with(places, which, false)
}

/// Like [`ensure`]; with `ask_person`, the agent asks for a login as the account's `on_demand` says
/// and waits for it.
pub(crate) fn ensure_with(
    places: &Places,
    which: WhichAccount,
    ask_person: bool,
) -> Result<EnsureOutcome, ClientError> {
    match ask(ensure_running(places)?, which.clone(), ask_person) {
        // the agent was stopping: ask the next one
        Err(ClientError::ConnectionClosed) => ask(ensure_running(places)?, which, ask_person),
        answer => answer,
    }
}

fn ask(
    mut connection: Connection,
    which: WhichAccount,
    ask_person: bool,
) -> Result<EnsureOutcome, ClientError> {
    match connection.ask(&Request::Ensure { which, ask_person }, NETWORK_TIMEOUT)? {
        Event::Ready { account } => Ok(EnsureOutcome::Ready(Box::new(account))),
        Event::LoginNeeded { account, reason } => {
            Ok(EnsureOutcome::LoginNeeded { account, reason })
        }
        _ => Err(unexpected()),
    }
}
