//! `--lifetime`: everybody is logged out so long after the login, at the provider too.

use opkssh_test_support::{Part, SecretService, left_out, wait_until};

use crate::setup::{Setup, daemon_log, status};

const REVOCATION: &str = "/token/revocation";

#[test]
fn when_its_time_is_up_an_account_is_revoked_and_wiped() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    let start = ["agent", "start", "--lifetime", "30s"];
    setup.home.opkssh(start).run().stdout();
    let logged_in = setup.login(&[]);
    let before = status(&setup.home);
    assert_eq!(before["agent"]["lifetime"], 30);
    let said = setup.home.opkssh(["status"]).run().stdout();
    assert!(said.contains("logged out 30s after the login"), "{said}");
    let checked = setup.home.opkssh(["check"]).run().stdout();
    for said in [logged_in, said, checked] {
        let ends = "; logged out then, by the agent's --lifetime";
        assert!(said.contains(ends), "{said}");
        assert!(!said.contains("renews by itself"), "{said}");
        assert!(!said.contains("(24h)"), "{said}");
    }
    let account = &before["accounts"][0];
    assert!(account["next_renewal"].is_null(), "{account}");
    let long = setup.home.opkssh(["check", "--for", "1h"]).run();
    assert_eq!(long.code(), Some(1), "{}", long.stderr());

    wait_until("it is logged out", || {
        let accounts = &status(&setup.home)["accounts"];
        accounts.as_array().unwrap().is_empty().then_some(())
    });
    let list = setup.with_agent("ssh-add").arg("-l").run();
    assert_eq!(list.code(), Some(1), "{}", list.any_stdout());
    wait_until("the provider knows", || {
        let log = setup.provider.log();
        log.iter().any(|seen| seen.path == REVOCATION).then_some(())
    });
    let log = wait_until("the log says so", || {
        let log = daemon_log(&setup.home);
        log.contains("at the end of its lifetime").then_some(log)
    });
    assert!(log.contains("refresh token revoked"), "{log}");
    setup.home.opkssh(["agent", "restart"]).run().stdout();
    let after = status(&setup.home);
    assert_eq!(after["agent"]["lifetime"], 30, "the setting stays");
    assert_eq!(after["accounts"].as_array().unwrap().len(), 0);
}
