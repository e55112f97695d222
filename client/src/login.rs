//! `opkssh login`: into the agent.

use std::io::Write;
use std::path::{Path, PathBuf};

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::config::Wanted;
use opkssh_protocol::control::{AccountStatus, Asking, Event, Flow, Joining, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent_lock::with_store_open;
use crate::configuration::Environment;
use crate::connection::unexpected;
use crate::ensure_running::ensure_running;
use crate::error::ClientError;
use crate::held_certificate::{HeldCertificate, held_certificate};
use crate::login_display::{Bringing, LoginDisplay};
use crate::login_request::request;
use crate::pasted::{can_be_typed, read_while_waiting, to_the_daemon};
use crate::shown::quoted;
use crate::written_keys;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct LoginArgs {
    /// The provider to log in at, by its alias in the client config
    pub alias: Option<String>,
    /// The account's name: several people at one provider live side by side [default: that of the
    /// account this person has there, else the provider's alias]
    #[arg(
        long = "as",
        value_name = "NAME",
        conflicts_with_all = ["print_key", "private_key_file", "files"]
    )]
    pub account: Option<AccountName>,
    /// Accepted for compatibility: the agent renews by itself
    #[arg(long)]
    pub auto_refresh: bool,
    /// Whom the provider should expect, such as a mail address
    #[arg(long, value_name = "WHO", conflicts_with = "device")]
    pub login_hint: Option<String>,
    /// What the provider should ask for, such as login or select_account, instead of the
    /// configuration's `prompt`
    #[arg(long, value_name = "VALUE", conflicts_with = "device")]
    pub prompt: Option<String>,
    /// Bring the address where a browser on another machine ended, one line on stdin, to the login
    /// that waits for it
    #[arg(long)]
    pub redirected: bool,
    /// Log in only if the provider asks nothing: the browser has a session there
    #[arg(long, conflicts_with_all = ["device", "prompt"])]
    pub silent: bool,
    /// Path to the client config file [default: ~/.opk/config.yml]
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Create the default client config file and exit; one that exists is used
    #[arg(long)]
    pub create_config: bool,
    /// Set up ~/.ssh/opkssh for key files and exit without logging in
    #[arg(long)]
    pub configure: bool,
    /// Log in on another device, with a code: for a machine without a browser
    #[arg(long, conflicts_with = "remote_redirect_uri")]
    pub device: bool,
    /// Print the address instead of opening a browser
    #[arg(long)]
    pub disable_browser_open: bool,
    /// Show the new certificate as `opkssh inspect` does
    #[arg(long)]
    pub inspect_cert: bool,
    /// Type of the new key: ecdsa or ed25519 [default: ecdsa]
    #[arg(short = 't', long, value_name = "TYPE")]
    pub key_type: Option<String>,
    /// Write what is shown to opkssh.log in this directory, too
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Principals for the certificate, instead of the wildcard one
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub principals: Vec<String>,
    /// Print the claims of the ID token
    #[arg(long)]
    pub print_id_token: bool,
    /// Print certificate and private key, writing no file, instead of using the agent
    #[arg(short = 'p', long, conflicts_with = "files")]
    pub print_key: bool,
    /// Write the private key to this file and the certificate beside it, instead of using the agent
    #[arg(short = 'i', long, value_name = "FILE", conflicts_with = "files")]
    pub private_key_file: Option<PathBuf>,
    /// Write key files where ssh finds them, instead of using the agent
    #[arg(long)]
    pub files: bool,
    /// Provider as ISSUER,CLIENT_ID[,CLIENT_SECRET[,SCOPES]]; overrides everything else
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Option<String>,
    /// Redirect URI to send in place of the local one
    #[arg(long, value_name = "URI")]
    pub remote_redirect_uri: Option<String>,
    /// Put the access token into the certificate, for servers that look up userinfo, as Go's do
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "BOOL",
        hide_possible_values = true,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub send_access_token: Option<bool>,
    /// Show more: the new certificate
    #[arg(short, long)]
    pub verbose: bool,
}

impl LoginArgs {
    /// Is the key to be written or printed, and not kept by the agent?
    pub fn wants_files(&self) -> bool {
        self.print_key || self.private_key_file.is_some() || self.files
    }

    pub(crate) fn joining(&self, environment: &Environment) -> Joining {
        Joining {
            opens_browser: !self.disable_browser_open && environment.opens_browser(),
            unless_usable: None,
        }
    }

    pub(crate) fn asking(&self) -> Asking {
        // a prompt of `none` is what a silent login sends
        let silent = self.silent || self.prompt.as_deref() == Some("none");
        Asking {
            prompt: self.prompt.clone().filter(|_| !silent),
            login_hint: self.login_hint.clone(),
            silent_first: false,
            silent_only: silent,
        }
    }

    pub(crate) fn flow(&self) -> Flow {
        if self.device {
            Flow::Device
        } else {
            Flow::Browser
        }
    }

    pub(crate) fn wanted<'a>(&'a self, environment: &'a Environment) -> Wanted<'a> {
        Wanted {
            alias: self.alias.as_deref(),
            provider: self.provider.as_deref(),
            remote_redirect_uri: self.remote_redirect_uri.as_deref(),
            send_access_token: self.send_access_token,
            environment_default: environment.default_alias.as_deref(),
            environment_providers: environment.providers.as_deref(),
        }
    }
}

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
