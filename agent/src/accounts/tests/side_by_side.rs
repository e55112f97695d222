//! Logins side by side: which of them are one, and what they keep the agent from.

use opkssh_protocol::account_name::AccountName;

use super::*;
use crate::accounts::login::shared_login::LoginKey;
use crate::accounts::whose::is_named_after_provider;

fn world() -> World {
    World::new(OnRefresh::RepeatsNonce, 3600, ExpirationPolicy::Oidc)
}

/// Do a login that names no account, and one for the account named after the provider, share one?
fn share(world: &World) -> bool {
    let key = |request: &LoginRequest| {
        let by_provider = is_named_after_provider(&world.accounts.owner.now().facts, request);
        LoginKey::of(request, by_provider).ok().unwrap()
    };
    let named = LoginRequest {
        account: Some(AccountName::existing("test")),
        ..world.request.clone()
    };
    key(&world.request) == key(&named)
}

#[tokio::test]
async fn logins_that_may_end_as_different_accounts_are_not_one() {
    let mut world = world();
    assert!(share(&world));
    world.log_in().await;
    assert!(share(&world));
    world.request.account = Some(AccountName::existing("another"));
    world.log_in().await;
    world.request.account = None;
    assert!(!share(&world), "who comes may be the other account's");
}

#[tokio::test]
async fn an_agent_does_not_end_while_a_login_is_open() {
    let world = world();
    let idle = || world.accounts.would_come_back();
    assert!(idle());
    let (events, mut shown) = mpsc::channel(8);
    {
        let login = world.accounts.logins.log_in(&world.request, &events);
        let opened = async {
            while !matches!(shown.recv().await, Some(Event::OpenBrowser { .. })) {}
            assert!(!idle(), "somebody is at the provider");
        };
        tokio::select! {
            _ = login => panic!("nobody has logged in"),
            () = opened => {}
        }
    }
    assert!(idle(), "they have left");
}
