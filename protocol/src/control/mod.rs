//! Messages on the control socket.
//!
//! A frame is a 32-bit big-endian length and that many bytes of JSON, at most [`MAX_FRAME`]. The
//! client sends one [`Request`]; the daemon answers with [`Event`]s, the last of which is
//! [terminal](Event::is_terminal). Closing the connection cancels the request. Both sides send
//! [`VERSION`]; a daemon that does not know the client's version answers with an error that says
//! which of the two to restart.

mod status;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::account_name::AccountName;
use crate::config::Provider;
use crate::process::Process;
use crate::secret::{self, Secret};
use crate::session_environment::SessionEnvironment;

pub use status::{AccountState, AccountStatus, AgentStatus, Notice, Renewal, StatusReport};

/// Version of the messages. Raised when an older peer could misread them.
pub const VERSION: u32 = 2;

/// Largest frame in bytes, checked before memory is allocated.
pub const MAX_FRAME: usize = 256 * 1024;

/// A message with the sender's version.
#[derive(Serialize, Deserialize)]
pub struct Versioned<T> {
    /// [`VERSION`] of the sender.
    pub version: u32,
    /// The client's session environment, sent with requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionEnvironment>,
    /// The request or event.
    pub message: T,
}

impl<T> Versioned<T> {
    /// Creates a message without a session environment.
    pub fn new(message: T) -> Self {
        Self {
            version: VERSION,
            session: None,
            message,
        }
    }

    /// Creates a message with the client's session environment.
    pub fn from_session(message: T, session: SessionEnvironment) -> Self {
        Self {
            session: Some(session),
            ..Self::new(message)
        }
    }
}

/// What a client asks of the daemon.
#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Events: [`Event::OpenBrowser`] or [`Event::DeviceCode`], [`Event::Waiting`], then
    /// [`Event::LoggedIn`]. Clients with the same pending login share it: each gets all of its
    /// events, and it is cancelled when the last client disconnects.
    Login(LoginRequest),
    /// Log in again to an existing account, named by its alias: at the same provider, with the same
    /// principals, key type and access-token setting. Events as for [`Request::Login`].
    LoginAgain {
        /// Alias of the account.
        account: String,
        /// How the user logs in.
        #[serde(default)]
        flow: Flow,
        /// Parameters of the authentication request.
        #[serde(default, skip_serializing_if = "is_default")]
        asking: Asking,
        /// Options of this client.
        #[serde(default, skip_serializing_if = "is_default")]
        joining: Joining,
    },
    /// Deliver the redirect address of a browser on another machine: the redirect URI with its
    /// query, the query alone, or `CODE&STATE`. The `state` identifies the pending login; an
    /// unknown one is refused and ends no login. Ends with [`Event::RedirectTaken`].
    Redirected {
        /// The address; secret because it contains the authorization code.
        #[serde(with = "secret::exposed")]
        url: Secret,
    },
    /// Log out and delete accounts. Ends with [`Event::LoggedOut`].
    Logout {
        /// The accounts.
        which: WhichAccount,
        /// Forget accounts that are locked, whose refresh tokens cannot be revoked.
        #[serde(default)]
        force: bool,
    },
    /// Ends with [`Event::Status`].
    Status,
    /// Make an account the default, or ask which one is. Ends with [`Event::DefaultAccount`].
    Default {
        /// Account name, provider alias or issuer; `None` changes nothing.
        account: Option<String>,
    },
    /// Make an account usable without user interaction, renewing it if it is stale. Ends with
    /// [`Event::Ready`] or [`Event::LoginNeeded`].
    Ensure {
        /// The accounts.
        which: WhichAccount,
        /// If only a login helps, prompt as configured by `on_demand`, and wait for a limited time.
        #[serde(default)]
        ask_person: bool,
    },
    /// Lock the agent: it lists, signs and renews nothing until it is unlocked with this password.
    /// Ends with [`Event::Unlockable`].
    Lock {
        /// The lock's password.
        #[serde(with = "secret::exposed")]
        password: Secret,
    },
    /// Unlock a locked part; a new store gets this passphrase. Ends with [`Event::Unlockable`].
    Unlock {
        /// Part to unlock.
        part: LockedPart,
        /// The lock's password.
        #[serde(with = "secret::exposed")]
        password: Secret,
    },
    /// Move accounts that are in memory only to the encrypted file store. Ends with
    /// [`Event::Moved`].
    MoveToFileStore,
    /// Announce an ssh process that is about to connect. Ends with [`Event::Noted`].
    Connecting(Connecting),
    /// Ends with [`Event::Stopping`]. Request and event have the same form in every [`VERSION`], so
    /// that a client can stop an older daemon after an upgrade.
    Stop,
}

