//! Running programs of others as verify's account: a limited number at once, and kept from writing
//! to the key cache.

use std::path::Path;

use crate::confine::{self, Shield};
use crate::deadline::Deadline;
use crate::etc;
use crate::key_source;
use crate::log::Log;
use crate::slots::{self, RunKind};

/// What runs, and for how long.
pub(super) struct Limited<'a> {
    pub kind: RunKind,
    /// The account that sshd asks about.
    pub account: &'a str,
    pub key_cache: Option<&'a Path>,
    pub deadline: Deadline,
}

impl Limited<'_> {
    /// Calls `run` once a slot is free. Fails if none is free in time, or `run` panics.
    pub fn run<T: Send>(self, log: &Log, run: impl FnOnce() -> T + Send) -> Result<T, String> {
        let Self {
            kind,
            account,
            key_cache,
            deadline,
        } = self;
        let slots = key_cache.unwrap_or(Path::new(etc::CACHE));
        let _slot = slots::take_or_log(slots, kind, account, deadline, log)?;
        // who can write to the cache decides who gets in, whatever refuses
        let protected = key_source::protected(key_cache);
        let (done, shield) = confine::without_writing_to(&protected, run);
        if shield == Shield::NotKept {
            log.line(&format!(
                "warning: {kind}: not kept from writing to {}: this kernel cannot, or a file system \
                 beside it did not answer",
                protected.display()
            ));
        }
        done.ok_or_else(|| "internal error".to_owned())
    }
}
