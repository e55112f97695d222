//! `--lifetime`: the end comes whatever the provider renews, also for who was not running then.

use std::time::Duration;

use super::locked::open_store;
use super::*;
use crate::serving::source::IdentitySource as _;

const HOUR: i64 = 3600;
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// Logs in at a provider that renews for ever.
async fn world(lifetime: Option<Duration>) -> World {
    let (renews, policy) = (OnRefresh::RepeatsNonce, ExpirationPolicy::Oidc);
    let mut world = World::new(renews, HOUR, policy);
    world.lifetime = lifetime;
    world.restart(StoreChoice::Memory);
    world.log_in().await;
    world
}

#[tokio::test]
async fn it_is_renewed_until_its_time_is_up_and_logged_out_then() {
    let world = world(Some(LIFETIME)).await;
    let end = START.plus(8 * HOUR);
    let mut renewals = world.provider.refreshes();
    while let Some(next) = world.status().next_renewal {
        assert!(next < end);
        world.set_time(next);
        world.rest().await;
        renewals += 1;
        assert_eq!(world.provider.refreshes(), renewals);
        world.server_accepts().unwrap();
    }
    assert!(renewals > 8, "{renewals}");
    assert!(world.status().usable_until < Some(end));
    world.set_time(end.plus(-1));
    world.rest().await;
    assert_eq!(world.next_work(), Some(end));

    world.set_time(end);
    world.rest().await;
    assert!(world.accounts.source.identities().await.is_empty());
    assert!(world.held().is_empty());
    assert_eq!(world.provider.refreshes(), renewals);
    assert_eq!(world.next_work(), None);
    let (_, notices) = world.accounts.reports().await;
    let why = "test was logged out at the end of its lifetime";
    assert!(notices[0].text.contains(why), "{}", notices[0].text);
}

#[tokio::test]
async fn without_one_it_goes_on() {
    let world = world(None).await;
    world.set_time(START.plus(9 * HOUR));
    world.rest().await;
    world.server_accepts().unwrap();
}

#[tokio::test]
async fn an_agent_that_starts_after_the_end_shows_nothing_and_logs_out() {
    let (renews, policy) = (OnRefresh::RepeatsNonce, ExpirationPolicy::Oidc);
    let store = StoreChoice::File;
    let mut world = World::with_store(store, START, renews, HOUR, policy);
    open_store(&world).await;
    world.log_in().await;
    world.lifetime = Some(LIFETIME);
    world.set_time(START.plus(8 * HOUR));
    world.restart(store);
    open_store(&world).await;
    assert!(world.accounts.source.identities().await.is_empty());
    world.rest().await;
    assert!(world.held().is_empty());
    world.restart(store);
    open_store(&world).await;
    world.rest().await;
    assert!(world.held().is_empty(), "for good");
}
