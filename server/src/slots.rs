//! Limits how many fallback commands, or plugins, run at once: any offered key can start one.
//!
//! A slot is a lock on one of a few files in the key cache's directory, which ends with its
//! process. An account can use only some of the slots, so that many keys for one account leave
//! slots for others.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::deadline::{Deadline, seconds};
use crate::key_source::{Store, StoreError};
use crate::log::Log;

/// Slots of each kind.
const SLOTS: usize = 32;
/// Slots that one account may use.
const SLOTS_PER_ACCOUNT: usize = 8;
/// Time between attempts to get a slot.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Use of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunKind {
    Fallback,
    Plugins,
}

impl fmt::Display for RunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fallback => "fallback",
            Self::Plugins => "plugins",
        })
    }
}

/// A slot in use until this value is dropped.
pub(crate) struct RunSlot {
    _lock: OwnedFd,
}

/// Reason for not getting a slot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRunSlot {
    #[error(
        "{SLOTS_PER_ACCOUNT} run already for accounts with the same slots, and none ended within {} s",
        seconds(*waited)
    )]
    Busy { waited: Duration },
    /// Slots cannot be counted in this directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a slot like [`take`]. Logs that it waits, and continues without a slot if slots cannot be
/// counted. Fails with a message if no slot became free.
pub(crate) fn take_or_log(
    cache: &Path,
    kind: RunKind,
    account: &str,
    deadline: Deadline,
    log: &Log,
) -> Result<Option<RunSlot>, String> {
    let waits = || {
        log.line(&format!(
            "{kind}: waiting, as {SLOTS_PER_ACCOUNT} run already for accounts with the same slots"
        ));
    };
    match take(cache, kind, account, deadline, waits) {
        Ok(slot) => Ok(Some(slot)),
        Err(NoRunSlot::Store(error)) => {
            log.line(&format!(
                "warning: {kind}: no limit to how many run at once: {error}"
            ));
            Ok(None)
        }
        Err(busy @ NoRunSlot::Busy { .. }) => Err(busy.to_string()),
    }
}

/// Takes a slot of `kind` for `account` in the directory `cache`. If all are taken, calls `waits`
/// and tries again until the deadline.
pub(crate) fn take(
    cache: &Path,
    kind: RunKind,
    account: &str,
    deadline: Deadline,
    waits: impl FnOnce(),
) -> Result<RunSlot, NoRunSlot> {
    let given = deadline.remaining();
    let store = Store::open(cache)?;
    let mut waits = Some(waits);
    loop {
        for number in of_account(account) {
            if let Some(lock) = store.try_lock(&format!("{kind}-{number}.slot"))? {
                return Ok(RunSlot { _lock: lock });
            }
        }
        if let Some(waits) = waits.take() {
            waits();
        }
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(NoRunSlot::Busy { waited: given });
        }
        thread::sleep(left.min(RETRY_INTERVAL));
    }
}

/// Returns the numbers of an account's slots.
fn of_account(account: &str) -> impl Iterator<Item = usize> {
    let digest = ring::digest::digest(&ring::digest::SHA256, account.as_bytes());
    let first = digest.as_ref().first().copied().unwrap_or_default();
    (0..SLOTS_PER_ACCOUNT).map(move |number| (usize::from(first) + number) % SLOTS)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn private_directory() -> tempfile::TempDir {
        tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .unwrap()
    }

    fn take(cache: &Path, kind: RunKind, account: &str) -> Result<RunSlot, NoRunSlot> {
        super::take(cache, kind, account, Deadline::after(Duration::ZERO), || ())
    }

    /// Returns an account without any slot of `root`.
    fn other_account() -> String {
        let is_apart = |account: &String| {
            of_account(account).all(|number| !of_account("root").any(|taken| taken == number))
        };
        let mut accounts = (0..).map(|number| format!("account-{number}"));
        accounts.find(is_apart).unwrap()
    }

    #[test]
    fn one_account_cannot_use_up_what_others_need() {
        let directory = private_directory();
        let cache = directory.path();
        let mut held: Vec<RunSlot> = (0..SLOTS_PER_ACCOUNT)
            .map(|_| take(cache, RunKind::Fallback, "root").unwrap())
            .collect();
        assert!(matches!(
            take(cache, RunKind::Fallback, "root"),
            Err(NoRunSlot::Busy { .. })
        ));
        assert!(take(cache, RunKind::Plugins, "root").is_ok());
        assert!(take(cache, RunKind::Fallback, &other_account()).is_ok());
        held.pop();
        held.push(take(cache, RunKind::Fallback, "root").unwrap());
        assert!(take(cache, RunKind::Fallback, "root").is_err());
    }

    #[test]
    fn who_waits_says_so_once_and_gets_the_slot_that_is_given_back() {
        let directory = private_directory();
        let cache = directory.path();
        let mut held: Vec<RunSlot> = (0..SLOTS_PER_ACCOUNT)
            .map(|_| take(cache, RunKind::Plugins, "root").unwrap())
            .collect();
        let deadline = Deadline::after(Duration::from_secs(60));
        // released only after it waits
        let taken = super::take(cache, RunKind::Plugins, "root", deadline, || held.clear());
        assert!(taken.is_ok());
    }

    #[test]
    fn without_a_directory_of_our_own_there_are_no_slots() {
        let missing = take(Path::new("/nonexistent"), RunKind::Plugins, "root");
        assert!(matches!(missing, Err(NoRunSlot::Store(_))));
    }
}
