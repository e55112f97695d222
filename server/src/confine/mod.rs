//! What the kernel is asked to keep this program, and those that it runs, from doing.

mod parsing;

pub use parsing::confine_parsing;

use std::path::{Path, PathBuf};
#[cfg(target_os = "linux")]
use std::sync::mpsc;
use std::thread;
#[cfg(target_os = "linux")]
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// How long it may take to look at what lies beside the directory: a network file system that does
/// not answer must not hold up a login.
#[cfg(target_os = "linux")]
const DEADLINE: Duration = Duration::from_secs(2);

/// Is it kept?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shield {
    /// There is nothing to keep anybody from.
    NotNeeded,
    Kept,
    /// The kernel is too old for all of it, or for any (Landlock is in Linux 5.13, truncation in
    /// 6.2), or has it turned off; or a file system beside the directory did not answer in time.
    NotKept,
}

/// No core dumps, and nothing of this process for others of the same account to read: what sshd
/// passes us may hold an access token. Best effort; returns what did not work.
pub fn keep_memory_private() -> Vec<String> {
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

/// Does `work` on a thread from which nothing below `directory` can be written, by none of the
/// programs either that it starts, nor by theirs. They cannot gain privileges (sudo does not work
/// for them), and nothing can be made or removed right in the directories above `directory`.
pub fn without_writing_to<T: Send>(
    directory: &Path,
    work: impl FnOnce() -> T + Send,
) -> (Option<T>, Shield) {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let shield = match directory.canonicalize() {
                Ok(directory) => restrict(directory),
                Err(_) => Shield::NotNeeded,
            };
            (work(), shield)
        });
        match thread.join() {
            Ok((value, shield)) => (Some(value), shield),
            // what it says may quote anything; the caller knows what it means
            Err(_) => (None, Shield::NotKept),
        }
    })
}

/// Landlock only knows what is allowed: everything beside the way to the directory is.
#[cfg(target_os = "linux")]
fn restrict(directory: PathBuf) -> Shield {
    use landlock::{
        ABI, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
    };
    let rules = in_time(DEADLINE, move || {
        let writing = AccessFs::from_write(ABI::V3);
        Ruleset::default()
            .handle_access(writing)
            .and_then(|ruleset| ruleset.create())
            .and_then(|ruleset| ruleset.add_rules(path_beneath_rules(beside(&directory), writing)))
    });
    // they hold for the thread that says so, not for the one that made them
    let enforced = rules.map(|rules| rules.and_then(|rules| rules.restrict_self()));
    match enforced {
        Some(Ok(status)) if status.ruleset == RulesetStatus::FullyEnforced => Shield::Kept,
        _ => Shield::NotKept,
    }
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: PathBuf) -> Shield {
    Shield::NotKept
}

/// What `work` returns, if it does in time. A thread that the kernel lets wait ends with the
/// process.
#[cfg(target_os = "linux")]
fn in_time<T: Send + 'static>(
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

/// Everything in the directories above, but for the way down. No symlinks: they may lead there,
/// and where else they lead is named by itself.
fn beside(directory: &Path) -> Vec<PathBuf> {
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
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn shell(script: &str, directory: &Path) -> bool {
        let script = format!("cd '{}' && {script}", directory.display());
        let status = Command::new("/bin/sh").args(["-c", &script]).status();
        status.unwrap().success()
    }

    #[test]
    fn programs_cannot_write_below_it_and_everywhere_else_they_can() {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        fs::create_dir_all(top.join("a/cache/sub")).unwrap();
        fs::create_dir(top.join("a/other")).unwrap();
        fs::write(top.join("a/cache/keys"), "good").unwrap();
        fs::write(top.join("a/other/file"), "").unwrap();
        symlink(top.join("a/cache"), top.join("link")).unwrap();
        let cache = top.join("a/cache");
        for script in [
            "echo x > a/cache/keys",
            "echo x >> a/cache/keys",
            "echo x > a/cache/new",
            "echo x > a/cache/sub/new",
            "echo x > link/keys",
            "rm a/cache/keys",
            "mv a/cache/keys a/other/",
            "ln a/other/file a/cache/hard",
            "mkdir a/cache/d",
            ": > a/cache/keys",
            "(echo x > a/cache/keys) 2>/dev/null || sh -c 'echo x > a/cache/keys'",
        ] {
            let (done, shield) = without_writing_to(&cache, || shell(script, top));
            assert_eq!(shield, Shield::Kept, "this kernel has no Landlock");
            assert_eq!(done, Some(false), "{script}");
            assert_eq!(fs::read_to_string(cache.join("keys")).unwrap(), "good");
        }
        for script in [
            "cat a/cache/keys",
            "echo x > a/other/new && mkdir a/other/d && mv a/other/new a/other/d && rm -r a/other/d",
            "echo x > /dev/null",
        ] {
            let (done, _) = without_writing_to(&cache, || shell(script, top));
            assert_eq!(done, Some(true), "{script}");
        }
        // on that thread only
        fs::write(cache.join("keys"), "still ours").unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_system_that_does_not_answer_holds_up_nobody() {
        let (answer, hangs) = mpsc::channel::<()>();
        let found = in_time(Duration::from_millis(1), move || hangs.recv().is_ok());
        assert_eq!(found, None);
        drop(answer);
        assert_eq!(in_time(Duration::from_secs(600), || 5), Some(5));
    }

    #[test]
    fn where_there_is_no_cache_there_is_nothing_to_keep() {
        let (done, shield) = without_writing_to(Path::new("/nonexistent/cache"), || 5);
        assert_eq!((done, shield), (Some(5), Shield::NotNeeded));
    }

    #[test]
    fn a_panic_is_no_answer() {
        let (done, _) = without_writing_to(Path::new("/nonexistent"), || panic!("on purpose"));
        assert_eq!(done, None::<()>);
    }
}
