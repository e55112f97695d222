//! Making an account usable as far as that needs no person.

use opkssh_protocol::control::{AccountStatus, Event, Request, WhichAccount};

use crate::connection::{Connection, OVER_THE_NETWORK, unexpected};
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

/// Has the daemon renew the account if it is stale.
pub fn ensure(mut connection: Connection, which: WhichAccount) -> Result<Ensured, ClientError> {
    match connection.ask(&Request::Ensure { which }, OVER_THE_NETWORK)? {
        Event::Ready { account } => Ok(Ensured::Ready(Box::new(account))),
        Event::LoginNeeded { account, reason } => Ok(Ensured::LoginNeeded { account, reason }),
        _ => Err(unexpected()),
    }
}
