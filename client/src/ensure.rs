//! `opkssh ensure`: makes an account usable, by a renewal or else by a login.

use std::io::Write;

use clap::builder::NonEmptyStringValueParser;
use opkssh_protocol::config::ConfigError;
use opkssh_protocol::control::{
    AccountStatus, Asking, Event, Failure, Flow, Joining, LoginRequest, Request, WhichAccount,
};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::lock::with_store_open;
use crate::agent::running::ensure_running;
use crate::answer::Answer;
use crate::configuration::Environment;
use crate::connection::{ANSWER_TIMEOUT, Connection, NETWORK_TIMEOUT, unexpected};
use crate::error::ClientError;
use crate::format::{local_time, login_command};
use crate::login::args::LoginArgs;
use crate::login::log_in;
use crate::login::request::login_request;
use crate::names::provider_names;

/// Make an account usable: renew it, or log in
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EnsureArgs {
    /// Account, by its alias [default: the default account]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub alias: Option<String>,
    /// The account that is shown to this host: whose `hosts:` name it, else the default account if
    /// it has no `hosts:`
    #[arg(long, value_name = "HOST", conflicts_with = "alias")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub host: Option<String>,
    /// Print the answer as JSON
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
    /// Print nothing but a login's steps, not even errors
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
    /// No account is shown to the host. A login does not help.
    NotShown(Failure),
}

impl From<EnsureOutcome> for Answer {
    fn from(outcome: EnsureOutcome) -> Self {
        match outcome {
            EnsureOutcome::Ready(account) => Self {
                usable: Some(true),
                reason: format!("{}: usable", account.alias),
                account: Some(account),
                ..Self::default()
            },
            EnsureOutcome::LoginNeeded { alias, reason } => Self {
                usable: Some(false),
                reason: format!("login needed: {reason}"),
                hint: Some(format!("log in: {}", login_command(alias.as_deref()))),
                ..Self::default()
            },
            EnsureOutcome::NotShown(Failure { message, hint, .. }) => Self {
                usable: Some(false),
                reason: message,
                hint,
                ..Self::default()
            },
        }
    }
}

/// Returns the account that `check` and `ensure` are about.
pub(crate) fn which(alias: Option<&str>, host: Option<&str>) -> WhichAccount {
    match (alias, host) {
        (Some(alias), _) => WhichAccount::Named(alias.to_owned()),
        // as it is typed for ssh: user@host
        (None, Some(host)) => {
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            WhichAccount::MeantForHost(host.to_owned())
        }
        (None, None) => WhichAccount::Default,
    }
}

/// Returns whether the account is usable. Logs in if stderr is a terminal; else, in a graphical
/// session, lets the agent ask for a login.
pub fn ensure(
    args: &EnsureArgs,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<Answer, ClientError> {
    let which = which(args.alias.as_deref(), args.host.as_deref());
    let method = if environment.stderr_terminal {
        LoginMethod::Terminal
    } else if environment.is_graphical() {
        LoginMethod::Agent
    } else {
        LoginMethod::Unavailable
    };
    make_usable(which, method, environment, places, err).map(Answer::from)
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
    let connect = |places: &Places| ensure_running(places).map(Some);
    let renew = || renew(&which, ask_person, environment, places, connect);
    let outcome = match method {
        LoginMethod::Terminal => with_store_open(places, renew),
        _ => renew(),
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
        not_shown => return Ok(not_shown),
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

/// Has the agent renew the account if it is stale. With `ask_person`, the agent also asks for a
/// login as the account's `on_demand` says and waits for it. `connect` returns `None` if no agent
/// runs and no account is stored.
pub(crate) fn renew(
    which: &WhichAccount,
    ask_person: bool,
    environment: &Environment,
    places: &Places,
    connect: impl Fn(&Places) -> Result<Option<Connection>, ClientError>,
) -> Result<EnsureOutcome, ClientError> {
    let timeout = if ask_person {
        NETWORK_TIMEOUT
    } else {
        ANSWER_TIMEOUT
    };
    if environment.look_only {
        let why = "not asked: OPKSSH_LOOK_ONLY is set";
        return Err(ClientError::new(why, "unset that variable"));
    }
    let request = Request::Ensure {
        which: which.clone(),
        ask_person,
    };
    let ask = || match connect(places)? {
        Some(mut connection) => connection.ask(&request, timeout),
        None => Ok(Event::LoginNeeded {
            account: None,
            reason: "nobody is logged in".to_owned(),
            hint: None,
            unknown: true,
        }),
    };
    let event = match ask() {
        // the agent was stopping: ask the next one
        Err(ClientError::ConnectionClosed) => ask(),
        answer => answer,
    };
    Ok(match event.map_err(ClientError::into_inconclusive)? {
        Event::Ready { account } => EnsureOutcome::Ready(Box::new(account)),
        Event::LoginNeeded {
            reason: message,
            hint: Some(hint),
            ..
        } => EnsureOutcome::NotShown(Failure {
            message,
            hint: Some(hint),
            ..Failure::default()
        }),
        Event::LoginNeeded {
            account: alias,
            reason,
            unknown,
            ..
        } => match which {
            WhichAccount::Named(name) if unknown && !is_provider(name, environment, places) => {
                EnsureOutcome::NotShown(unknown_account(name, places))
            }
            _ => EnsureOutcome::LoginNeeded { alias, reason },
        },
        _ => return Err(unexpected().into_inconclusive()),
    })
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
        timeout: None,
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

/// Returns false if `opkssh login NAME` knows no provider of this name.
fn is_provider(name: &str, environment: &Environment, places: &Places) -> bool {
    let args = LoginArgs {
        alias: Some(name.to_owned()),
        ..LoginArgs::default()
    };
    let request = login_request(&args, environment, places, &mut std::io::sink());
    !matches!(
        request,
        Err(ClientError::Config(ConfigError::UnknownAlias { .. }))
    )
}

/// Returns the failure for a name that is no account's, and none of a provider to log in at.
fn unknown_account(name: &str, places: &Places) -> Failure {
    let providers = provider_names(places).into_iter().map(|(name, _)| name);
    let hint = match providers.collect::<Vec<_>>().join(" ") {
        none if none.is_empty() => "show the accounts: opkssh status".to_owned(),
        providers => {
            format!("show the accounts: opkssh status; providers to log in at: {providers}")
        }
    };
    Failure {
        message: format!("there is no account {name}, nor a provider of that name"),
        hint: Some(hint),
        ..Failure::default()
    }
}

/// Returns a notice if the login ends soon and cannot be renewed without the user.
fn expiry_notice(account: &AccountStatus) -> Option<String> {
    let until = account.usable_until.filter(|_| account.ends_soon)?;
    let (alias, until) = (printable(&account.alias), local_time(until));
    let command = login_command(Some(&account.alias));
    Some(format!(
        "Warning: the login {alias} ends at {until}\nhint: log in again: {command}"
    ))
}
