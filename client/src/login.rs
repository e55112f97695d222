//! `opkssh login`: into the agent.

use std::io::Write;
use std::path::{Path, PathBuf};

use opkssh_protocol::control::{AccountStatus, Event, Flow, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent_lock::with_store_open;
use crate::configuration::Environment;
use crate::connection::unexpected;
use crate::ensure_running::ensure_running;
use crate::error::ClientError;
use crate::held_certificate::{HeldCertificate, held_certificate};
use crate::login_args::LoginArgs;
use crate::login_display::{Bringing, LoginDisplay};
use crate::login_request::request;
use crate::pasted::{can_be_typed, read_while_waiting, to_the_daemon};
use crate::shown::quoted;
use crate::written_keys;

/// Logs in and says so on `out`; certificate and claims, where asked for, go to `data`, and what
/// should be tidied up to `err`.
pub fn login(
    args: &LoginArgs,
    environment: &Environment,
    places: &Places,
    out: &mut dyn Write,
    data: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), ClientError> {
    if args.auto_refresh {
        let _ = writeln!(
            out,
            "The agent renews by itself: --auto-refresh is not needed."
        );
    }
    let request = request(args, environment, places, out)?;
    let mut reads = args.flow() == Flow::Browser;
    // not before somebody has been sent to a browser: a passphrase may be asked for first
    let mut sent = || {
        if std::mem::take(&mut reads) {
            read_while_waiting(to_the_daemon(places.control_socket()));
        }
    };
    let open_browser = !args.disable_browser_open;
    let bringing = match can_be_typed() {
        true => Bringing::TypedHere,
        false => Bringing::ByAnotherCommand,
    };
    let mut display = LoginDisplay::new(out, environment, open_browser, bringing);
    let account = log_in_and(&mut sent, &request, &mut display, places)?;
    drop(display);
    if std::env::var_os("SSH_AUTH_SOCK").is_none_or(|socket| !places.is_ours(Path::new(&socket))) {
        let _ = writeln!(
            out,
            "Use it: opkssh ssh HOST, or first: eval \"$(opkssh agent env)\""
        );
    }
    let _ = out.flush();
    if let Some(line) = about_stale_files(places) {
        let _ = writeln!(err, "{line}");
    }
    if args.inspect_cert || args.verbose || args.print_id_token {
        let certificate = held_certificate(&places.agent_socket(), &account.fingerprint)?;
        show_certificate(args, &certificate, data)?;
    }
    Ok(())
}

/// What `--print-id-token`, `--inspect-cert` and `-v` ask for.
pub fn show_certificate(
    args: &LoginArgs,
    certificate: &HeldCertificate,
    data: &mut dyn Write,
) -> Result<(), ClientError> {
    if args.print_id_token {
        let _ = writeln!(data, "id_token:\n{}", certificate.id_token_claims()?);
    }
    if args.inspect_cert || args.verbose {
        let _ = write!(data, "{}", certificate.inspect()?);
    }
    let _ = data.flush();
    Ok(())
}

/// The login itself, also the wrapper's: starts the daemon if needed, shows what happens, and
/// waits for the person. Hanging up, also by Ctrl-C, cancels it in the daemon.
pub fn log_in(
    request: &Request,
    open_browser: bool,
    environment: &Environment,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AccountStatus, ClientError> {
    // what is typed here is for the tool that comes next
    let bringing = Bringing::ByAnotherCommand;
    let mut display = LoginDisplay::new(out, environment, open_browser, bringing);
    log_in_and(&mut || (), request, &mut display, places)
}

/// The same; `sent` is called when the person has been told where to log in.
fn log_in_and(
    sent: &mut dyn FnMut(),
    request: &Request,
    display: &mut LoginDisplay,
    places: &Places,
) -> Result<AccountStatus, ClientError> {
    with_store_open(places, || {
        let mut connection = ensure_running(places)?;
        connection.send(request, None)?;
        loop {
            // a question for a passphrase may come next
            match connection.next_event().inspect_err(|_| display.clear())? {
                Event::LoggedIn { account } => {
                    display.logged_in(&account);
                    return Ok(account);
                }
                // somebody else's login made it usable
                Event::Ready { account } => return Ok(account),
                event if event.is_terminal() => return Err(unexpected()),
                event => {
                    display.show(&event);
                    if matches!(event, Event::OpenBrowser { .. }) {
                        sent();
                    }
                }
            }
        }
    })
}

/// Go's client kept one pair of key files current; they would now only grow old.
fn about_stale_files(places: &Places) -> Option<String> {
    let keys = written_keys::in_default_slots(places);
    let word = |key: &PathBuf| quoted(&printable(&key.to_string_lossy()).to_string());
    let removals: Vec<_> = keys
        .iter()
        .map(|key| format!("opkssh logout -i {}", word(key)))
        .collect();
    (!removals.is_empty()).then(|| {
        format!(
            "Key files of an earlier login are not renewed; the agent has taken their place. \
             Remove them: {}",
            removals.join("; ")
        )
    })
}
