//! The arguments of `opkssh login`.

use std::path::PathBuf;
use std::time::Duration;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::config::{Provider, Wanted};
use opkssh_protocol::control::{Asking, Flow, Joining};

use crate::configuration::Environment;
use crate::duration;
use crate::error::ClientError;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct LoginArgs {
    /// Provider, by its alias in the client config
    pub alias: Option<String>,
    /// Name of the account, for several accounts at one provider [default: the name of your
    /// existing account there, else the provider's alias]
    #[arg(
        long = "as",
        value_name = "NAME",
        conflicts_with_all = ["print_key", "private_key_file", "files"]
    )]
    pub account: Option<AccountName>,
    /// Accepted for compatibility: the agent renews by itself
    #[arg(long)]
    pub auto_refresh: bool,
    /// Login hint sent to the provider, e.g. an email address
    #[arg(long, value_name = "WHO", conflicts_with = "device")]
    pub login_hint: Option<String>,
    /// OpenID `prompt` parameter, e.g. login or select_account; overrides the configuration's
    /// `prompt`
    #[arg(long, value_name = "VALUE", conflicts_with = "device")]
    pub prompt: Option<String>,
    /// Pass the address at which a browser on another machine ended, a line of stdin, to the login
    /// that waits for it
    #[arg(long)]
    pub redirected: bool,
    /// Log in only if the browser has a session at the provider
    #[arg(long, conflicts_with_all = ["device", "prompt"])]
    pub silent: bool,
    /// Path to the client config file [default: ~/.opk/config.yml]
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// Create the default client config file and exit; if it exists, log in with it
    #[arg(long)]
    pub create_config: bool,
    /// Set up ~/.ssh/opkssh for key files and exit without logging in
    #[arg(long)]
    pub configure: bool,
    /// Log in on another device with a code, for a machine without a browser
    #[arg(long, conflicts_with = "remote_redirect_uri")]
    pub device: bool,
    /// Print the address instead of opening a browser
    #[arg(long)]
    pub disable_browser_open: bool,
    /// Show the new certificate as `opkssh inspect` does
    #[arg(long)]
    pub inspect_cert: bool,
    /// Print the result as JSON, everything else on stderr
    #[arg(long, conflicts_with_all = [
        "configure", "create_config", "inspect_cert", "print_id_token", "print_key", "redirected",
        "verbose",
    ])]
    pub json: bool,
    /// Type of the new key: ecdsa or ed25519 [default: ecdsa]
    #[arg(short = 't', long, value_name = "TYPE")]
    pub key_type: Option<String>,
    /// Also write the output to opkssh.log in this directory
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// Principals of the certificate, separated by commas [default: a wildcard]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub principals: Vec<String>,
    /// Print the claims of the ID token
    #[arg(long)]
    pub print_id_token: bool,
    /// Print certificate and private key instead of using the agent
    #[arg(short = 'p', long, conflicts_with = "files")]
    pub print_key: bool,
    /// Write the private key to this file and the certificate beside it, instead of using the agent
    #[arg(short = 'i', long, value_name = "FILE", conflicts_with = "files")]
    pub private_key_file: Option<PathBuf>,
    /// Write key files to ssh's default paths instead of using the agent
    #[arg(long)]
    pub files: bool,
    /// Provider as ISSUER,CLIENT_ID[,CLIENT_SECRET[,SCOPES]]; overrides everything else
    #[arg(long, value_name = "PROVIDER")]
    pub provider: Option<String>,
    /// Redirect URI to send in place of the local one
    #[arg(long, value_name = "URI")]
    pub remote_redirect_uri: Option<String>,
    /// Put the access token into the certificate, for servers that query userinfo, as Go's do
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
    /// Give up if nobody logs in for so long, e.g. 90s [default: 10m, the longest]
    #[arg(long, value_name = "DURATION", value_parser = duration::at_most_ten_minutes)]
    pub timeout: Option<Duration>,
    /// Show the new certificate
    #[arg(short, long)]
    pub verbose: bool,
}

impl LoginArgs {
    /// Returns true if the key is written or printed instead of kept by the agent.
    pub fn wants_files(&self) -> bool {
        self.print_key || self.private_key_file.is_some() || self.files
    }

    pub(crate) fn joining(&self, environment: &Environment) -> Joining {
        Joining {
            opens_browser: !self.disable_browser_open && environment.opens_browser(),
            unless_usable: None,
            timeout: self.timeout.map(|timeout| timeout.as_secs()),
        }
    }

    /// Fails if nobody would see the login's address, nor a browser.
    pub fn check_person(
        &self,
        environment: &Environment,
        providers: &[Provider],
    ) -> Result<(), ClientError> {
        if self.device || self.disable_browser_open || !environment.is_alone() {
            return Ok(());
        }
        let address = match providers {
            [provider] => format!(" at {}", provider.issuer),
            _ => String::new(),
        };
        let alias = self.alias.as_deref();
        let alias = alias.map(|alias| format!(" {alias}")).unwrap_or_default();
        let mut hint = format!("log in on another device: opkssh login --device{alias}");
        // the other command brings the answer to the agent
        if !self.wants_files() {
            hint += &format!(
                "; or have the address printed, and its answer waited for: opkssh login \
                 --disable-browser-open{alias}, then: opkssh login --redirected"
            );
        }
        let what = "there is no terminal, browser or display here";
        Err(ClientError::new(
            format!("cannot log in{address}: {what}"),
            hint,
        ))
    }

    pub(crate) fn asking(&self) -> Asking {
        // a silent login sends prompt=none
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
