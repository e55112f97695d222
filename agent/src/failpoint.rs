//! Steps at which a test makes the daemon die, to see what comes back. Only in debug builds.

use rustix::process::{Signal, getpid, kill_process};

/// The daemon has come to this step: dies here, without a chance to tidy up, if a test wants it.
pub fn reached(step: &str) {
    if cfg!(debug_assertions)
        && std::env::var_os("OPKSSH_FAILPOINT").is_some_and(|wanted| wanted == step)
    {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}
