//! The daemon dies at every step of a login, a renewal and a logout, and starts again: what was
//! received is there, what was logged out stays away, and who must log in anew is told why.

mod random;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;

use opkssh_test_support::{Part, ProviderOptions, SecretService, left_out, wait_until};

use crate::agent::store::{index, stored};
use crate::setup::{Setup, kill_daemon, status};

const PARTS: [Part; 2] = [Part::Provider, Part::Keyring];
const VARIABLE: &str = "OPKSSH_FAILPOINT";

/// Until the login is stored, the person has nothing to come back to.
const LOGIN_LOST: [&str; 4] = [
    "login: documents fetched",
    "login: code arrived",
    "login: tokens arrived",
    "login: index written",
];
const LOGIN_KEPT: &str = "login: stored";

/// Steps of a renewal after which the account goes on by itself.
const RENEWAL_KEPT: [&str; 3] = [
    "renewal: documents fetched",
    "renewal: intent stored",
    "renewal: new refresh token stored",
];
/// The provider has given the new refresh token away, and the process died with it in its hands.
const RENEWAL_LOST: &str = "renewal: answer arrived";

const LOGOUT: [&str; 4] = [
    "logout: tombstone written",
    "logout: token revoked",
    "logout: secret deleted",
    "logout: tombstone removed",
];

#[test]
fn every_failpoint_has_its_test() {
    let mut there = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("agent/src"),
        &mut there,
    );
    let tested: BTreeSet<String> = LOGIN_LOST
        .into_iter()
        .chain([LOGIN_KEPT, RENEWAL_LOST])
        .chain(RENEWAL_KEPT)
        .chain(LOGOUT)
        .map(str::to_owned)
        .collect();
    assert_eq!(there, tested);
}

#[test]
fn a_login_that_was_cut_off_leaves_nothing_and_the_next_one_works() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    for step in LOGIN_LOST {
        dies_at(&setup, step, &["login"]);
        let checked = setup.home.opkssh(["check"]).run();
        assert_eq!(checked.code(), Some(1), "{step}");
        let said = checked.any_stdout() + &checked.stderr();
        assert!(said.contains("opkssh login"), "{step}: {said}");
        assert_eq!(stored(&setup.home), None, "{step}");
        setup.login(&[]);
        setup.home.opkssh(["check"]).run().stdout();
        setup.home.opkssh(["logout"]).run().stdout();
    }
}

#[test]
fn a_login_that_was_stored_is_there_after_a_crash() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    dies_at(&setup, LOGIN_KEPT, &["login"]);
    setup.home.opkssh(["check"]).run().stdout();
    setup.certificate();
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in again");
}

#[test]
fn a_renewal_that_was_cut_off_goes_on_by_itself() {
    if left_out(&PARTS) {
        return;
    }
    let setup = short_lived();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    for step in RENEWAL_KEPT {
        renewal_dies_at(&setup, step);
        let before = setup.provider.granted("refresh_token");
        wait_until("the next agent renews", || {
            setup.home.opkssh(["check"]).run().success().then_some(())?;
            (setup.provider.granted("refresh_token") > before).then_some(())
        });
        let account = status(&setup.home)["accounts"][0].clone();
        assert_eq!(account["renewal"], "by-itself", "{step}: {account}");
    }
    // no refresh token was ever used twice
    assert_eq!(
        setup.provider.asked("refresh_token"),
        setup.provider.granted("refresh_token")
    );
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in again");
}

#[test]
fn an_answer_that_was_lost_is_said_and_a_login_is_all_that_is_needed() {
    if left_out(&PARTS) {
        return;
    }
    let setup = short_lived();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    renewal_dies_at(&setup, RENEWAL_LOST);
    is_told_of_the_lost_answer(&setup);
}

#[test]
fn an_answer_that_never_came_is_said_likewise() {
    if left_out(&PARTS) {
        return;
    }
    let setup = short_lived();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let granted = setup.provider.granted("refresh_token");
    setup.provider.hold_answers("/token");
    wait_until("the provider has used up the old token", || {
        (setup.provider.granted("refresh_token") > granted).then_some(())
    });
    kill_daemon(&setup.home);
    setup.provider.release("/token");
    is_told_of_the_lost_answer(&setup);
}

