//! Go's server, which has the real clock, and tokens that our side got some time ago: it decides as
//! our plan predicts.

use std::path::Path;

use opkssh_test_support::{Etc, GoPeer, Part, left_out, user_name};

use super::*;
use crate::accounts::provider;
use crate::accounts::renewal::plan::plan;

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
        go_decides_as_planned(&world, &format!("a login, {age} s old"));
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
        world.renewed_at(renewed).await;
        let outcomes = go_decides_as_planned(&world, &format!("renewed {age} s ago"));
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
        world.renewed_at(renewed).await;
        let outcomes = go_decides_as_planned(&world, &format!("attached {age} s ago"));
        if age == TTL - MARGIN {
            assert_eq!(outcomes[4..6], [false, true], "this is what it is for");
        }
    }
}

fn now() -> UnixTime {
    Clock::system().now()
}

impl World {
    async fn renewed_at(&self, time: UnixTime) {
        self.set_time(time);
        let documents = provider::discover(&self.accounts.http, self.provider.issuer()).await;
        let renewed = self
            .accounts
            .renew_with(&self.account(), &documents.unwrap())
            .await;
        renewed.map_err(|error| error.to_string()).unwrap();
    }
}

/// Asks Go's verify about what the agent holds, under each policy; its yes or no.
fn go_decides_as_planned(world: &World, what: &str) -> Vec<bool> {
    let (user, issuer) = (user_name(), world.provider.issuer());
    let account = world.account();
    let (certificate, times) = {
        let state = account.state();
        (
            state.credentials.certificate.openssh(),
            state.credentials.times(),
        )
    };
    let mut outcomes = Vec::new();
    let peer = GoPeer::new();
    for policy in POLICIES {
        let etc = Etc::new()
            .provider(issuer, MintingProvider::CLIENT, &policy.to_string())
            .allow(&user, "alice@example.com", issuer);
        let renewal = world.status().renewal;
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
