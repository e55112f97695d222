//! Steps at which a test makes the daemon die, to see what comes back. Only in debug builds.

/// The variable that names the step.
#[cfg(debug_assertions)]
const VARIABLE: &str = "OPKSSH_FAILPOINT";

/// The daemon has come to this step: dies here, without a chance to tidy up, if a test wants it.
#[cfg(debug_assertions)]
pub fn reached(step: &str) {
    if std::env::var_os(VARIABLE).is_some_and(|wanted| wanted == step) {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reached(_step: &str) {}
