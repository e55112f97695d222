//! ID tokens that a provider has signed and that are refused all the same.

use opkssh_test_support::{Browser, Client, Home, MintingProvider, OnRefresh};
use serde_json::{Value, json};

use super::{nothing_is_held, says};
use crate::setup::{OPKSSH, entry, status, write_config};

/// A home with a provider that signs what it is told to.
struct Minting {
    home: Home,
    browser: Browser,
    provider: MintingProvider,
}

impl Minting {
    fn new(on_refresh: OnRefresh, lines: &[&str]) -> Self {
        let home = Home::new(OPKSSH);
        let provider = MintingProvider::start(on_refresh, 3600, now());
        let browser = Browser::install(&home);
        let client = Client::public(MintingProvider::CLIENT);
        let entry = entry("test", provider.issuer(), &client, lines);
        write_config(&home, &[entry]);
        Self {
            home,
            browser,
            provider,
        }
    }
}

fn now() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap();
    now.as_secs().try_into().unwrap()
}

#[test]
fn the_refresh_token_of_a_refused_login_is_revoked() {
    let minting = Minting::new(OnRefresh::RepeatsNonce, &[]);
    for (claims, why) in [
        (json!({"nonce": "of-another-login"}), "commitment claim"),
        (json!({"azp": "another-client"}), "authorized party"),
        (json!({"aud": "another-client"}), "audience"),
        (json!({"iss": "https://somebody-else.example"}), "issuer"),
    ] {
        // without the agent, another login of the same grant may be there
        for (args, ends) in [(&["login"][..], 1), (&["login", "-p"], 0)] {
            let before = minting.provider.revoked().len();
            minting.provider.forge_logins(claims.clone());
            let refused = minting.home.opkssh(args).run().refused();
            says(&refused, &[why]);
            let revoked = minting.provider.revoked();
            assert_eq!(revoked.len(), before + ends, "{claims}, {args:?}");
            assert!(
                revoked[before..]
                    .iter()
                    .all(|token| token.starts_with("refresh-"))
            );
        }
    }
    says(&minting.browser.wait_for(8).text, &["Login failed"]);
    nothing_is_held(&minting.home);
}

#[test]
fn an_authorized_party_that_is_no_text_is_refused() {
    let minting = Minting::new(OnRefresh::RepeatsNonce, &[]);
    for azp in [json!(["another-client"]), json!(1), json!({})] {
        minting.provider.forge_logins(json!({"azp": azp}));
        minting.home.opkssh(["login"]).run().refused();
        nothing_is_held(&minting.home);
    }
}

#[test]
fn the_grant_of_an_account_that_is_there_and_a_token_refused_by_the_clock_are_left_alone() {
    let minting = Minting::new(OnRefresh::RepeatsNonce, &[]);
    let refused = |claims: Value, why: &str| {
        let before = minting.provider.revoked().len();
        minting.provider.forge_logins(claims);
        let refused = minting
            .home
            .opkssh(["login", "--as", "other"])
            .run()
            .refused();
        says(&refused, &[why]);
        minting.provider.revoked().len() - before
    };
    let says = [
        "expired",
        ": a clock is wrong\nhint: set the clock of this machine",
    ];
    for why in says {
        assert_eq!(refused(json!({"exp": now() - 10}), why), 0);
    }
    let behind = json!({"iat": now() + 3600, "exp": now() + 7200});
    assert_eq!(refused(behind, says[1]), 0);
    minting.provider.forge_logins(json!({}));
    minting.home.opkssh(["login"]).run().stdout();
    let other_client = json!({"azp": "another-client"});
    assert_eq!(refused(other_client, "authorized party"), 0);
    let other_person = json!({"azp": "another-client", "sub": "another"});
    assert_eq!(refused(other_person, "authorized party"), 1);
}

/// What becomes of an account whose renewed ID tokens have no nonce, and these claims.
fn renewed_with(claims: Value) -> Value {
    let lines = ["expiration: oidc_refreshed"];
    let minting = Minting::new(OnRefresh::NoNonce, &lines);
    minting.provider.forge(claims);
    minting.home.opkssh(["login"]).run().stdout();
    status(&minting.home)["accounts"][0].clone()
}

#[test]
fn a_renewed_token_without_a_nonce_is_for_this_client_and_still_good() {
    let account = renewed_with(json!({}));
    assert_eq!(account["renewal"], "on-refreshed-servers", "{account}");
    let account = renewed_with(json!({"azp": MintingProvider::CLIENT}));
    assert_eq!(account["renewal"], "on-refreshed-servers", "{account}");
    for (claims, why) in [
        (json!({"azp": "another-client"}), "authorized party"),
        (json!({"exp": now() - 10}), "expired"),
    ] {
        let account = renewed_with(claims.clone());
        let error = account["last_error"].as_str().unwrap_or_default();
        assert!(error.contains("the refreshed ID token"), "{account}");
        assert!(error.contains(why), "{claims}: {account}");
        assert_ne!(account["renewal"], "on-refreshed-servers", "{account}");
    }
}
