//! The daemon's answers.

use serde::{Deserialize, Serialize};

use super::{AccountStatus, HostView, JumpHost, LockedPart, StatusReport};

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
    /// Show this address and code (RFC 8628 section 3.3). Sent for [`Flow::Device`](super::Flow::Device).
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
    /// Answers [`Request::Status`](super::Request::Status).
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
    /// These jump hosts are no longer trusted. Terminal.
    Distrusted { jump_hosts: Vec<JumpHost> },
    /// Parts that are still locked; empty: none.
    Unlockable { locked: Vec<LockedPart> },
    /// Refused until this part is unlocked.
    Locked { part: LockedPart, reason: String },
    /// Answers [`Request::Connecting`](super::Request::Connecting).
    Noted {
        /// Why the server will not be shown the account, and what to change.
        #[serde(default)]
        not_shown: Option<Failure>,
    },
    /// Answers [`Request::HostView`].
    HostView { view: HostView },
    /// The socket of a [`Request::AccountView`](super::Request::AccountView) is there. Terminal.
    AccountViewOpened,
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
