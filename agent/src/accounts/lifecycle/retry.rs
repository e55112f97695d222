//! How long to wait after a failure. All in seconds.

use opkssh_protocol::time::UnixTime;

/// Until a store, or a file of our own, is tried again.
pub const STORE_RETRY: i64 = 30;
/// Until a request may have a store asked again: a locked keyring answers each time with a prompt.
pub const WANTED_STORE_RETRY: i64 = 5;
/// Until a failed refresh is tried again: doubled with each failure …
pub const FIRST_REFRESH_RETRY: i64 = 5;
/// … up to this.
pub const LAST_REFRESH_RETRY: i64 = 15 * 60;
/// Until a request may have a failed refresh tried again.
pub const WANTED_REFRESH_RETRY: i64 = 5;
/// In this time after its connection has ended, with the agent's patience or its process, a refresh
/// request has acted at the provider, or never will.
pub const REQUEST_LIMIT: i64 = 10;

/// Returns true if the wait for `retry_at` is over. A time further ahead than the longest wait
/// was set before the clock was set back, and does not count.
pub(super) fn is_due(retry_at: Option<UnixTime>, longest: i64, now: UnixTime) -> bool {
    retry_at.is_none_or(|retry_at| !(1..=longest).contains(&retry_at.since(now)))
}

/// Returns true if a request may have the store asked again that failed [`STORE_RETRY`] seconds
/// before `retry_at`.
pub(super) fn is_wanted_due(retry_at: Option<UnixTime>, now: UnixTime) -> bool {
    let soon = retry_at.map(|retry_at| retry_at.plus(WANTED_STORE_RETRY - STORE_RETRY));
    is_due(soon, WANTED_STORE_RETRY, now)
}

/// Returns when a refresh that failed this often in a row is tried again.
pub(super) fn refresh_retry(failures: u32, now: UnixTime) -> UnixTime {
    let wait = FIRST_REFRESH_RETRY << failures.saturating_sub(1).min(10);
    now.plus(wait.min(LAST_REFRESH_RETRY))
}
