//! Messages on the control socket.
//!
//! A frame is a 32-bit big-endian length and that many bytes of JSON, at most [`MAX_FRAME`].
//! The client sends one [`Request`]; the daemon answers with [`Event`]s, the last of which is
//! [terminal](Event::is_terminal). Hanging up cancels what was asked for. Both sides send
//! [`VERSION`]; a daemon that does not know the client's answers with an error that says which of
//! the two to restart.

mod connecting;
mod status;

use serde::{Deserialize, Serialize};

use crate::account_name::AccountName;
use crate::config::Provider;
use crate::secret::{self, Secret};
use crate::session_environment::SessionEnvironment;

pub use connecting::Connecting;
pub use status::{AccountState, AccountStatus, AgentStatus, Notice, Renewal, StatusReport};

/// Of the messages below; raised when an older peer could misread them.
pub const VERSION: u32 = 2;

/// Largest frame either side accepts, in bytes, checked before anything is allocated.
pub const MAX_FRAME: usize = 256 * 1024;

/// A message with the version of its sender.
#[derive(Serialize, Deserialize)]
pub struct Versioned<T> {
    pub version: u32,
    /// With a request: what the daemon may not know of the client's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionEnvironment>,
    pub message: T,
}

impl<T> Versioned<T> {
    pub fn new(message: T) -> Self {
        Self {
            version: VERSION,
            session: None,
            message,
        }
    }

    pub fn from_session(message: T, session: SessionEnvironment) -> Self {
        Self {
            session: Some(session),
            ..Self::new(message)
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Events: [`Event::OpenBrowser`] or [`Event::DeviceCode`], [`Event::Waiting`], then
    /// [`Event::LoggedIn`]. Clients that ask for the same login while it waits for the person share
    /// it: each gets all of its events, and it is cancelled when the last of them has hung up.
    Login(LoginRequest),
    /// Log in anew to an account that the daemon has, named by its alias: at its own provider,
    /// with the principals, key type and access-token choice it was logged in with. Events as for
    /// [`Request::Login`].
    LoginAgain {
        account: String,
        #[serde(default)]
        flow: Flow,
        #[serde(default, skip_serializing_if = "Asking::is_plain")]
        asking: Asking,
        #[serde(default, skip_serializing_if = "Joining::is_plain")]
        joining: Joining,
    },
    /// The address that a browser elsewhere ended at, for the login that waits for it: the redirect
    /// URI with its query, the query alone, or `CODE&STATE`. The login is found by the `state` in
    /// it; one that is not waited for is refused, and no login ends by it. Ends with
    /// [`Event::RedirectTaken`].
    Redirected {
        #[serde(with = "crate::secret::exposed")]
        url: Secret,
    },
    /// Ends with [`Event::LoggedOut`].
    Logout { which: WhichAccount },
    /// Ends with [`Event::Status`].
    Status,
    /// Make an account usable without a person: renew it if it is stale.
    /// Ends with [`Event::Ready`] or [`Event::LoginNeeded`].
    Ensure {
        which: WhichAccount,
        /// If only a person can, ask one as the account's `on_demand` says, and wait a while.
        #[serde(default)]
        ask_person: bool,
    },
    /// Lock the agent: nothing is shown, signed or renewed until the password is said again.
    /// Ends with [`Event::Unlockable`].
    Lock {
        #[serde(with = "secret::exposed")]
        password: Secret,
    },
    /// Open a part that is locked; a new store gets this passphrase.
    /// Ends with [`Event::Unlockable`].
    Unlock {
        part: LockedPart,
        #[serde(with = "secret::exposed")]
        password: Secret,
    },
    /// An ssh of this machine is about to connect. Ends with [`Event::Noted`].
    Connecting(Connecting),
    /// Ends with [`Event::Stopping`]. Both mean the same in every [`VERSION`]: a daemon that runs on
    /// after an upgrade can always be ended.
    Stop,
}

/// What waits for a person to unlock it, most of it with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockedPart {
    /// The whole agent: somebody has locked it.
    Agent,
    /// The identities, put away with the screen or for the machine's sleep. Needs no password.
    Screen,
    /// The encrypted file store, since the daemon's start.
    Store,
    /// An encrypted file store that has no passphrase yet.
    NewStore,
}

/// Which of the accounts a request is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhichAccount {
    /// The default account: the configured one, else the only one, else the one that logged in last.
    Default,
    /// By the account's name; else by an alias of its provider, or its issuer, if only one account
    /// is there.
    Named(String),
    /// The one whose `hosts:` match this destination (of several, the default), else the default.
    ForHost(String),
    /// The one whose `hosts:` match this destination, else the default if it has no `hosts:`.
    MeantForHost(String),
    All,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct LoginRequest {
    /// One provider, or several to choose from on a page in the browser.
    pub providers: Vec<Provider>,
    #[serde(default)]
    pub key_type: KeyType,
    /// Principals for the certificate; empty means the wildcard marker.
    #[serde(default)]
    pub principals: Vec<String>,
    /// Overrides the provider's `send_access_token`.
    #[serde(default)]
    pub send_access_token: Option<bool>,
    #[serde(default)]
    pub flow: Flow,
    /// It is anew, to an account that there is; for the agent's own use.
    #[serde(skip)]
    pub again: bool,
    /// The account's name. `None`: that of the account which this person has there already, else
    /// the provider's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    #[serde(default, skip_serializing_if = "Asking::is_plain")]
    pub asking: Asking,
    #[serde(default, skip_serializing_if = "Joining::is_plain")]
    pub joining: Joining,
}

/// How the provider is asked this time (OpenID Connect Core section 3.1.2.1); nothing of it is
/// kept. For [`Flow::Browser`] only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// In place of the provider's `prompt`.
    #[serde(default)]
    pub prompt: Option<String>,
    /// Whom to expect; by default the address of the account that is logged in to anew.
    #[serde(default)]
    pub login_hint: Option<String>,
    /// Ask with `prompt=none` first. Where the provider's answer is that it needs the person, the
    /// same browser window goes on to the ordinary login.
    #[serde(default)]
    pub silent_first: bool,
    /// Ask with `prompt=none` and fail where the provider needs the person.
    #[serde(default)]
    pub silent_only: bool,
}

