//! `--lifetime`: the end comes whatever the provider renews, also for who was not running then.

use std::time::Duration;

use opkssh_protocol::control::AccountState;

use super::locked::open_store;
use super::*;

const HOUR: i64 = 3600;
const LIFETIME: Duration = Duration::from_secs(8 * 3600);

/// Logs in at a provider that renews for ever, with an agent that gives it eight hours.
async fn world() -> World {
    let (renews, policy) = (OnRefresh::RepeatsNonce, ExpirationPolicy::Oidc);
    let mut world = World::new(renews, HOUR, policy);
    Arc::get_mut(&mut world.accounts)
        .unwrap()
        .limit_lifetime(Some(LIFETIME));
    world.log_in().await;
    world
}

#[tokio::test]
async fn it_is_renewed_until_its_time_is_up_and_logged_out_then() {
    let world = world().await;
    let end = START.plus(8 * HOUR);
    let mut renewals = world.provider.refreshes();
    while let Some(next) = world.accounts.next_work()
        && next < end
    {
        world.set_time(next);
        world.accounts.clone().work().await;
        renewals += 1;
        assert_eq!(world.provider.refreshes(), renewals);
        world.server_accepts().unwrap();
    }
    assert!(renewals > 8, "{renewals}");
    let status = world.status();
    assert_eq!(status.next_renewal, None, "{status:?}");
    assert!(status.usable_until < Some(end));
    assert_eq!(world.accounts.next_work(), Some(end));

    world.set_time(end);
    assert_eq!(world.status().state, AccountState::LoginNeeded);
    // before the clockwork has come to it
    world.accounts.publish();
    assert!(world.held.listed().is_empty());
    world.accounts.clone().work().await;
    assert!(world.accounts.find(&WhichAccount::All).is_empty());
    assert_eq!(world.provider.refreshes(), renewals);
    assert_eq!(world.accounts.next_work(), None);
}

#[tokio::test]
async fn without_one_it_goes_on() {
    let mut world = world().await;
    Arc::get_mut(&mut world.accounts)
        .unwrap()
        .limit_lifetime(None);
    world.set_time(START.plus(9 * HOUR));
    world.accounts.clone().work().await;
    world.server_accepts().unwrap();
}

#[tokio::test]
async fn an_agent_that_starts_after_the_end_shows_nothing_and_logs_out() {
    let (renews, policy) = (OnRefresh::RepeatsNonce, ExpirationPolicy::Oidc);
    let store = StoreWish::File;
    let mut world = World::with_store(store, START, renews, HOUR, policy);
    open_store(&world).await;
    world.log_in().await;
    world.restart(store);
    Arc::get_mut(&mut world.accounts)
        .unwrap()
        .limit_lifetime(Some(LIFETIME));
    world.set_time(START.plus(8 * HOUR));
    open_store(&world).await;
    world.accounts.restore_missing().await;
    assert!(world.held.listed().is_empty());
    world.accounts.clone().work().await;
    assert!(world.accounts.find(&WhichAccount::All).is_empty());
    world.restart(store);
    open_store(&world).await;
    world.accounts.restore_missing().await;
    assert!(
        world.accounts.find(&WhichAccount::All).is_empty(),
        "for good"
    );
}
