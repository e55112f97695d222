//! A refreshed ID token that is not what the first one was, is refused and reported, and what was
//! held goes on working.

use serde_json::Value;

use super::*;
use crate::accounts::renew::Wish;

/// Logs in at an honest provider; then its refreshed ID tokens have these claims.
async fn renewed_with(on_refresh: OnRefresh, claims: Value) -> (World, Option<String>) {
    let world = World::new(on_refresh, 3600, ExpirationPolicy::OidcRefreshed);
    let (first, _) = world.log_in().await;
    assert_eq!(first.last_error, None);
    let due = first.next_renewal.unwrap();
    world.provider.forge(claims);
    world.set_time(due);
    let account = world.account();
    let _ = world.accounts.renew_if_stale(&account, Wish::Planned).await;
    assert_eq!(world.provider.refreshes(), 2, "it was asked");
    let status = world.status();
    if status.last_error.is_some() {
        assert_eq!(status.usable_until, first.usable_until);
        assert_eq!(status.renewal, first.renewal);
        world.server_accepts().unwrap();
        // the refresh token that came with it is the one to go on with
        world.provider.forge(json!({}));
        world.set_time(due.plus(60));
        let renewed = world.accounts.renew_if_stale(&account, Wish::Planned).await;
        renewed.map_err(|error| error.to_string()).unwrap();
        assert_eq!(world.status().last_error, None);
        assert!(world.status().usable_until > first.usable_until);
    }
    (world, status.last_error)
}

#[tokio::test]
async fn another_subject_issuer_audience_or_nonce_is_refused_and_reported() {
    for (claims, why) in [
        (json!({"sub": "mallory"}), "another subject"),
        (json!({"iss": "https://elsewhere.example"}), "issuer"),
        (json!({"aud": "another-client"}), "audience"),
        (json!({"aud": ["another-client", "a-third"]}), "audience"),
        (
            json!({"nonce": "bm90IG91cnM"}),
            "nonce is another commitment",
        ),
        (json!({"iat": START.0 - 100}), "older than the original"),
        (json!({"iat": START.0 + 1_000_000}), "future"),
    ] {
        for on_refresh in [OnRefresh::RepeatsNonce, OnRefresh::NoNonce] {
            let (_world, error) = renewed_with(on_refresh, claims.clone()).await;
            let error = error.unwrap_or_else(|| panic!("{claims} was taken, {on_refresh:?}"));
            assert!(error.starts_with("the refreshed ID token: "), "{error}");
            assert!(error.contains(why), "{claims}: {error}");
        }
    }
}

#[tokio::test]
async fn what_is_right_is_taken() {
    for on_refresh in [OnRefresh::RepeatsNonce, OnRefresh::NoNonce] {
        let (_world, error) = renewed_with(on_refresh, json!({"sub": "alice"})).await;
        assert_eq!(error, None, "{on_refresh:?}");
    }
}
