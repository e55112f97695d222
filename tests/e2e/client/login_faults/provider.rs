//! What a well-behaved provider never does.

use opkssh_test_support::{
    Browser, Client, Fault, FaultyProvider, Home, Part, SecretService, left_out,
};

use super::{nothing_is_held, says};
use crate::setup::{OPKSSH, entry, write_config};

/// Logs in at a provider with this fault; gives stderr. Nothing may be half-stored.
fn refused_at(fault: Fault) -> String {
    let home = Home::new(OPKSSH);
    let provider = FaultyProvider::start(fault);
    let _browser = Browser::install(&home);
    let client = Client::public("an-id");
    write_config(&home, &[entry("faulty", provider.issuer(), &client, &[])]);
    if left_out(&[Part::Keyring]) {
        let refused = home.opkssh(["login"]).run().refused();
        nothing_is_held(&home);
        return refused;
    }
    let _keyring = SecretService::start(&home);
    let refused = home.opkssh(["login"]).run().refused();
    nothing_is_held(&home);
    let found = home
        .command("secret-tool")
        .args(["search", "--all", "service", "opkssh-agent"])
        .run();
    assert_eq!(found.any_stdout(), "", "something is in the keyring");
    refused
}

#[test]
fn a_provider_that_is_down() {
    let refused = refused_at(Fault::Refused);
    says(
        &refused,
        &["Error: the provider's discovery document: localhost cannot be reached"],
    );
    says(&refused, &["check the network"]);
}

#[test]
fn a_provider_that_hangs() {
    let refused = refused_at(Fault::Silent);
    says(&refused, &["localhost did not answer within 15 seconds"]);
}

#[test]
fn a_provider_that_is_out_of_order() {
    says(
        &refused_at(Fault::ServerError),
        &["openid-configuration answered 500"],
    );
}

#[test]
fn a_provider_that_talks_nonsense() {
    says(
        &refused_at(Fault::Garbage),
        &["discovery document is not understood"],
    );
}

#[test]
fn a_provider_that_never_stops_talking() {
    says(
        &refused_at(Fault::Endless),
        &["the answer of localhost is too large"],
    );
}

#[test]
fn a_provider_that_speaks_for_another() {
    let refused = refused_at(Fault::OtherIssuer);
    says(
        &refused,
        &["names another issuer: https://somebody-else.example"],
    );
}

#[test]
fn a_provider_whose_discovery_leads_elsewhere() {
    says(&refused_at(Fault::Redirect), &["cannot be reached"]);
}

#[test]
fn a_token_endpoint_that_hangs() {
    let refused = refused_at(Fault::TokenSilent);
    says(
        &refused,
        &["token endpoint: localhost did not answer within 15 seconds"],
    );
}

#[test]
fn a_token_endpoint_that_is_out_of_order() {
    says(
        &refused_at(Fault::TokenServerError),
        &["token endpoint: ", "/token answered 500"],
    );
}

#[test]
fn a_token_endpoint_that_talks_nonsense() {
    says(
        &refused_at(Fault::TokenGarbage),
        &["token endpoint is not understood: it is not JSON"],
    );
}

#[test]
fn a_token_endpoint_without_an_id_token() {
    let refused = refused_at(Fault::TokenWithoutIdToken);
    says(
        &refused,
        &[
            "the provider's answer holds no ID token",
            "allow the scope `openid`",
        ],
    );
}

#[test]
fn an_id_token_that_nobody_signed() {
    let refused = refused_at(Fault::TokenUnsigned);
    says(
        &refused,
        &["token endpoint is not understood: its JSON is no answer to the request"],
    );
}

/// What a provider says about a refusal reaches the terminal, the page and the log as text only.
#[track_caller]
fn nothing_steers(shown: &str) {
    says(
        shown,
        &["sorry\\u{1b}[2J", "Error: none\\u{202e}\\u{200b}gnorw"],
    );
    assert!(
        !shown.contains(['\u{1b}', '\u{202e}', '\u{200b}']),
        "{shown:?}"
    );
    let errors = shown.lines().filter(|line| line.starts_with("Error: "));
    assert_eq!(errors.count(), 1, "{shown:?}");
}

#[test]
fn what_an_authorization_endpoint_says_does_not_steer_the_terminal() {
    nothing_steers(&refused_at(Fault::Denied));
}

#[test]
fn what_a_token_endpoint_says_does_not_steer_the_terminal() {
    nothing_steers(&refused_at(Fault::TokenDenied));
}
