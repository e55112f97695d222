//! Certificates that the agent renewed, at servers of Go's.

use std::time::{SystemTime, UNIX_EPOCH};

use opkssh_test_support::{GoPeer, Part, ProviderOptions, left_out, user_name, wait_until};

use super::PARTS;
use crate::agent::servers::{Server, our_verify, rules};
use crate::setup::{Setup, status};

/// Lifetime of the ID tokens in seconds; they are renewed 10 s before their end.
const LIFETIME: u32 = 14;
/// Between two ssh, in seconds; shorter when there was a renewal.
const MOST_PAUSE: i64 = 10;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs().try_into().unwrap()
}

fn usable_until(setup: &Setup) -> i64 {
    let status = status(&setup.home);
    status["accounts"][0]["usable_until"]
        .as_i64()
        .unwrap_or_else(|| panic!("{status}"))
}

fn short_lived(lifetime: u32, repeat_nonce: bool, expiration: &str) -> Setup {
    let options = ProviderOptions {
        id_token_ttl: lifetime,
        repeat_nonce_on_refresh: repeat_nonce,
        ..ProviderOptions::default()
    };
    Setup::with(options, &[expiration])
}

fn wait_until_after(time: i64) {
    wait_until("that time has passed", || (now() > time).then_some(()));
}

/// The person logs in once; the first ID token ends, and the next; ssh through Go's verify goes on.
/// `scripts/acceptance-renewal` runs it with longer-lived tokens for a longer time.
#[test]
fn ssh_through_go_s_verify_outlives_the_id_token_without_a_second_browser() {
    if left_out(&PARTS) || left_out(&[Part::Sshd]) {
        return;
    }
    let seconds = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let lifetime = seconds("OPKSSH_ACCEPTANCE_LIFETIME").unwrap_or(LIFETIME);
    let period = seconds("OPKSSH_ACCEPTANCE_PERIOD").unwrap_or(lifetime + 2);
    let setup = short_lived(lifetime, true, "expiration: oidc");
    let server = Server::go(&setup.provider, "oidc");
    setup.login(&[]);
    let (first, mut until, begin) = (setup.certificate(), usable_until(&setup), now());
    let end = begin + i64::from(period);
    assert!(
        until <= begin + i64::from(lifetime),
        "the plan is the token's own end"
    );

    let mut renewals = 0;
    while now() <= end {
        assert_eq!(
            server.plain_ssh(&setup.home).arg("echo in").run().stdout(),
            "in\n"
        );
        let pause = end.min(now() + MOST_PAUSE);
        until = wait_until("the next renewal, or some time", || {
            let next = usable_until(&setup);
            (next > until || now() > pause).then_some(next)
        });
        renewals = setup.provider.granted("refresh_token");
    }
    assert_eq!(
        server.plain_ssh(&setup.home).arg("echo in").run().stdout(),
        "in\n"
    );
    assert!(renewals >= 2, "{renewals} renewals in {period} s");
    assert_eq!(setup.browser.openings(), 1);
    assert_eq!(setup.provider.authorizations(), 1);

    // it is the renewed certificate that does it: same key, and the first one has ended
    let (user, peer, ca) = (
        user_name(),
        server.peer.as_ref().unwrap(),
        setup.provider.ca_file(),
    );
    wait_until_after(begin + i64::from(lifetime));
    let renewed = setup.certificate();
    let lines = [
        peer.verify(&server.etc, &user, &renewed, &ca).stdout(),
        our_verify(&setup.home, &server.etc, &user, &renewed).stdout(),
        our_verify(&setup.home, &rules(&setup.provider, "24h"), &user, &first).stdout(),
    ];
    assert!(lines.iter().all(|line| *line == lines[0]), "{lines:?}");
    let refused = peer.verify(&server.etc, &user, &first, &ca).refused();
    assert!(refused.contains("expired"), "{refused}");
    let refused = our_verify(&setup.home, &server.etc, &user, &first).refused();
    assert!(refused.contains("expired"), "{refused}");
}

#[test]
fn a_refreshed_part_serves_go_s_servers_with_oidc_refreshed() {
    if left_out(&PARTS) {
        return;
    }
    let setup = short_lived(LIFETIME, false, "expiration: oidc_refreshed");
    setup.login(&[]);
    let (first, ended) = (setup.certificate(), usable_until(&setup));
    wait_until("the first renewal", || {
        (usable_until(&setup) > ended).then_some(())
    });
    wait_until_after(ended);
    let renewed = setup.certificate();
    assert_eq!(setup.browser.openings(), 1);

    let (user, peer, ca) = (user_name(), GoPeer::new(), setup.provider.ca_file());
    let etc = rules(&setup.provider, "oidc_refreshed");
    let line = peer.verify(&etc, &user, &renewed, &ca).stdout();
    assert_eq!(
        our_verify(&setup.home, &etc, &user, &renewed).stdout(),
        line
    );
    // what a refreshed part does not help with
    for (what, expiration, certificate) in [
        ("the first certificate", "oidc_refreshed", &first),
        ("the first ID token", "oidc", &renewed),
    ] {
        let etc = rules(&setup.provider, expiration);
        let _ = peer.verify(&etc, &user, certificate, &ca).refused();
        let said = our_verify(&setup.home, &etc, &user, certificate).refused();
        assert!(said.contains("expired"), "{what}: {said}");
    }
}
