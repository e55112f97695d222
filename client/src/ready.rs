//! `opkssh ensure`, and the login that `opkssh ensure` and `opkssh ssh` start.

use std::io::Write;

use opkssh_protocol::control::{
    AccountStatus, Asking, Flow, Joining, LoginRequest, Request, WhichAccount,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent_lock::with_store_open;
use crate::configuration::Environment;
use crate::ensure::{EnsureOutcome, ensure, ensure_with};
use crate::error::ClientError;
use crate::login::log_in;
use crate::login_args::LoginArgs;
use crate::login_request::login_request;
use crate::shown::local_time;

/// Make an account usable: renew it, or log in
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EnsureArgs {
    /// The account, by its alias [default: the default account]
    pub alias: Option<String>,
    /// The account whose `hosts:` name this host, or the default account if it has no `hosts:`
    #[arg(long, value_name = "HOST", conflicts_with = "alias")]
    pub host: Option<String>,
    /// Print nothing if the account is not usable
    #[arg(short, long)]
    pub quiet: bool,
}

/// True: the account can be used. `watched`: a terminal shows `err`, so a person is here to log
/// in; else, in a graphical session, the daemon asks one as the account's `on_demand` says.
pub fn ensure_usable(
    args: &EnsureArgs,
    watched: bool,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<bool, ClientError> {
    let which = match (&args.alias, &args.host) {
        (Some(alias), _) => WhichAccount::Named(alias.clone()),
        (None, Some(host)) => WhichAccount::MeantForHost(host.clone()),
        (None, None) => WhichAccount::Default,
    };
    let graphical = environment.browser.is_some() || environment.desktop;
    let ensured = if watched {
        // a person who is there can open the store that the account is in
        with_store_open(places, || ensure(places, which.clone()))?
    } else {
        ensure_with(places, which.clone(), graphical)?
    };
    match ensured {
        EnsureOutcome::Ready(account) => {
            if watched && let Some(line) = expiry_notice(&account) {
                let _ = writeln!(err, "{line}");
            }
            Ok(true)
        }
        // a host that no account is meant for is none of our business
        EnsureOutcome::LoginNeeded { account, .. }
            if watched && (account.is_some() || args.host.is_none()) =>
        {
            log_in_for(which, account, environment, places, err)?;
            Ok(true)
        }
        EnsureOutcome::LoginNeeded { account, reason } => {
            if !args.quiet {
                let alias = account.or(args.alias.clone());
                let alias = alias.map(|alias| format!(" {}", printable(&alias)));
                let login = format!("opkssh login{}", alias.unwrap_or_default());
                let reason = printable(&reason);
                let _ = writeln!(err, "login needed: {reason}; log in: {login}");
            }
            Ok(false)
        }
    }
}

/// Logs in where [`ensure`] said that only a person can help: to the account that it named, else
/// anew.
pub fn log_in_for(
    which: WhichAccount,
    account: Option<String>,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<AccountStatus, ClientError> {
    let alias = match &which {
        WhichAccount::Named(alias) => Some(alias.clone()),
        _ => None,
    };
    // of many that start at once, one logs in: the others may have asked before it was done
    let joining = Joining {
        opens_browser: environment.opens_browser(),
        unless_usable: Some(which),
    };
    let request = match account {
        // as it was, whatever the configuration says by now
        Some(account) => Request::LoginAgain {
            account,
            flow: Flow::Browser,
            asking: Asking::default(),
            joining,
        },
        None => {
            let args = LoginArgs {
                alias,
                ..LoginArgs::default()
            };
            let request = login_request(&args, environment, places, err)?;
            Request::Login(LoginRequest { joining, ..request })
        }
    };
    log_in(&request, true, environment, places, err)
}

/// A line for the terminal where the login ends soon and only the person can go on.
pub fn expiry_notice(account: &AccountStatus) -> Option<String> {
    let until = account.usable_until.filter(|_| account.ends_soon)?;
    let alias = printable(&account.alias);
    Some(format!(
        "The login {alias} ends at {}: opkssh login {alias}",
        local_time(until)
    ))
}
