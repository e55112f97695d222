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

use crate::confine::{self, WriteProtection};
use crate::deadline::{Deadline, seconds};
use crate::etc;
use crate::key_source::{self, KeyStoreError, Store};
use crate::log::Log;

const SLOTS: usize = 32;
const SLOTS_PER_ACCOUNT: usize = 8;
/// Time between attempts to get a slot.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

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

/// Takes a slot of `kind` for `account` in the directory `cache`, in use until the handle is dropped.
/// While all are taken, calls `waits` once and tries again until the deadline; then fails with a
/// message. `None`, and a line in the log, if slots cannot be counted there.
fn take(
    cache: &Path,
    kind: RunKind,
    account: &str,
    deadline: Deadline,
    log: &Log,
    waits: impl FnOnce(),
) -> Result<Option<OwnedFd>, String> {
    let waited = deadline.remaining();
    let mut waits = Some(waits);
    let without_limit = |error: KeyStoreError| {
        log.line(&format!(
            "warning: {kind}: no limit to how many run at once: {error}"
        ));
        Ok(None)
    };
    // one directory for the whole wait: another one would have its own slots
    let store = match Store::open(cache) {
        Ok(store) => store,
        Err(error) => return without_limit(error),
    };
    loop {
        match try_take(&store, kind, account) {
            Ok(None) => {}
            Ok(slot) => return Ok(slot),
            Err(error) => return without_limit(error),
        }
        if let Some(waits) = waits.take() {
            log.line(&format!(
                "{kind}: waiting, as {SLOTS_PER_ACCOUNT} run already for accounts with the same \
                 slots"
            ));
            waits();
        }
        let left = deadline.remaining();
        if left.is_zero() {
            return Err(format!(
                "{SLOTS_PER_ACCOUNT} run already for accounts with the same slots, and none ended \
                 within {} s",
                seconds(waited)
            ));
        }
        thread::sleep(left.min(RETRY_INTERVAL));
    }
}

fn try_take(store: &Store, kind: RunKind, account: &str) -> Result<Option<OwnedFd>, KeyStoreError> {
    for number in of_account(account) {
        if let Some(slot) = store.try_lock(&format!("{kind}-{number}.slot"))? {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}

/// Returns the numbers of an account's slots.
fn of_account(account: &str) -> impl Iterator<Item = usize> {
    let digest = ring::digest::digest(&ring::digest::SHA256, account.as_bytes());
    let first = digest.as_ref().first().copied().unwrap_or_default();
    (0..SLOTS_PER_ACCOUNT).map(move |number| (usize::from(first) + number) % SLOTS)
}

pub(crate) struct Limited<'a> {
    pub kind: RunKind,
    pub account: &'a str,
    pub key_cache: Option<&'a Path>,
    pub deadline: Deadline,
}

impl Limited<'_> {
    /// Calls `run` once a slot is free. Fails if no slot becomes free in time, or if `run` panics.
    pub fn run<T: Send>(self, log: &Log, run: impl FnOnce() -> T + Send) -> Result<T, String> {
        let Self {
            kind,
            account,
            key_cache,
            deadline,
        } = self;
        let slots = key_cache.unwrap_or(Path::new(etc::CACHE));
        let _slot = take(slots, kind, account, deadline, log, || ())?;
        // write access to the cache would decide who can log in
        let protected = key_source::protected(key_cache);
        let (done, protection) = confine::without_writing_to(&protected, run);
        if protection == WriteProtection::NotKept {
            log.line(&format!(
                "warning: {kind}: not kept from writing to {}: this kernel cannot, or a file system \
                 beside it did not answer",
                protected.display()
            ));
        }
        done.ok_or_else(|| "internal error".to_owned())
    }
}

#[cfg(test)]
mod tests;