#[test]
fn a_request_that_never_arrived_costs_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let setup = short_lived();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    setup.provider.close();
    wait_until("a renewal has failed", || {
        let error = status(&setup.home)["accounts"][0]["last_error"].clone();
        error.is_string().then_some(())
    });
    kill_daemon(&setup.home);
    setup.provider.open();
    wait_until("the next agent renews", || {
        setup.home.opkssh(["check"]).run().success().then_some(())
    });
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in again");
}

#[test]
fn a_logout_that_was_cut_off_is_finished_and_nothing_comes_back() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    for step in LOGOUT {
        setup.login(&[]);
        let revocations = || {
            let log = setup.provider.log();
            log.iter()
                .filter(|seen| seen.path == "/token/revocation" && seen.status == 200)
                .count()
        };
        let before = revocations();
        kill_daemon(&setup.home);
        dies_at(&setup, step, &["logout"]);
        let checked = setup.home.opkssh(["check"]).run();
        assert_eq!(checked.code(), Some(1), "{step}");
        setup.home.opkssh(["agent", "start"]).run().stdout();
        let list = setup.with_agent("ssh-add").arg("-l").run();
        assert_eq!(
            list.any_stdout(),
            "The agent has no identities.\n",
            "{step}"
        );
        wait_until("nothing is left of the account", || {
            let left = stored(&setup.home).is_some() || index(&setup.home).contains("test");
            (!left).then_some(())
        });
        assert!(revocations() > before, "{step}: the provider was told");
        // said again, it is nothing to do
        setup.home.opkssh(["logout"]).run().stdout();
        let accounts = status(&setup.home)["accounts"].clone();
        assert_eq!(accounts, serde_json::json!([]), "{step}");
    }
}

/// Tokens that are renewed five seconds after they were made.
fn short_lived() -> Setup {
    let options = ProviderOptions {
        id_token_ttl: 15,
        ..ProviderOptions::default()
    };
    Setup::with(options, &["expiration: oidc"])
}

/// Starts an agent that dies at this step of what `command` asks of it.
fn dies_at(setup: &Setup, step: &str, command: &[&str]) {
    setup.home.set(VARIABLE, step);
    stop(setup);
    // it ends however the agent's death leaves it
    let _ = setup.home.opkssh(command).run();
    is_dead(setup, step);
}

/// The same for a renewal, which the agent makes when it is time.
fn renewal_dies_at(setup: &Setup, step: &str) {
    setup.home.set(VARIABLE, step);
    stop(setup);
    let _ = setup.home.opkssh(["agent", "start"]).run();
    is_dead(setup, step);
}

/// So that the next command starts one that knows the failpoint.
fn stop(setup: &Setup) {
    let _ = setup.home.opkssh(["agent", "stop"]).run();
}

fn is_dead(setup: &Setup, step: &str) {
    let control = setup.home.runtime_dir().join("opkssh/control.sock");
    wait_until(&format!("the agent dies at {step:?}"), || {
        UnixStream::connect(&control).is_err().then_some(())
    });
    setup.home.unset(VARIABLE);
}

fn is_told_of_the_lost_answer(setup: &Setup) {
    let said = wait_until("the account says that a login is needed", || {
        let checked = setup.home.opkssh(["check"]).run();
        let said = checked.any_stdout();
        let is_told = checked.code() == Some(1) && said.contains("answer never arrived");
        is_told.then(|| checked.stderr())
    });
    assert_eq!(said, "hint: log in: opkssh login test\n");
    setup.login(&[]);
    setup.home.opkssh(["check"]).run().stdout();
}

/// The steps that the sources name.
fn collect(directory: &Path, steps: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, steps);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for part in text.split("failpoint::reached(\"").skip(1) {
            steps.insert(part.split('"').next().unwrap_or_default().to_owned());
        }
    }
}
