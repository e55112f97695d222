//! Many who wait for the same login share it.

use opkssh_test_support::{
    BrowserMode, Client, Part, ProviderOptions, Running, Signal, left_out, wait_until,
};

use crate::agent::servers::Server;
use crate::setup::{Setup, entry, status, write_config};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];
const MANY: usize = 50;

/// One provider with two clients, each an account of its own; nobody at the browser.
fn two_accounts() -> Setup {
    let clients = ["work-client", "other-client"].map(Client::public);
    let options = ProviderOptions {
        clients: clients.to_vec(),
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let entries: Vec<String> = ["work", "other"]
        .into_iter()
        .zip(&clients)
        .map(|(alias, client)| entry(alias, setup.provider.issuer(), client, &[]))
        .collect();
    write_config(&setup.home, &entries);
    setup
}

/// Somebody comes to the window that was opened last.
fn log_in_there(setup: &Setup) {
    setup.browser.behave("alice", BrowserMode::Login);
    let url = setup.browser.opened().pop().expect("a window");
    let launcher = setup.home.command(setup.browser.launcher());
    launcher.arg(url).run().stdout();
}

#[test]
fn fifty_ssh_without_an_account_make_one_login() {
    if left_out(&PARTS) {
        return;
    }
    let setup = two_accounts();
    setup.login(&["other"]);
    let before = setup.provider.authorizations();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let server = Server::ours(&setup.provider, "24h");
    let mut waiting: Vec<Running> = (0..MANY)
        .map(|number| {
            let ssh = setup.home.opkssh(["ssh", "--account", "work"]);
            let ssh = ssh.args(server.sshd.ssh_args()).arg("localhost");
            ssh.arg(format!("echo number {number}")).start()
        })
        .collect();
    for ssh in &mut waiting {
        ssh.wait_for("/auth?");
    }
    wait_until("a window for each account", || {
        (setup.browser.openings() == 2).then_some(())
    });

    // nobody else waits with them
    let list = setup.with_agent("ssh-add").arg("-l").run().stdout();
    assert!(list.contains("opkssh other"), "{list}");
    setup.home.opkssh(["check", "other"]).run().stdout();
    let renewed = setup.home.opkssh(["status"]).run().stdout();
    assert!(renewed.contains("other"), "{renewed}");
    assert!(waiting.iter_mut().all(|ssh| !ssh.has_ended()));

    log_in_there(&setup);
    for (number, ssh) in waiting.into_iter().enumerate() {
        assert_eq!(ssh.wait().stdout(), format!("number {number}\n"));
    }
    assert_eq!(setup.browser.openings(), 3, "the third by the test");
    assert_eq!(setup.provider.authorizations(), before + 1);
    assert_eq!(setup.provider.asked("authorization_code"), 2);
}

#[test]
fn a_second_login_joins_the_first_and_survives_it() {
    if left_out(&PARTS) {
        return;
    }
    let setup = two_accounts();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let mut first = setup.home.opkssh(["login", "work"]).start();
    first.wait_for("Opening browser to ");
    let mut second = setup.home.opkssh(["login", "work"]).start();
    let said = second.wait_for("under way already");
    wait_until("the window is open", || {
        (setup.browser.openings() == 1).then_some(())
    });
    let url = setup.browser.opened().remove(0);
    assert!(said.contains(&url), "{said}");

    first.signal(Signal::INT);
    assert!(!first.wait().success());
    log_in_there(&setup);
    let said = second.wait().stdout();
    assert!(said.contains("In the agent as \"work\""), "{said}");
    assert_eq!(setup.provider.authorizations(), 1);
    assert_eq!(
        status(&setup.home)["accounts"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_login_that_fails_fails_for_all() {
    if left_out(&PARTS) {
        return;
    }
    let setup = two_accounts();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let logins: Vec<Running> = (0..3)
        .map(|_| {
            let mut login = setup.home.opkssh(["login", "work"]).start();
            login.wait_for("/auth?");
            login
        })
        .collect();
    wait_until("the window is open", || {
        (setup.browser.openings() == 1).then_some(())
    });
    setup.browser.behave("alice", BrowserMode::Deny);
    let url = setup.browser.opened().remove(0);
    let denied = setup.home.command(setup.browser.launcher()).arg(url).run();
    drop(denied);
    for login in logins {
        let refused = login.wait().refused();
        assert!(refused.contains("access_denied"), "{refused}");
    }
    assert_eq!(setup.browser.openings(), 2, "the second by the test");
}

#[test]
fn who_cannot_show_a_browser_does_not_keep_others_from_opening_one() {
    if left_out(&PARTS) {
        return;
    }
    let setup = two_accounts();
    setup.browser.behave("alice", BrowserMode::Ignore);
    let far = |login: opkssh_test_support::Run| {
        login.env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    };
    let mut first = far(setup.home.opkssh(["login", "work"])).start();
    first.wait_for("opkssh login --redirected");
    let mut second = setup.home.opkssh(["login", "work"]).start();
    second.wait_for("Opening browser to ");
    wait_until("both tried", || {
        (setup.browser.openings() == 2).then_some(())
    });
    log_in_there(&setup);
    for login in [first, second] {
        let said = login.wait().stdout();
        assert!(said.contains("In the agent as \"work\""), "{said}");
    }
    assert_eq!(setup.provider.authorizations(), 1);
}
