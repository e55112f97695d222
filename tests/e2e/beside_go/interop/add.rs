//! `opkssh add`: rows of ours for Go to read, rows of Go's for us.

use opkssh_test_support::{Etc, GoPeer, Output, left_out, user_name};

use super::PARTS;
use crate::agent::servers::our_verify;
use crate::setup::Setup;

fn our_add(setup: &Setup, etc: &Etc, identity: &str) -> Output {
    setup
        .home
        .opkssh(["add", "--etc"])
        .arg(etc.dir())
        .args([&user_name(), identity, setup.provider.issuer()])
        .run()
}

#[test]
fn a_row_that_one_adds_is_read_by_the_other() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let (certificate, user, peer) = (setup.certificate(), user_name(), GoPeer::new());
    let ca = setup.provider.ca_file();
    for identity in ["alice@example.com", "alice", "oidc:groups:admins"] {
        for added_by_us in [true, false] {
            let etc =
                Etc::new().provider(setup.provider.issuer(), setup.provider.client_id(), "24h");
            let _ = our_verify(&setup.home, &etc, &user, &certificate).refused();
            let _ = peer.verify(&etc, &user, &certificate, &ca).refused();

            let added = if added_by_us {
                our_add(&setup, &etc, identity)
            } else {
                peer.add(&etc, &user, identity, setup.provider.issuer())
            };
            assert!(added.stdout().contains("Successfully added new policy to"));

            let ours = our_verify(&setup.home, &etc, &user, &certificate).stdout();
            assert_eq!(ours, peer.verify(&etc, &user, &certificate, &ca).stdout());
        }
    }
}

#[test]
fn both_write_the_same_file() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let (user, peer) = (user_name(), GoPeer::new());
    let (ours, gos) = (Etc::new(), Etc::new());
    // twice: the second time there is nothing to do
    for identity in [
        "alice@example.com",
        "oidc:groups:admins",
        "alice@example.com",
    ] {
        our_add(&setup, &ours, identity).stdout();
        peer.add(&gos, &user, identity, setup.provider.issuer())
            .stdout();
    }
    let text = |etc: &Etc| std::fs::read_to_string(etc.dir().join("auth_id")).unwrap();
    assert_eq!(text(&ours), text(&gos));
}
