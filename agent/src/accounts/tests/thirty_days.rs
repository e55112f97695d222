//! One login, then thirty days of use: a person who needs ssh several times a day, a machine that
//! sleeps at night, a provider that is out of reach on some mornings, a clock that is wrong twice.

use super::*;
use crate::accounts::ensure::EnsureError;
use crate::serving::source::LoginSource as _;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Lifetime of the ID tokens.
const TTL: i64 = HOUR;

const BEHAVIOURS: [OnRefresh; 4] = [
    OnRefresh::RepeatsNonce,
    OnRefresh::NoNonce,
    OnRefresh::NoIdToken,
    OnRefresh::NoRefreshToken,
];

#[tokio::test]
async fn servers_with_12h() {
    with_every_provider(ExpirationPolicy::Hours12).await;
}

#[tokio::test]
async fn servers_with_24h() {
    with_every_provider(ExpirationPolicy::Hours24).await;
}

#[tokio::test]
async fn servers_with_48h() {
    with_every_provider(ExpirationPolicy::Hours48).await;
}

#[tokio::test]
async fn servers_with_1week() {
    with_every_provider(ExpirationPolicy::Week).await;
}

#[tokio::test]
async fn servers_with_oidc() {
    with_every_provider(ExpirationPolicy::Oidc).await;
}

#[tokio::test]
async fn servers_with_oidc_refreshed() {
    with_every_provider(ExpirationPolicy::OidcRefreshed).await;
}

#[tokio::test]
async fn servers_with_never() {
    with_every_provider(ExpirationPolicy::Never).await;
}

async fn with_every_provider(expiration: ExpirationPolicy) {
    for on_refresh in BEHAVIOURS {
        let person = thirty_days(expiration, on_refresh).await;
        let expected = necessary_logins(expiration, on_refresh);
        let what = format!("{expiration}, {on_refresh:?}");
        assert_eq!(person.logins, expected, "{what}");
        assert_eq!(person.openings, expected.len(), "{what}");
        assert_eq!(person.world.provider.authorizations(), expected.len());
        let by_itself = renews_by_itself(expiration, on_refresh);
        assert_eq!(expected.len() == 1, by_itself, "{what}");
        if on_refresh == OnRefresh::RepeatsNonce {
            assert_eq!(person.logins.len(), 1, "{what}");
        }
    }
}

/// What happens on a day, at a second of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Wakes,
    ProviderDown,
    ProviderUp,
    ClockAhead(i64),
    ClockRight,
    Ssh { plain: bool },
    Sleeps,
}

/// Thirty days from [`START`], in order. No two runs differ.
fn life() -> Vec<(UnixTime, What)> {
    let mut random = 1_u64;
    let mut minute = move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        i64::try_from((random >> 33) % 3600).unwrap()
    };
    let mut events = Vec::new();
    for day in 0..30 {
        let at = |hour: i64, seconds: i64| START.plus(day * DAY + (hour - 9) * HOUR + seconds);
        // a weekend away in the middle
        if [12, 13].contains(&day) {
            continue;
        }
        let mut add = |time, what| events.push((time, what));
        if day > 0 {
            add(at(8, 0), What::Wakes);
        }
        let offline = day % 7 == 3;
        if offline {
            add(at(8, 0), What::ProviderDown);
        }
        if day > 0 {
            add(
                at(8, 7),
                What::Ssh {
                    plain: day % 2 == 0,
                },
            );
        }
        if offline {
            add(at(8, 40 * MINUTE), What::ProviderUp);
        }
        for (number, hour) in [9, 11, 14, 16].into_iter().enumerate() {
            let plain = number % 2 == 0;
            add(at(hour, minute()), What::Ssh { plain });
        }
        match day {
            10 => {
                add(at(13, 1), What::ClockAhead(3 * DAY));
                add(at(13, 20 * MINUTE), What::ClockRight);
            }
            20 => {
                add(at(13, 1), What::ClockAhead(-10 * MINUTE));
                add(at(13, 20 * MINUTE), What::ClockRight);
            }
            _ => {}
        }
        add(at(18, 3599), What::Ssh { plain: false });
        add(at(19, 0), What::Sleeps);
    }
    events.sort_by_key(|(time, _)| *time);
    events
}

struct Person {
    world: World,
    logins: Vec<UnixTime>,
    openings: usize,
}

async fn thirty_days(expiration: ExpirationPolicy, on_refresh: OnRefresh) -> Person {
    let mut person = Person {
        world: World::new(on_refresh, TTL, expiration),
        logins: Vec::new(),
        openings: 0,
    };
    person.logs_in(on_refresh).await;
    let (mut asleep, mut down) = (false, false);
    for (time, what) in life() {
        let world = &person.world;
        if asleep {
            world.set_time(time);
        } else {
            world.pass_until(time).await;
        }
        match what {
            What::Wakes => asleep = false,
            What::Sleeps => asleep = true,
            What::ProviderDown | What::ProviderUp => {
                down = what == What::ProviderDown;
                world.provider.set_down(down);
            }
            What::ClockAhead(seconds) => world.set_clock_wrong(seconds),
            What::ClockRight => world.set_clock_wrong(0),
            What::Ssh { plain } => person.uses_ssh(plain, down, on_refresh).await,
        }
    }
    person
}

