//! When an account should be renewed, and what can be promised about it. Pure: times in, plan out.

use opkssh_protocol::control::{AccountState, Renewal};
use opkssh_protocol::pk_token::{ExpirationPolicy, TokenTimes};
use opkssh_protocol::time::UnixTime;

/// Renewal happens at least this many seconds before the planned deadline …
const LEAST_MARGIN: i64 = 10;
/// … and at most this many.
const MOST_MARGIN: i64 = 15 * 60;

/// A person hears of an end that only a person can move so many seconds before it, at most …
const MOST_AHEAD: i64 = 30 * 60;
/// … and for at most this part of the whole time: short logins do not end soon as soon as they begin.
const PART_AHEAD: i64 = 2;

/// What is planned for an account. It never cuts anything off: the server decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Last second that the planned policy accepts; `None`: it has no end.
    pub deadline: Option<UnixTime>,
    /// When to renew without a person; `None`: that cannot help, or there is no need.
    pub renew_at: Option<UnixTime>,
}

/// Plans for tokens with these times under `expiration`. `early` is an account's own random
/// number, by which its renewals keep clear of everybody else's.
pub fn plan(
    times: TokenTimes,
    expiration: ExpirationPolicy,
    renewal: Renewal,
    has_refresh_token: bool,
    early: u8,
) -> Plan {
    // a token without the time its policy needs is past its deadline from the start
    let deadline = expiration.end(times).unwrap_or(Some(UnixTime(0)));
    let helps = has_refresh_token
        && match renewal {
            Renewal::Unknown | Renewal::ByItself => true,
            Renewal::OnRefreshedServers => expiration == ExpirationPolicy::OidcRefreshed,
            Renewal::NeedsPerson => false,
        };
    let renew_at = deadline.filter(|_| helps).map(|deadline| {
        let start = times.issued_at.unwrap_or(deadline);
        let lifetime = deadline.since(start);
        let margin = (lifetime / 5).clamp(LEAST_MARGIN, MOST_MARGIN);
        let margin = margin + margin * i64::from(early) / 512;
        // a fresh token of a few seconds is not due at once
        deadline.plus(-margin.min(lifetime / 2))
    });
    Plan { deadline, renew_at }
}

impl Plan {
    /// Returns the plan of an account that is logged out at `end`: nothing is planned beyond it.
    pub fn until(self, end: Option<UnixTime>) -> Self {
        let Some(end) = end else {
            return self;
        };
        // the last second that counts
        let last = end.plus(-1);
        Self {
            deadline: Some(self.deadline.map_or(last, |deadline| deadline.min(last))),
            renew_at: self.renew_at.filter(|renew_at| *renew_at < end),
        }
    }

    pub fn is_usable(&self, now: UnixTime) -> bool {
        self.deadline.is_none_or(|deadline| now <= deadline)
    }

    pub fn wants_renewal(&self, now: UnixTime) -> bool {
        self.renew_at.is_some_and(|renew_at| now >= renew_at)
    }

    /// Returns from when on the deadline is near; `None`: there is none that a person has to move.
    pub fn ends_soon_from(&self, times: TokenTimes) -> Option<UnixTime> {
        let deadline = self.deadline.filter(|_| self.renew_at.is_none())?;
        let whole = deadline.since(times.issued_at.unwrap_or(UnixTime(0)));
        Some(deadline.plus(-MOST_AHEAD.min(whole / PART_AHEAD)))
    }

    /// Returns true if the login ends soon, and only a person can go on.
    pub fn ends_soon(&self, times: TokenTimes, now: UnixTime) -> bool {
        self.is_usable(now) && self.ends_soon_from(times).is_some_and(|from| now >= from)
    }

    pub fn state(&self, now: UnixTime) -> AccountState {
        if self.wants_renewal(now) {
            AccountState::Stale
        } else if self.is_usable(now) {
            AccountState::Usable
        } else {
            AccountState::LoginNeeded
        }
    }
}

/// Returns what `status` says about how an account is renewed.
pub fn renewal_words(renewal: Renewal, expiration: ExpirationPolicy) -> String {
    let every = match expiration {
        ExpirationPolicy::Hours12 => "needs you every 12 h",
        ExpirationPolicy::Hours24 => "needs you every 24 h",
        ExpirationPolicy::Hours48 => "needs you every 48 h",
        ExpirationPolicy::Week => "needs you once a week",
        ExpirationPolicy::Oidc => "needs you each time the ID token ends",
        ExpirationPolicy::OidcRefreshed => "needs you each time the ID token ends",
        ExpirationPolicy::Never => return "needs no renewal".to_owned(),
    };
    match renewal {
        Renewal::ByItself => "renews by itself".to_owned(),
        Renewal::OnRefreshedServers if expiration == ExpirationPolicy::OidcRefreshed => {
            "renews by itself on servers with oidc_refreshed".to_owned()
        }
        Renewal::OnRefreshedServers => format!(
            "{every}: the provider does not repeat the nonce (servers with oidc_refreshed, and \
             `expiration: oidc_refreshed` here, would renew by themselves)"
        ),
        Renewal::NeedsPerson => {
            format!("{every}: the provider gives nothing to renew with")
        }
        Renewal::Unknown => "not known yet: the first renewal will show".to_owned(),
    }
}

#[cfg(test)]
mod tests;
