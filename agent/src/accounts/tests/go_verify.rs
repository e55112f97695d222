//! Go's server, which has the real clock, and tokens that our side got some time ago: it decides as
//! our plan predicts.

use std::path::Path;

use opkssh_test_support::{Etc, GoPeer, Part, left_out, user_name};

use super::*;
use crate::accounts::credentials::Credentials;
use crate::accounts::renewal::plan::plan;
use crate::accounts::renewal::refresh::{send, verify};
use crate::accounts::shared::Shared;
use crate::serving::source::Visibility;

const HOUR: i64 = 3600;
const TTL: i64 = HOUR;
/// Wide enough for a slow machine between two looks at the clock.
const MARGIN: i64 = 120;

const POLICIES: [ExpirationPolicy; 7] = [
    ExpirationPolicy::Hours12,
    ExpirationPolicy::Hours24,
    ExpirationPolicy::Hours48,
    ExpirationPolicy::Week,
    ExpirationPolicy::Oidc,
    ExpirationPolicy::OidcRefreshed,
    ExpirationPolicy::Never,
];

/// Around the end of everything that can end.
fn ages() -> Vec<i64> {
    let ends = [TTL, 12 * HOUR, 24 * HOUR, 48 * HOUR, 168 * HOUR];
    let around = ends.iter().flat_map(|end| [end - MARGIN, end + MARGIN]);
    [0, 720 * HOUR].into_iter().chain(around).collect()
}

#[tokio::test]
async fn a_login_of_any_age() {
    if left_out(&[Part::Go]) {
        return;
    }
    for age in ages() {
        let start = now().plus(-age);
        let world = World::at(start, OnRefresh::NoRefreshToken, TTL, POLICIES[0]);
        world.log_in().await;
        go_decides_as_planned(
            &world,
            &world.credentials(),
            &format!("a login, {age} s old"),
        );
    }
}

/// The login is a month older.
#[tokio::test]
async fn a_token_that_was_made_of_a_refreshed_one_with_the_nonce() {
    if left_out(&[Part::Go]) {
        return;
    }
    for age in ages() {
        let renewed = now().plus(-age);
        let world = World::at(
            renewed.plus(-720 * HOUR),
            OnRefresh::RepeatsNonce,
            TTL,
            POLICIES[0],
        );
        world.log_in().await;
        let renewed = world.renewed_at(renewed).await;
        let outcomes = go_decides_as_planned(&world, &renewed, &format!("renewed {age} s ago"));
        // as if the person had logged in then
        if age == 0 {
            assert_eq!(outcomes, [true; 7]);
        }
    }
}

/// The login is half a token's life older than the refreshed part.
#[tokio::test]
async fn a_token_with_a_refreshed_part() {
    if left_out(&[Part::Go]) {
        return;
    }
    for age in ages() {
        let renewed = now().plus(-age);
        let start = renewed.plus(-TTL / 2);
        let world = World::at(start, OnRefresh::NoNonce, TTL, POLICIES[0]);
        world.log_in().await;
        let renewed = world.renewed_at(renewed).await;
        let outcomes = go_decides_as_planned(&world, &renewed, &format!("attached {age} s ago"));
        if age == TTL - MARGIN {
            assert_eq!(outcomes[4..6], [false, true], "this is what it is for");
        }
    }
}

fn now() -> UnixTime {
    Clock::system().now()
}

impl World {
    /// Renews the login at this time, due or not.
    async fn renewed_at(&self, time: UnixTime) -> Credentials {
        self.set_time(time);
        self.rest().await;
        let item = self.account(|account| account.item().unwrap().clone());
        let token = item.refresh_token.unwrap();
        let surroundings = Arc::new(Surroundings::of_process(false));
        let asked = send(&surroundings, &item.credentials, &token).await;
        let (_, answer) = asked.map_err(|error| error.to_string()).unwrap();
        let renewed = verify(&item.credentials, &answer, time);
        renewed.map_err(|error| error.to_string()).unwrap()
    }

    fn credentials(&self) -> Shared<Credentials> {
        self.account(|account| account.item().unwrap().credentials.clone())
    }
}

/// Asks Go's verify about what the agent holds, under each policy; its yes or no.
fn go_decides_as_planned(world: &World, credentials: &Credentials, what: &str) -> Vec<bool> {
    let (user, issuer) = (user_name(), world.provider.issuer());
    let certificate = credentials.shown(&Visibility::default()).openssh();
    let times = credentials.times();
    let mut outcomes = Vec::new();
    let peer = GoPeer::new();
    for policy in POLICIES {
        let etc = Etc::new()
            .provider(issuer, MintingProvider::CLIENT, &policy.to_string())
            .allow(&user, "alice@example.com", issuer);
        let renewal = credentials.parts.renewal;
        let plan = plan(times, policy, renewal, false, 0);
        let said = peer.verify(&etc, &user, &certificate, Path::new("/dev/null"));
        let verdict = said.success();
        assert_eq!(
            verdict,
            plan.is_usable(now()),
            "{what}, {policy}: {}",
            said.stderr()
        );
        if !verdict {
            assert!(said.stderr().contains("expired"), "{}", said.stderr());
        }
        outcomes.push(verdict);
    }
    outcomes
}
