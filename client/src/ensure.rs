//! `opkssh ensure`: makes an account usable, by a renewal or else by a login.

use std::io::Write;

use opkssh_protocol::control::{
    AccountStatus, Asking, Event, Flow, Joining, LoginRequest, Request, WhichAccount,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::lock::with_store_open;
use crate::agent::running::ensure_running;
use crate::configuration::Environment;
use crate::connection::{Connection, NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::{local_time, login_command};
use crate::login::args::LoginArgs;
use crate::login::log_in;
use crate::login::request::login_request;

/// Make an account usable: renew it, or log in
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EnsureArgs {
    /// Account, by its alias [default: the default account]
    pub alias: Option<String>,
    /// The account whose `hosts:` name this host, or the default account if it has no `hosts:`
    #[arg(long, value_name = "HOST", conflicts_with = "alias")]
    pub host: Option<String>,
    /// Print nothing if the account is not usable
    #[arg(short, long)]
    pub quiet: bool,
}

/// How to log in if an account needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// At this terminal, which may also be asked for the store's passphrase.
    Terminal,
    /// In a browser that this process opens.
    Browser,
    /// By the agent, which asks for the login as the account's `on_demand` says.
    Agent,
    /// Not at all.
    Unavailable,
}

/// Whether the account is usable.
#[derive(Debug)]
pub enum EnsureOutcome {
    Ready(Box<AccountStatus>),
    LoginNeeded {
        /// The alias to log in with, if known.
        alias: Option<String>,
        reason: String,
    },
}

/// Returns true if the account is usable. Logs in if stderr is a terminal; else, in a graphical
/// session, lets the agent ask for a login.
pub fn ensure(
    args: &EnsureArgs,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<bool, ClientError> {
    let which = match (&args.alias, &args.host) {
        (Some(alias), _) => WhichAccount::Named(alias.clone()),
        (None, Some(host)) => WhichAccount::MeantForHost(host.clone()),
        (None, None) => WhichAccount::Default,
    };
    let method = if environment.stderr_terminal {
        LoginMethod::Terminal
    } else if environment.is_graphical() {
        LoginMethod::Agent
    } else {
        LoginMethod::Unavailable
    };
    match make_usable(which, method, environment, places, err)? {
        EnsureOutcome::Ready(_) => Ok(true),
        EnsureOutcome::LoginNeeded { alias, reason } => {
            if !args.quiet {
                let _ = writeln!(err, "{}", login_needed(alias.as_deref(), &reason));
            }
            Ok(false)
        }
    }
}

/// Has the agent renew the account if it is stale, and logs in by `method` if that is needed.
pub fn make_usable(
    which: WhichAccount,
    method: LoginMethod,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<EnsureOutcome, ClientError> {
    let ask_person = method == LoginMethod::Agent;
    let outcome = match method {
        LoginMethod::Terminal => {
            with_store_open(places, || renew(places, which.clone(), ask_person))
        }
        _ => renew(places, which.clone(), ask_person),
    };
    let (alias, reason) = match outcome? {
        EnsureOutcome::Ready(account) => {
            if environment.stderr_terminal
                && let Some(line) = expiry_notice(&account)
            {
                let _ = writeln!(err, "{line}");
            }
            return Ok(EnsureOutcome::Ready(account));
        }
        EnsureOutcome::LoginNeeded { alias, reason } => (alias, reason),
    };
    let logs_in = matches!(method, LoginMethod::Terminal | LoginMethod::Browser);
    // a host without an account is not opkssh's concern
    let no_account = matches!(which, WhichAccount::MeantForHost(_)) && alias.is_none();
    if logs_in && !no_account {
        let account = log_in_to(which, alias, environment, places, err)?;
        return Ok(EnsureOutcome::Ready(Box::new(account)));
    }
    let alias = match which {
        WhichAccount::Named(named) => alias.or(Some(named)),
        _ => alias,
    };
    Ok(EnsureOutcome::LoginNeeded { alias, reason })
}

/// Has the agent, which is started if needed, renew the account if it is stale. With `ask_person`,
/// the agent also asks for a login as the account's `on_demand` says and waits for it.
pub(crate) fn renew(
    places: &Places,
    which: WhichAccount,
    ask_person: bool,
) -> Result<EnsureOutcome, ClientError> {
    let request = Request::Ensure { which, ask_person };
    match ask(ensure_running(places)?, &request) {
        // the agent was stopping: ask the next one
        Err(ClientError::ConnectionClosed) => ask(ensure_running(places)?, &request),
        answer => answer,
    }
}

fn ask(mut connection: Connection, request: &Request) -> Result<EnsureOutcome, ClientError> {
    match connection.ask(request, NETWORK_TIMEOUT)? {
        Event::Ready { account } => Ok(EnsureOutcome::Ready(Box::new(account))),
        Event::LoginNeeded { account, reason } => Ok(EnsureOutcome::LoginNeeded {
            alias: account,
            reason,
        }),
        _ => Err(unexpected()),
    }
}

/// Logs in to the existing account `alias`, else at the provider that `which` or the configuration
/// names.
fn log_in_to(
    which: WhichAccount,
    alias: Option<String>,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<AccountStatus, ClientError> {
    let named = match &which {
        WhichAccount::Named(alias) => Some(alias.clone()),
        _ => None,
    };
    // if several commands start at once, one logs in; the others may have asked before
    let joining = Joining {
        opens_browser: environment.opens_browser(),
        unless_usable: Some(which),
    };
    let request = match alias {
        // with the account's own settings, which the configuration may not have
        Some(account) => Request::LoginAgain {
            account,
            flow: Flow::Browser,
            asking: Asking::default(),
            joining,
        },
        None => {
            let args = LoginArgs {
                alias: named,
                ..LoginArgs::default()
            };
            let request = login_request(&args, environment, places, err)?;
            Request::Login(LoginRequest { joining, ..request })
        }
    };
    log_in(&request, true, environment, places, err)
}

/// Returns the line that explains [`EnsureOutcome::LoginNeeded`].
pub(crate) fn login_needed(alias: Option<&str>, reason: &str) -> String {
    let (reason, command) = (printable(reason), login_command(alias));
    format!("login needed: {reason}; log in: {command}")
}

/// Returns a notice if the login ends soon and cannot be renewed without the user.
fn expiry_notice(account: &AccountStatus) -> Option<String> {
    let until = account.usable_until.filter(|_| account.ends_soon)?;
    let (alias, until) = (printable(&account.alias), local_time(until));
    let command = login_command(Some(&account.alias));
    Some(format!("The login {alias} ends at {until}: {command}"))
}
