//! A refreshed ID token that is not what the first one was, is refused and reported, and what was
//! held goes on working.

use opkssh_protocol::control::{AccountState, Renewal};
use serde_json::Value;

use super::*;
use crate::accounts::ensure::EnsureError;

/// Logs in at an honest provider; then its refreshed ID tokens have these claims.
async fn renewed_with(on_refresh: OnRefresh, claims: Value) -> (World, Option<String>) {
    let world = World::new(on_refresh, 3600, ExpirationPolicy::OidcRefreshed);
    let (first, _) = world.log_in().await;
    assert_eq!(first.last_error, None);
    let due = first.next_renewal.unwrap();
    world.provider.forge(claims);
    world.set_time(due);
    world.rest().await;
    assert_eq!(world.provider.refreshes(), 2, "it was asked");
    let status = world.status();
    if status.last_error.is_some() {
        assert_eq!(status.usable_until, first.usable_until);
        assert_eq!(status.renewal, first.renewal);
        world.server_accepts().unwrap();
        // the refresh token that came with it is the one to go on with
        world.provider.forge(json!({}));
        world.set_time(due.plus(60));
        world.rest().await;
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

/// Past its deadline, after the provider has answered every refresh with `error`.
async fn ended_with(error: &'static str) -> World {
    let world = World::new(OnRefresh::RepeatsNonce, 3600, ExpirationPolicy::Oidc);
    let (first, _) = world.log_in().await;
    world.provider.refuse(Some(error));
    world.set_time(first.next_renewal.unwrap());
    world.rest().await;
    assert!(world.status().last_error.unwrap().contains(error));
    world.server_accepts().unwrap();
    world.set_time(first.usable_until.unwrap().plus(1));
    world
}

#[tokio::test]
async fn where_the_provider_needs_the_person_only_a_login_helps() {
    for error in ["interaction_required", "login_required", "consent_required"] {
        let world = ended_with(error).await;
        let status = world.status();
        assert_eq!(status.state, AccountState::LoginNeeded, "{error}");
        assert_eq!(status.next_renewal, None, "nor is it asked again");
        assert_eq!(status.renewal, Renewal::NeedsPerson, "{error}");
        let has_token = |account: &AccountFacts| account.item().unwrap().refresh_token.is_some();
        assert!(world.account(has_token), "a logout revokes it");
        let (status, openings) = world.log_in().await;
        assert_eq!((status.state, openings), (AccountState::Usable, 1));
    }
}

#[tokio::test]
async fn past_the_deadline_a_refusal_leaves_it_to_the_person_and_a_failure_does_not() {
    for (error, needed) in [
        ("invalid_client", true),
        ("unauthorized_client", true),
        ("temporarily_unavailable", false),
        ("server_error", false),
    ] {
        let world = ended_with(error).await;
        let state = world.status().state;
        assert_eq!(state == AccountState::LoginNeeded, needed, "{error}");
        match world.accounts.ensure(&WhichAccount::Default).await {
            Err(EnsureError::LoginNeeded { reason, .. }) => {
                assert!(needed && reason.contains(error), "{reason}");
            }
            Err(EnsureError::NotNow { .. }) => assert!(!needed, "{error}"),
            _ => panic!("{error}: usable"),
        }
        // a client that is registered again is found by the clockwork
        world.provider.refuse(None);
        world.set_time(world.now().plus(3600));
        world.rest().await;
        assert_eq!(world.status().state, AccountState::Usable);
    }
}
