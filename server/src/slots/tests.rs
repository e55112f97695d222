use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn private_directory() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap()
}

fn take(cache: &Path, kind: RunKind, account: &str) -> Result<Option<OwnedFd>, String> {
    take_or_wait(cache, kind, account, Duration::ZERO, || ())
}

fn take_or_wait(
    cache: &Path,
    kind: RunKind,
    account: &str,
    timeout: Duration,
    waits: impl FnOnce(),
) -> Result<Option<OwnedFd>, String> {
    let log = Log::to(std::io::sink());
    super::take(cache, kind, account, Deadline::after(timeout), &log, waits)
}

fn taken(cache: &Path, kind: RunKind, account: &str) -> OwnedFd {
    take(cache, kind, account).unwrap().unwrap()
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
    let mut held: Vec<OwnedFd> = (0..SLOTS_PER_ACCOUNT)
        .map(|_| taken(cache, RunKind::Fallback, "root"))
        .collect();
    assert!(take(cache, RunKind::Fallback, "root").is_err());
    taken(cache, RunKind::Plugins, "root");
    taken(cache, RunKind::Fallback, &other_account());
    held.pop();
    held.push(taken(cache, RunKind::Fallback, "root"));
    assert!(take(cache, RunKind::Fallback, "root").is_err());
}

#[test]
fn who_waits_says_so_once_and_gets_the_slot_that_is_given_back() {
    let directory = private_directory();
    let cache = directory.path();
    let mut held: Vec<OwnedFd> = (0..SLOTS_PER_ACCOUNT)
        .map(|_| taken(cache, RunKind::Plugins, "root"))
        .collect();
    let minute = Duration::from_secs(60);
    // released only after it waits
    let taken = take_or_wait(cache, RunKind::Plugins, "root", minute, || held.clear());
    assert!(taken.unwrap().is_some());
}

#[test]
fn without_a_directory_of_our_own_there_are_no_slots() {
    let missing = take(Path::new("/nonexistent"), RunKind::Plugins, "root");
    assert!(missing.unwrap().is_none());
}
