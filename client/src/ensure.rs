//! Making an account usable as far as that needs no person.

use opkssh_protocol::control::{AccountStatus, Event, Request, WhichAccount};
use opkssh_protocol::places::Places;

use crate::connection::{Connection, OVER_THE_NETWORK, unexpected};
use crate::ensure_running::ensure_running;
use crate::error::ClientError;

/// What became of it.
#[derive(Debug)]
pub enum Ensured {
    Ready(Box<AccountStatus>),
    /// Only a login helps. `account` is its alias, when there is one.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
}

/// Has the daemon, which is started if need be, renew the account if it is stale.
pub fn ensure(places: &Places, which: WhichAccount) -> Result<Ensured, ClientError> {
    ensure_with(places, which, false)
}

/// The same; with `ask_person`, the daemon asks for a login as the account's `on_demand` says, and
/// waits for it a while.
pub(crate) fn ensure_with(
    places: &Places,
    which: WhichAccount,
    ask_person: bool,
) -> Result<Ensured, ClientError> {
    match ask(ensure_running(places)?, which.clone(), ask_person) {
        // a daemon that was just ending took the request and nobody answers it: the next will
        Err(ClientError::HungUp) => ask(ensure_running(places)?, which, ask_person),
        answer => answer,
    }
}

fn ask(
    mut connection: Connection,
    which: WhichAccount,
    ask_person: bool,
) -> Result<Ensured, ClientError> {
    match connection.ask(&Request::Ensure { which, ask_person }, OVER_THE_NETWORK)? {
        Event::Ready { account } => Ok(Ensured::Ready(Box::new(account))),
        Event::LoginNeeded { account, reason } => Ok(Ensured::LoginNeeded { account, reason }),
        _ => Err(unexpected()),
    }
}