/// A part of the daemon that is locked, in most cases with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockedPart {
    /// The whole agent, locked by `ssh-add -x` or a lock request.
    Agent,
    /// The identities, locked with the screen or before sleep. Needs no password.
    Screen,
    /// The encrypted file store, locked since the daemon's start.
    Store,
    /// A new encrypted file store without a passphrase.
    NewStore,
}

/// The accounts that a request applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhichAccount {
    /// The default account: the configured one, otherwise the first one that logged in.
    Default,
    /// By account name; otherwise by provider alias or issuer, if only one account matches.
    Named(String),
    /// The account whose `hosts:` match this destination (the default if several match), otherwise
    /// the default account.
    ForHost(String),
    /// The account whose `hosts:` match this destination, otherwise the default account if it has
    /// no `hosts:`.
    MeantForHost(String),
    /// Every account.
    All,
}

/// Parameters of a login.
#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// One provider, or several to choose from on a page in the browser.
    pub providers: Vec<Provider>,
    /// Algorithm of the user key.
    #[serde(default)]
    pub key_type: KeyType,
    /// Principals for the certificate; empty means the wildcard marker.
    #[serde(default)]
    pub principals: Vec<String>,
    /// Overrides the provider's `send_access_token`.
    pub send_access_token: Option<bool>,
    /// How the user logs in.
    #[serde(default)]
    pub flow: Flow,
    /// Set by the agent when it logs in to an existing account again.
    #[serde(skip)]
    pub again: bool,
    /// Account name. `None`: the name of this user's existing account, otherwise the provider's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// Parameters of the authentication request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub asking: Asking,
    /// Options of this client.
    #[serde(default, skip_serializing_if = "is_default")]
    pub joining: Joining,
}

/// Parameters of this authentication request (OpenID Connect Core section 3.1.2.1). Not stored. For
/// [`Flow::Browser`] only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// Overrides the provider's `prompt`.
    pub prompt: Option<String>,
    /// Login hint; by default the email address of the account that logs in again.
    pub login_hint: Option<String>,
    /// Try `prompt=none` first. If the provider requires interaction, the same browser window
    /// continues with an ordinary login.
    #[serde(default)]
    pub silent_first: bool,
    /// Use `prompt=none` and fail if the provider requires interaction.
    #[serde(default)]
    pub silent_only: bool,
}

/// Options of one client for a login that other clients may share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// Whether this client can open the browser. The agent tells one client of a login to.
    pub opens_browser: bool,
    /// If the account became usable since the client last asked, answer with [`Event::Ready`] and
    /// start no login.
    pub unless_usable: Option<WhichAccount>,
    /// Seconds that this client waits for the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            opens_browser: true,
            unless_usable: None,
            timeout: None,
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How the user logs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// In a browser on this machine: authorization code with a loopback redirect (RFC 8252).
    #[default]
    Browser,
    /// On any device, by typing a code (RFC 8628). Takes one provider: there is no chooser page.
    Device,
}

/// The user key's algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// P-256, ES256, `ecdsa-sha2-nistp256`.
    #[default]
    Ecdsa,
    /// Ed25519, EdDSA, `ssh-ed25519`.
    Ed25519,
}

