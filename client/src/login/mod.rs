//! `opkssh login` into the agent.

pub mod args;
pub mod browser;
pub mod certificate;
pub mod configure;
pub mod create_config;
pub mod display;
mod qr;
pub mod redirect;
pub mod request;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::control::{AccountStatus, Event, Flow, Request};
use opkssh_protocol::inspect;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::{printable, printable_json};

use crate::agent::lock::with_store_open;
use crate::agent::running::ensure_running;
use crate::answer::Answer;
use crate::configuration::Environment;
use crate::connection::unexpected;
use crate::error::ClientError;
use crate::format::quoted;
use crate::key_files;
use crate::login::args::LoginArgs;
use crate::login::certificate::held_certificate;
use crate::login::display::{LoginDisplay, RedirectInput};
use crate::login::redirect::{deliver, read_redirects, stdin_is_terminal};
use crate::login::request::request;
use crate::status::report_if_running;

/// Logs in and reports on `out`. Writes the certificate and claims, if requested, to `data`, and
/// warnings and notices to `err`.
pub fn login(
    args: &LoginArgs,
    environment: &Environment,
    places: &Places,
    out: &mut dyn Write,
    data: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Answer, ClientError> {
    if args.auto_refresh {
        let line = "The agent renews by itself: --auto-refresh is not needed.";
        let _ = writeln!(err, "{line}");
    }
    let request = request(args, environment, places, err)?;
    let providers = match &request {
        Request::Login(login) => &login.providers[..],
        _ => &[],
    };
    args.check_person(environment, providers)?;
    let mut reads = args.flow() == Flow::Browser;
    // starts after the URL is shown: a passphrase prompt may come first
    let mut url_shown = || {
        if std::mem::take(&mut reads) {
            let socket = places.control_socket();
            read_redirects(move |url| deliver(&socket, url));
        }
    };
    let open_browser = !args.disable_browser_open;
    let redirect_input = match stdin_is_terminal() {
        true => RedirectInput::Terminal,
        false => RedirectInput::OtherCommand,
    };
    let mut display = LoginDisplay::new(out, environment, open_browser, redirect_input);
    let account = log_in_and(&mut url_shown, &request, &mut display, places)?;
    drop(display);
    if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|socket| !places.is_ours(Path::new(&socket))) {
        let line = "Use it: opkssh ssh HOST, or first: eval \"$(opkssh agent env)\"";
        let _ = writeln!(out, "{line}");
    }
    let _ = out.flush();
    if let Some(line) = other_account_notice(args, &account, places) {
        let _ = writeln!(err, "{line}");
    }
    if let Some(line) = stale_key_files_notice(places) {
        let _ = writeln!(err, "{line}");
    }
    if args.inspect_cert || args.verbose || args.print_id_token {
        let certificate = held_certificate(&places.agent_socket(), &account.fingerprint)?;
        show_certificate(args, &certificate, data)?;
    }
    let who = account.email.as_ref().unwrap_or(&account.subject);
    Ok(Answer {
        usable: Some(true),
        reason: format!("{who} is logged in as {}", account.alias),
        account: Some(Box::new(account)),
        ..Answer::default()
    })
}

/// Writes what `--print-id-token`, `--inspect-cert` and `-v` request of `certificate`, which begins
/// with `type base64`.
pub fn show_certificate(
    args: &LoginArgs,
    certificate: &str,
    data: &mut dyn Write,
) -> Result<(), ClientError> {
    if args.print_id_token {
        let claims = id_token_claims(certificate).map_err(ClientError::without_hint)?;
        let _ = writeln!(data, "id_token:\n{}", printable_json(&claims));
    }
    if args.inspect_cert || args.verbose {
        let text = inspect::render(certificate, &TimeZone::system());
        let text = text.map_err(ClientError::without_hint)?;
        let _ = write!(data, "{text}");
    }
    let _ = data.flush();
    Ok(())
}

/// Returns the claims as indented JSON.
fn id_token_claims(certificate: &str) -> Result<String, Box<dyn Error>> {
    let certificate = UnverifiedCertificate::parse_openssh(certificate)?;
    let token = UnverifiedPkToken::parse_compact(certificate.unverified_pk_token())?;
    Ok(serde_json::to_string_pretty(
        token.unverified_claims().all(),
    )?)
}

/// Logs in: starts the agent if needed, shows progress on `out`, and waits for the person. Closing
/// the connection, e.g. by Ctrl-C, cancels the login in the agent.
pub(crate) fn log_in(
    request: &Request,
    open_browser: bool,
    environment: &Environment,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AccountStatus, ClientError> {
    // stdin belongs to ssh, which runs next
    let redirect_input = RedirectInput::OtherCommand;
    let mut display = LoginDisplay::new(out, environment, open_browser, redirect_input);
    log_in_and(&mut || (), request, &mut display, places)
}

/// Like [`log_in`]; calls `url_shown` when the login's URL has been shown.
fn log_in_and(
    url_shown: &mut dyn FnMut(),
    request: &Request,
    display: &mut LoginDisplay,
    places: &Places,
) -> Result<AccountStatus, ClientError> {
    with_store_open(places, || {
        let mut connection = ensure_running(places)?;
        connection.send(request, None)?;
        loop {
            // a passphrase prompt may come next
            match connection.next_event().inspect_err(|_| display.clear())? {
                Event::LoggedIn { account } => {
                    display.logged_in(&account);
                    return Ok(account);
                }
                // another login made the account usable
                Event::Ready { account } => return Ok(account),
                event if event.is_terminal() => return Err(unexpected()),
                event => {
                    display.show(&event);
                    if matches!(event, Event::OpenBrowser { .. }) {
                        url_shown();
                    }
                }
            }
        }
    })
}

/// Returns a notice if a login that was to make an account of a new name was by a person who has
/// another: the browser may have logged in whom it remembers.
fn other_account_notice(
    args: &LoginArgs,
    account: &AccountStatus,
    places: &Places,
) -> Option<String> {
    let name = args.account.as_ref()?;
    let report = report_if_running(places).ok()??;
    let other = report.accounts.iter().find(|other| {
        (&other.subject, &other.issuer) == (&account.subject, &account.issuer)
            && other.alias != account.alias
    })?;
    let (other, provider) = (printable(&other.alias), printable(&account.provider));
    let who = account.email.as_ref().unwrap_or(&account.subject);
    Some(format!(
        "Warning: {name} is {}, who has the account {other}, too\nhint: if that is not who was \
         meant: opkssh logout {name}; opkssh login {provider} --as {name} --prompt select_account",
        printable(who)
    ))
}

/// Returns a notice about key files that an earlier login wrote: ssh would use them after they
/// expire.
fn stale_key_files_notice(places: &Places) -> Option<String> {
    let removal = |key: PathBuf| {
        let key = printable(&key.to_string_lossy()).to_string();
        format!("opkssh logout -i {}", quoted(&key))
    };
    let keys = key_files::in_default_slots(places);
    let removals: Vec<_> = keys.into_iter().map(removal).collect();
    (!removals.is_empty()).then(|| {
        format!(
            "Warning: key files of an earlier login are not renewed; the agent replaces them\n\
             hint: remove them: {}",
            removals.join("; ")
        )
    })
}
