//! Runs other programs as verify's account: a limited number at once, without write access to the
//! key cache.

use std::path::Path;

use crate::confine::{self, WriteProtection};
use crate::deadline::Deadline;
use crate::etc;
use crate::key_source;
use crate::log::Log;
use crate::slots::{self, RunKind};

/// Kind of program, and its deadline.
pub(super) struct Limited<'a> {
    pub kind: RunKind,
    /// The account that sshd asks about.
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
        let _slot = slots::take(slots, kind, account, deadline, log, || ())?;
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