/// An ssh process that is about to connect. The agent does not run `ssh -G` itself, because that
/// executes commands from `Match exec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connecting {
    /// The ssh process.
    pub process: Process,
    /// The account that it should use.
    #[serde(default)]
    pub account: Option<String>,
    /// The server's names: as given on the command line, and as in known_hosts.
    pub names: Vec<String>,
    /// Names of the jump hosts that its child ssh processes connect to, the direct child first.
    pub jumps: Vec<Vec<String>>,
    /// Files of UserKnownHostsFile and GlobalKnownHostsFile.
    pub known_hosts: Vec<PathBuf>,
    /// The ssh-agent that the command was to use, before it was given this one.
    #[serde(default)]
    pub upstream: Option<PathBuf>,
}

/// What the daemon answers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "a variant says what its field is")]
pub enum Event {
    /// Show this URL and open it in a browser, unless another client of the same login already
    /// opened it.
    OpenBrowser {
        /// Address to open.
        url: String,
        /// Whether another client already opened it.
        #[serde(default)]
        opened: bool,
    },
    /// Show this address and code (RFC 8628 section 3.3). Sent for [`Flow::Device`].
    DeviceCode {
        /// Code to type.
        user_code: String,
        /// Address to type it at.
        verification_uri: String,
        /// Address that contains the code, for a QR code.
        verification_uri_complete: Option<String>,
        /// Seconds from now.
        expires_in: u64,
    },
    /// Current step, for a spinner: "Waiting for the browser", …
    Waiting { what: String },
    /// The login succeeded. Terminal.
    LoggedIn { account: AccountStatus },
    /// Accounts were logged out. Terminal.
    LoggedOut {
        accounts: Vec<LoggedOut>,
        /// Why others stay logged in, one for each account.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<Failure>,
    },
    /// Answers [`Request::Status`].
    Status { report: StatusReport },
    /// The default account's name. Terminal.
    DefaultAccount { account: String },
    /// The account is usable. Terminal.
    Ready { account: AccountStatus },
    /// Only a login makes the account usable. `account` is its alias, if it has one.
    LoginNeeded {
        /// Alias of the account, if it has one.
        account: Option<String>,
        /// Why it is not usable.
        reason: String,
        /// Set if a login does not help: what does.
        #[serde(default)]
        hint: Option<String>,
        /// Whether there is no account of the name that was asked for.
        #[serde(default)]
        unknown: bool,
    },
    /// The address matched a pending login, whose clients get its result.
    RedirectTaken,
    /// The encrypted file store has these accounts now. Terminal.
    Moved { accounts: Vec<String> },
    /// Parts that are still locked; empty: none.
    Unlockable { locked: Vec<LockedPart> },
    /// Refused until this part is unlocked.
    Locked { part: LockedPart, reason: String },
    /// Answers [`Request::Connecting`].
    Noted {
        /// Why the server will not be shown the account, and what to change.
        #[serde(default)]
        not_shown: Option<Failure>,
    },
    /// The daemon exits.
    Stopping,
    /// The request failed. Terminal.
    Failed { failure: Failure },
}

impl Event {
    /// Returns true if this is the last event of an answer.
    pub fn is_terminal(&self) -> bool {
        !matches!(
            self,
            Self::OpenBrowser { .. } | Self::DeviceCode { .. } | Self::Waiting { .. }
        )
    }
}

/// Reason for a failed request: one line for the cause, one for the hint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed, and why.
    pub message: String,
    /// How to fix it, if known.
    pub hint: Option<String>,
    /// Whether the answer could not be found out: something is locked, out of reach or hangs.
    #[serde(default)]
    pub inconclusive: bool,
    /// Whether the request may succeed with another password.
    #[serde(default)]
    pub wrong_password: bool,
}

/// One account that was logged out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedOut {
    /// Alias of the account.
    pub alias: String,
    /// Its issuer.
    pub issuer: String,
    /// Result of revoking the refresh token at the provider, as text.
    pub revocation: String,
    /// Whether the refresh token may still be valid because revoking it failed.
    #[serde(default)]
    pub not_revoked: bool,
}
