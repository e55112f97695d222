//! Before the tool starts: the daemon is up and the account usable.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use opkssh_client::{
    EnsureOutcome, Environment, ensure, expiry_notice, log_in_for, with_store_open,
};
use opkssh_protocol::control::WhichAccount;
use opkssh_protocol::places::Places;

use crate::error::WrapperError;

/// What the wrapper sees around it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    pub environment: Environment,
    /// Is a person watching: is stdin or stderr a terminal?
    pub terminal: bool,
    /// Is stderr a terminal?
    pub watched: bool,
    /// `PATH`
    pub path: OsString,
}

impl Surroundings {
    pub fn of_process() -> Self {
        Self {
            environment: Environment::of_process(),
            terminal: std::io::stdin().is_terminal() || std::io::stderr().is_terminal(),
            watched: std::io::stderr().is_terminal(),
            path: std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()),
        }
    }

    /// Without a terminal a login is still possible where a browser can be opened.
    fn somebody_here(&self) -> bool {
        self.terminal || self.environment.browser.is_some() || self.environment.desktop
    }
}

/// Renews the account, or logs in where only a person can help. `err` is stderr.
pub fn make_ready(
    which: WhichAccount,
    surroundings: &Surroundings,
    places: &Places,
    err: &mut dyn Write,
) -> Result<(), WrapperError> {
    let named = match &which {
        WhichAccount::Named(alias) => Some(alias.clone()),
        _ => None,
    };
    // a person who is there can open the store that the account is in
    let ensured = match surroundings.terminal {
        true => with_store_open(places, || ensure(places, which.clone())),
        false => ensure(places, which.clone()),
    };
    let (account, reason) = match ensured? {
        EnsureOutcome::Ready(account) => {
            if surroundings.watched
                && let Some(line) = expiry_notice(&account)
            {
                let _ = writeln!(err, "{line}");
            }
            return Ok(());
        }
        EnsureOutcome::LoginNeeded { account, reason } => (account, reason),
    };
    if !surroundings.somebody_here() {
        return Err(WrapperError::LoginNeeded {
            reason,
            account: account.or(named),
        });
    }
    log_in_for(which, account, &surroundings.environment, places, err)?;
    Ok(())
}