impl World {
    /// Time passes while the machine is awake: the clockwork does what is due.
    async fn pass_until(&self, time: UnixTime) {
        let mut rounds = 0;
        while let Some(next) = self.next_work() {
            let next = next.plus(-self.ahead()).max(self.now());
            if next > time {
                break;
            }
            self.set_time(next);
            self.rest().await;
            rounds += 1;
            assert!(rounds < 1000, "the clockwork spins");
        }
        self.set_time(time);
        self.rest().await;
    }
}

impl Person {
    async fn logs_in(&mut self, on_refresh: OnRefresh) {
        let (status, openings) = self.world.log_in().await;
        self.logins.push(self.world.now());
        self.openings += openings;
        assert_eq!(status.last_error, None);
        assert_eq!(
            status.renewal_words.split(':').next().unwrap(),
            words(self.world.expiration, on_refresh)
        );
        self.world.server_accepts().unwrap();
    }

    /// By `opkssh ssh`, or plain: then the agent renews when it is asked for the list.
    async fn uses_ssh(&mut self, plain: bool, down: bool, on_refresh: OnRefresh) {
        let (world, now) = (&self.world, self.world.now());
        let before = world.status();
        let in_time = before.usable_until.is_none_or(|until| now <= until);
        let promised = in_time || (before.next_renewal.is_some() && !down);
        if plain {
            let end = std::time::Instant::now() + TIMEOUT;
            world
                .accounts
                .source
                .bring_up_to_date(&["test".to_owned()], end)
                .await;
        }
        let ensured = world.accounts.ensure(&WhichAccount::Default).await;
        let accepted = world.server_accepts();
        match ensured {
            Ok(_) => {
                accepted.unwrap();
                assert!(promised, "{now}: better than status said: {before:?}");
            }
            Err(EnsureError::NotNow { reason, .. }) => {
                assert!(down, "{now}: {reason}");
                assert!(accepted.is_err() && !promised);
                assert!(world.status().last_error.is_some());
            }
            Err(
                EnsureError::Locked { reason, .. }
                | EnsureError::NotMeant { reason, .. }
                | EnsureError::Unknown { reason },
            ) => {
                panic!("nobody locked it or asked for a host or a name: {reason}")
            }
            Err(EnsureError::LoginNeeded { reason, .. }) => {
                assert!(accepted.is_err(), "{now}: there was no need: {reason}");
                assert!(!promised, "{now}: status promised more: {before:?}");
                assert!(!renews_by_itself(world.expiration, on_refresh), "{reason}");
                // with the provider out of reach the person has to wait, too
                if !down {
                    self.logs_in(on_refresh).await;
                }
            }
        }
    }
}

fn renews_by_itself(expiration: ExpirationPolicy, on_refresh: OnRefresh) -> bool {
    matches!(
        (expiration, on_refresh),
        (ExpirationPolicy::Never, _)
            | (_, OnRefresh::RepeatsNonce)
            | (ExpirationPolicy::OidcRefreshed, OnRefresh::NoNonce)
    )
}

/// What `status` says, up to the first colon.
fn words(expiration: ExpirationPolicy, on_refresh: OnRefresh) -> &'static str {
    match (expiration, on_refresh) {
        (ExpirationPolicy::Never, _) => "needs no renewal",
        (_, OnRefresh::RepeatsNonce) => "renews by itself",
        (ExpirationPolicy::OidcRefreshed, OnRefresh::NoNonce) => {
            "renews by itself on servers with oidc_refreshed"
        }
        (ExpirationPolicy::Hours12, _) => "needs you every 12 h",
        (ExpirationPolicy::Hours24, _) => "needs you every 24 h",
        (ExpirationPolicy::Hours48, _) => "needs you every 48 h",
        (ExpirationPolicy::Week, _) => "needs you once a week",
        (ExpirationPolicy::Oidc | ExpirationPolicy::OidcRefreshed, _) => {
            "needs you each time the ID token ends"
        }
    }
}

/// When a person has to log in, by the policy alone: at the first use after the end of the last
/// login, where nothing but a login helps.
fn necessary_logins(expiration: ExpirationPolicy, on_refresh: OnRefresh) -> Vec<UnixTime> {
    let mut logins = vec![START];
    if renews_by_itself(expiration, on_refresh) {
        return logins;
    }
    let counts = match expiration {
        ExpirationPolicy::Hours12 => 12 * HOUR,
        ExpirationPolicy::Hours24 => DAY,
        ExpirationPolicy::Hours48 => 2 * DAY,
        ExpirationPolicy::Week => 7 * DAY,
        _ => TTL,
    };
    let mut down = false;
    for (time, what) in life() {
        match what {
            What::ProviderDown => down = true,
            What::ProviderUp => down = false,
            What::Ssh { .. } if !down && time.since(logins[logins.len() - 1]) > counts => {
                logins.push(time);
            }
            _ => {}
        }
    }
    logins
}
