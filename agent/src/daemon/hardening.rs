//! Keeping the process's memory to itself.

use rustix::process::{DumpableBehavior, Resource, Rlimit};

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
