//! The provider is out of reach: what is still valid goes on working, and `status` says why it is
//! not renewed.

use opkssh_test_support::{Part, left_out, wait_until};

use super::{account, refreshes, short_lived};
use crate::agent::servers::Server;
use crate::setup::Setup;

#[test]
fn ssh_goes_on_for_as_long_as_the_server_takes_the_token() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::with(short_lived(14), &["expiration: oidc"]);
    // this server's policy is more patient than what we plan for, and its keys are to be had
    let server = Server::ours(&setup.provider, "24h");
    setup.login(&[]);
    setup.provider.fail("/token", 503, 1000);
    let stale = wait_until("a renewal fails", || {
        Some(account(&setup)).filter(|account| account["last_error"].is_string())
    });
    let said = server.plain_ssh(&setup.home).arg("echo plain").run();
    assert_eq!(said.stdout(), "plain\n");
    wait_until("the planned deadline is past", || {
        let checked = setup.home.opkssh(["check"]).run();
        (checked.code() == Some(3)).then_some(())
    });
    // the plan cuts nothing off
    let said = server.plain_ssh(&setup.home).arg("echo plain").run();
    assert_eq!(said.stdout(), "plain\n");
    let later = account(&setup);
    assert_eq!(later["state"], "stale");
    assert_eq!(later["renewal"], "by-itself");
    assert_eq!(later["usable_until"], stale["usable_until"]);
    let error = later["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("503"), "{error}");
    let shown = setup.home.opkssh(["status"]).run().stdout();
    assert!(shown.contains(error), "{shown}");
    assert_eq!(refreshes(&setup), 1, "the one right after the login");
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn without_a_network_the_agent_lists_and_signs_what_is_valid() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(short_lived(14), &["expiration: 24h"]);
    setup.login(&[]);
    let file = setup.home.write("cert.pub", setup.certificate());
    setup.provider.close();
    setup.home.opkssh(["check", "--for", "23h"]).run().stdout();
    let tested = setup.try_key(&file);
    assert!(tested.success(), "{}", tested.stderr());
    let now = account(&setup);
    assert_eq!(now["state"], "usable");
    assert!(now["last_error"].is_null(), "nothing was due: {now}");
}
