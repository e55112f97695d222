//! Logins side by side: which of them are one, and what they keep the agent from.

use opkssh_protocol::account_name::AccountName;

use super::*;
use crate::accounts::account_for_login::is_named_after_provider;
use crate::accounts::login::shared_login::LoginKey;

fn world() -> World {
    World::new(OnRefresh::RepeatsNonce, 3600, ExpirationPolicy::Oidc)
}

/// Returns true if a login that names no account, and one for the account named after the provider,
/// are one.
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

#[tokio::test]
async fn an_account_of_which_the_index_does_not_say_whose_it_is_is_logged_in_to_again() {
    let store = StoreChoice::File;
    let expiration = ExpirationPolicy::Oidc;
    let mut world = World::with_store(store, START, OnRefresh::RepeatsNonce, 3600, expiration);
    super::locked::open_store(&world).await;
    world.log_in().await;
    world.rest().await;
    // as early versions wrote it
    let path = world.places.accounts_file().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut index: serde_json::Value = serde_json::from_str(&text).unwrap();
    let entry = index["accounts"][0].as_object_mut().unwrap();
    assert!(entry.remove("subject").is_some());
    entry.remove("generation");
    std::fs::write(&path, index.to_string()).unwrap();
    world.restart(store);
    super::locked::open_store(&world).await;
    assert_eq!(world.held(), ["test"]);

    world.provider.forge_logins(json!({"sub": "mallory"}));
    let (events, mut shown) = mpsc::channel(8);
    let login = world.accounts.logins.log_in(&world.request, &events);
    let person = async {
        while let Some(event) = shown.recv().await {
            if let Event::OpenBrowser { url, .. } = event {
                let http = Http::new(Arc::new(Surroundings::of_process(false)));
                tokio::spawn(async move { http.get(&url).await });
            }
        }
    };
    let refused = tokio::select! {
        refused = login => refused.err().expect("somebody else").to_string(),
        () = person => panic!("no answer"),
    };
    assert!(refused.contains("the account test is"), "{refused}");

    world.provider.forge_logins(json!({}));
    let (status, openings) = world.log_in().await;
    assert_eq!((&*status.alias, openings), ("test", 1));
}

#[tokio::test]
async fn a_login_does_not_wait_for_an_index_that_cannot_be_written() {
    let store = StoreChoice::File;
    let expiration = ExpirationPolicy::Oidc;
    let world = World::with_store(store, START, OnRefresh::RepeatsNonce, 3600, expiration);
    super::locked::open_store(&world).await;
    let in_the_way = || std::fs::create_dir(world.places.accounts_file().unwrap()).unwrap();
    let login = world.log_in_while(in_the_way);
    let login = tokio::time::timeout(Duration::from_secs(10), login);
    let (status, _) = login.await.expect("at once");
    let error = status.store_error.expect("it is in memory only");
    assert!(error.contains("accounts.json"), "{error}");
}

#[tokio::test]
async fn an_agent_does_not_end_before_it_has_what_a_provider_granted() {
    let world = world();
    let keeping = world.accounts.logins.keeping.clone().read_owned().await;
    assert!(!world.accounts.would_come_back());
    let limit = Duration::from_secs(60);
    let finish = world.accounts.finish(limit);
    tokio::pin!(finish);
    let waits = tokio::time::timeout(Duration::from_millis(200), &mut finish).await;
    assert!(waits.is_err(), "it is not in the agent yet");
    drop(keeping);
    assert!(finish.await.is_empty());
}
