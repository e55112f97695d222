//! Keeping the process's memory to itself.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Descriptors that a connection here, and those to upstream agents for it, may need in all.
const DESCRIPTORS: u64 = 4096;

/// Lets the process open what many connections need at once, as far as its limit can be raised.
pub fn raise_descriptors() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(DESCRIPTORS);
    if limit.current.is_some_and(|now| now < DESCRIPTORS.min(most)) {
        let raised = Rlimit {
            current: Some(DESCRIPTORS.min(most)),
            ..limit
        };
        if let Err(error) = rustix::process::setrlimit(Resource::Nofile, raised) {
            tracing::warn!("the limit of open files stays: {error}");
        }
    }
}

/// No core dumps, and no other process of this user may attach and read.
pub fn apply() {
    // best effort on purpose: a kernel that refuses this still gets a working agent
    if let Err(error) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!("the process stays dumpable: {error}");
    }
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(error) = rustix::process::setrlimit(Resource::Core, none) {
        tracing::warn!("core dumps stay possible: {error}");
    }
}
