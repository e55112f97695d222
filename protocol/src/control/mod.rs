//! Messages on the control socket.
//!
//! A frame is a 32-bit big-endian length and that many bytes of JSON, at most [`MAX_FRAME`]. The
//! client sends one [`Request`]; the daemon answers with [`Event`]s, the last of which is
//! [terminal](Event::is_terminal). Closing the connection cancels the request. Both sides send
//! [`VERSION`]; a daemon that does not know the client's version answers with an error that says
//! which of the two to restart.

mod account_view;
mod connecting;
mod event;
mod host_view;
mod login;
mod status;

use serde::{Deserialize, Serialize};

use self::login::is_default;
use crate::secret::{self, Secret};
use crate::session_environment::SessionEnvironment;

pub use account_view::AccountView;
pub use connecting::Connecting;
pub use event::{Event, Failure, LoggedOut};
pub use host_view::{
    HiddenIdentity, HostIdentity, HostQuery, HostView, NewHostKey, NotOffered, Origin,
};
pub use login::{Asking, Flow, Joining, KeyType, LoginRequest};
pub use status::{
    AccountState, AccountStatus, AgentStatus, JumpHost, Notice, Renewal, StatusReport,
};

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
    /// Forget jump hosts that the user trusts with accounts, so that uses through them are asked for
    /// again. Ends with [`Event::Distrusted`].
    Distrust {
        /// Name or host key (`SHA256:…`) of the jump host; `None`: all.
        host: Option<String>,
        /// Account name; `None`: all.
        account: Option<String>,
    },
    /// Move accounts that are in memory only to the encrypted file store. Ends with
    /// [`Event::Moved`].
    MoveToFileStore,
    /// Announce an ssh process that is about to connect. Ends with [`Event::Noted`].
    Connecting(Connecting),
    /// Ask which identities a server would see. Causes no traffic, renewal or prompt. Ends with
    /// [`Event::HostView`].
    HostView(HostQuery),
    /// Serve one account on a socket of its own. Ends with [`Event::AccountViewOpened`].
    AccountView(AccountView),
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
