//! Restricts this process and its children with kernel features.

mod parsing;

pub use parsing::confine_parsing;

use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Time limit for listing the surroundings of the directory, so that an unresponsive network file
/// system does not delay a login.
#[cfg(target_os = "linux")]
const TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteProtection {
    /// The directory does not exist, so there is nothing to protect.
    NotNeeded,
    Kept,
    /// The kernel is too old (Landlock needs Linux 5.13, truncation 6.2) or has Landlock disabled;
    /// or a file system near the directory did not answer in time.
    NotKept,
}

/// Disables core dumps and access to this process's memory by other processes of the account:
/// sshd's arguments may contain an access token. Best effort; returns the failures.
pub fn protect_memory() -> Vec<String> {
    let mut problems = Vec::new();
    if let Err(errno) = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        problems.push(format!("memory stays readable: {errno}"));
    }
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    if let Err(errno) = rustix::process::setrlimit(Resource::Core, none) {
        problems.push(format!("core dumps stay possible: {errno}"));
    }
    problems
}

/// Runs `work` on a thread that cannot write below `directory`; nor can programs that it starts.
/// They cannot gain privileges (sudo does not work for them), nor create or remove entries directly
/// in the parent directories of `directory`.
pub fn without_writing_to<T: Send>(
    directory: &Path,
    work: impl FnOnce() -> T + Send,
) -> (Option<T>, WriteProtection) {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let protection = match directory.canonicalize() {
                Ok(directory) => restrict(directory),
                Err(_) => WriteProtection::NotNeeded,
            };
            (work(), protection)
        });
        match thread.join() {
            Ok((value, protection)) => (Some(value), protection),
            // the panic message could quote anything
            Err(_) => (None, WriteProtection::NotKept),
        }
    })
}

/// Landlock only knows permissions, so this allows everything outside the path to the directory.
#[cfg(target_os = "linux")]
fn restrict(directory: PathBuf) -> WriteProtection {
    use landlock::{
        ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
    };
    let rules = run_with_timeout(TIMEOUT, move || {
        let writing = AccessFs::from_write(ABI::V3);
        Ruleset::default()
            .handle_access(writing)
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| {
                ruleset.add_rules(path_beneath_rules(surroundings(&directory), writing))
            })
    });
    // applies to the thread that calls it, not to the one that created the ruleset
    let enforced = rules.map(|rules| rules.and_then(|rules| rules.restrict_self()));
    match enforced {
        Some(Ok(status)) if status.ruleset == RulesetStatus::FullyEnforced => WriteProtection::Kept,
        _ => WriteProtection::NotKept,
    }
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: PathBuf) -> WriteProtection {
    WriteProtection::NotKept
}

/// Returns the result of `work` if it is ready in time. A thread that is blocked in the kernel ends
/// with the process.
#[cfg(target_os = "linux")]
fn run_with_timeout<T: Send + 'static>(
    deadline: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new().spawn(move || {
        let _ = sender.send(work());
    });
    thread.ok()?;
    receiver.recv_timeout(deadline).ok()
}

/// Returns everything in the parent directories except the path to the directory. Skips symlinks:
/// they may point to it, and other targets are listed themselves.
fn surroundings(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut way = directory;
    while let Some(above) = way.parent() {
        let entries = above.read_dir().into_iter().flatten().flatten();
        found.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
                .map(|entry| entry.path())
                .filter(|path| path != way),
        );
        way = above;
    }
    found
}

#[cfg(test)]
mod tests;
