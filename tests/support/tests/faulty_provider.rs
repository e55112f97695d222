//! Proof that the faulty provider is faulty in the way it says.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use opkssh_test_support::{Fault, FaultyProvider, Home, Output, Run};

fn curl(home: &Home, url: &str) -> Run {
    home.command("curl")
        .args(["-s", "-m", "20", "-w", "\n%{http_code} %{redirect_url}"])
        .arg(url)
}

fn discovery(fault: Fault) -> (FaultyProvider, Output) {
    let provider = FaultyProvider::start(fault);
    let url = format!("{}/.well-known/openid-configuration", provider.issuer());
    let output = curl(&Home::new("/bin/sh"), &url).run();
    (provider, output)
}

#[test]
fn discovery_fails_in_every_way() {
    let code = |fault| discovery(fault).1.code();
    assert_eq!(code(Fault::Refused), Some(7), "connection refused");
    assert!(discovery(Fault::ServerError).1.stdout().contains("\n500 "));
    assert!(discovery(Fault::Garbage).1.stdout().contains("<html>"));
    assert!(
        discovery(Fault::OtherIssuer)
            .1
            .stdout()
            .contains("https://somebody-else.example")
    );
    assert!(
        discovery(Fault::Redirect)
            .1
            .stdout()
            .contains("302 http://127.0.0.1:9/")
    );
}

#[test]
fn silence_lasts_until_the_provider_goes() {
    let provider = FaultyProvider::start(Fault::Silent);
    let home = Home::new("/bin/sh");
    let mut waiting = curl(&home, provider.issuer()).start();
    opkssh_test_support::wait_until("the request", || {
        (!provider.requests().is_empty()).then_some(())
    });
    assert!(!waiting.has_ended());
    drop(provider);
    assert_eq!(waiting.wait().code(), Some(52), "an empty reply");
}

#[test]
fn an_endless_body_never_fits() {
    let provider = FaultyProvider::start(Fault::Endless);
    let home = Home::new("/bin/sh");
    let script = format!("curl -s {} | head -c 50000000 | wc -c", provider.issuer());
    assert_eq!(
        home.opkssh(["-c", &script]).run().stdout().trim(),
        "50000000"
    );
}

#[test]
fn the_token_endpoint_fails_after_a_flow_that_went_well() {
    let home = Home::new("/bin/sh");
    for (fault, expected) in [
        (Fault::TokenServerError, "out of order"),
        (Fault::TokenGarbage, "<html>"),
        (Fault::TokenWithoutIdToken, "access_token"),
        (Fault::TokenUnsigned, "eyJhbGciOiJub25lIn0."),
    ] {
        let provider = FaultyProvider::start(fault);
        let back = "http%3A%2F%2Flocalhost%3A3000%2Flogin-callback";
        let auth = format!(
            "{}/auth?redirect_uri={back}&state=s1&scope=openid",
            provider.issuer()
        );
        let redirect = curl(&home, &auth).run().stdout();
        assert!(
            redirect.contains("303 http://localhost:3000/login-callback?code=a-code&state=s1"),
            "{redirect}"
        );
        let token = format!("{}/token", provider.issuer());
        let answer = curl(&home, &token)
            .args(["-d", "grant_type=authorization_code&code=a-code"])
            .run();
        assert!(answer.stdout().contains(expected), "{fault:?}");
        assert_eq!(provider.requests(), ["GET /auth", "POST /token"]);
    }

    let provider = FaultyProvider::start(Fault::TokenSilent);
    let token = format!("{}/token", provider.issuer());
    let waiting = curl(&home, &token).args(["-d", "code=a-code"]).start();
    opkssh_test_support::wait_until("the request", || {
        (!provider.requests().is_empty()).then_some(())
    });
    drop(provider);
    assert_eq!(waiting.wait().code(), Some(52));
}