impl Asking {
    /// As the provider's entry says, nothing else.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// How a client takes part in a login that others may be waiting for, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joining {
    /// The client opens the browser. One client of a login does.
    pub opens_browser: bool,
    /// No login is begun when this account became usable since the client last asked: that is
    /// answered with [`Event::Ready`].
    #[serde(default)]
    pub unless_usable: Option<WhichAccount>,
}

impl Joining {
    /// Opens the browser, and logs in whatever is usable already.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            opens_browser: true,
            unless_usable: None,
        }
    }
}

/// Where the person logs in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// In a browser on this machine: authorization code with a loopback redirect (RFC 8252).
    #[default]
    Browser,
    /// On any device, with a code to type there (RFC 8628). Takes one provider: there is no page
    /// to choose on.
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

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Show this URL to the person and open it in a browser, unless it was opened already, by
    /// another client that waits for the same login.
    OpenBrowser {
        url: String,
        #[serde(default)]
        opened: bool,
    },
    /// Show the person where to go with which code (RFC 8628 section 3.3). The answer to
    /// [`Flow::Device`].
    DeviceCode {
        user_code: String,
        verification_uri: String,
        /// With the code in it, for a QR code.
        verification_uri_complete: Option<String>,
        /// Seconds from now.
        expires_in: u64,
    },
    /// What the daemon is doing now, for a spinner: "Waiting for the browser", …
    Waiting {
        what: String,
    },
    LoggedIn {
        account: AccountStatus,
    },
    LoggedOut {
        accounts: Vec<LoggedOut>,
    },
    Status {
        report: StatusReport,
    },
    Ready {
        account: AccountStatus,
    },
    /// Only a person can make it usable: log in. `account` is its alias, when there is one.
    LoginNeeded {
        account: Option<String>,
        reason: String,
    },
    /// The address was that of a login that waits; how it ends is told where it waits.
    RedirectTaken,
    /// What still waits for a password; nothing: all is open.
    Unlockable {
        locked: Vec<LockedPart>,
    },
    /// Refused until this part is unlocked.
    Locked {
        part: LockedPart,
        reason: String,
    },
    /// The answer to [`Request::Connecting`].
    Noted,
    Stopping,
    Failed {
        failure: Failure,
    },
}

impl Event {
    /// Is this the last event of an answer?
    pub fn is_terminal(&self) -> bool {
        !matches!(
            self,
            Self::OpenBrowser { .. } | Self::DeviceCode { .. } | Self::Waiting { .. }
        )
    }
}

/// Why a request failed: one line what, one line what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub message: String,
    pub hint: Option<String>,
}

/// One account that was logged out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedOut {
    pub alias: String,
    pub issuer: String,
    /// What happened to the refresh token at the provider, in words.
    pub revocation: String,
}
