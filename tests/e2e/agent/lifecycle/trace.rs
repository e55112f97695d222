//! Every agent of the suite records its events and replays them. A [`Home`](opkssh_test_support::Home)
//! fails its test where that gives other views.

use opkssh_test_support::{Part, SecretService, left_out, wait_until};

use crate::agent::lock::{lock, unlock};
use crate::setup::Setup;

#[test]
fn a_login_a_renewal_a_lock_and_a_logout_replay_to_the_same_views() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    wait_until("it renews to learn how", || {
        (setup.provider.granted("refresh_token") > 0).then_some(())
    });
    lock(&setup.home);
    unlock(&setup.home);
    setup.home.opkssh(["agent", "restart"]).run().stdout();
    setup.home.opkssh(["check"]).run().stdout();
    setup.home.opkssh(["logout"]).run().stdout();
    setup.home.opkssh(["agent", "stop"]).run().stdout();
    let trace = setup.home.trace();
    let count = |line: &str| line.split(' ').next()?.parse::<u32>().ok();
    let counts: Vec<u32> = trace.lines().filter_map(count).collect();
    // each agent begins with its first event
    let agents = counts.iter().filter(|count| **count == 1).count();
    assert_eq!(agents, 2, "{trace}");
    assert!(counts.iter().any(|count| *count > 20), "{trace}");
}
